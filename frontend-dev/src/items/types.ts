/** Short names for the generated types of the items. */
import type { components } from '../api/generated/openapi'

type Schemas = components['schemas']

export type Item = Schemas['Item']
export type ItemDraft = Schemas['ItemDraft']
export type ItemPatch = Schemas['ItemPatch']
export type ItemPage = Schemas['ItemPage']
export type SearchResult = Schemas['SearchResult']
