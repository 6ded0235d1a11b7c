const all = [
  { id: 'simple', title: 'A simple request', refused: false, development: false },
  { id: 'preflighted', title: 'A preflighted request', refused: false, development: false },
  { id: 'credentials', title: 'Credentials', refused: false, development: false },
  { id: 'headers', title: 'Headers that JavaScript may read', refused: false, development: false },
  { id: 'errors', title: 'Errors that stay readable', refused: false, development: false },
  { id: 'upload', title: 'An upload with progress', refused: false, development: false },
  { id: 'search', title: 'Search as you type', refused: false, development: false },
  { id: 'blocked-origin', title: 'An origin that is not allowed', refused: true, development: true },
  { id: 'blocked-header', title: 'A header or method that is not allowed', refused: true, development: false },
  { id: 'hosts', title: 'localhost against 127.0.0.1', refused: true, development: true },
  { id: 'api-down', title: 'The API is down', refused: true, development: true },
] as const

export type CardId = (typeof all)[number]['id']

/**
 * The cards of the lab, in their order on the page. A built page has one
 * address and one API: no blocked port, no second host name, and no dead API
 * that its Content-Security-Policy would let it call.
 */
export const cards = all.filter(({ development }) => import.meta.env.DEV || !development)
