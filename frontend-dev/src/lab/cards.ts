/** The cards of the lab, in their order on the page. */
export const cards = [
  { id: 'simple', title: 'A simple request', refused: false },
  { id: 'preflighted', title: 'A preflighted request', refused: false },
  { id: 'credentials', title: 'Credentials', refused: false },
  { id: 'headers', title: 'Headers that JavaScript may read', refused: false },
  { id: 'errors', title: 'Errors that stay readable', refused: false },
  { id: 'upload', title: 'An upload with progress', refused: false },
  { id: 'search', title: 'Search as you type', refused: false },
  { id: 'blocked-origin', title: 'An origin that is not allowed', refused: true },
  { id: 'blocked-header', title: 'A header or method that is not allowed', refused: true },
  { id: 'hosts', title: 'localhost against 127.0.0.1', refused: true },
  { id: 'api-down', title: 'The API is down', refused: true },
] as const

export type CardId = (typeof cards)[number]['id']
