/** Short names for the generated types of the items. */
import type { components } from '../api/generated/openapi'

type Schemas = components['schemas']

export type Item = Schemas['Item']
export type ItemDraft = Schemas['ItemDraft']
export type ItemPatch = Schemas['ItemPatch']
/** An item, and the ETag of that version of it. */
export interface ItemVersion {
  item: Item
  etag: string
}

export type ItemPage = Schemas['ItemPage']
export type SearchResult = Schemas['SearchResult']
