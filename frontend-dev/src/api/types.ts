/** The bodies that the API sends and takes. */

export interface Hello {
  message: string
}

export interface Item {
  id: string
  name: string
  note: string
  created_at: string
  updated_at: string
}

export interface ItemInput {
  name: string
  note?: string
}

export interface ItemPage {
  items: Item[]
  /** Left out on the last page. */
  next_cursor?: string
}

export interface SearchResult {
  query: string
  items: Item[]
}

export interface Upload {
  name: string
  size: number
  content_type: string
  sha256: string
}

export interface Session {
  name: string
}

export interface FieldError {
  field: string
  detail: string
}

/** An `application/problem+json` body (RFC 9457). */
export interface Problem {
  type: string
  title: string
  status: number
  detail?: string
  request_id?: string
  /** With 422: what is wrong with which field. */
  errors?: FieldError[]
  /** With 429: the rate limit policies that were exceeded. */
  'violated-policies'?: string[]
}
