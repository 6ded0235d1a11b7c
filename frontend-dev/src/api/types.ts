/**
 * The bodies that the API sends and takes, by short names. They are generated
 * from the API's description by `npm run generate`; a test run fails when the
 * two drift apart.
 */
import type { components } from './generated/openapi'

type Schemas = components['schemas']

export type Hello = Schemas['Greeting']
export type Item = Schemas['Item']
export type ItemInput = Schemas['ItemDraft']
export type ItemPage = Schemas['ItemPage']
export type SearchResult = Schemas['SearchResult']
export type Upload = Schemas['UploadedFile']
export type Session = Schemas['Guest']
export type FieldError = Schemas['FieldError']
/** An `application/problem+json` body (RFC 9457). A proxy's own may lack a detail. */
export type Problem = Omit<Schemas['Problem'], 'detail'> & { detail?: string }
