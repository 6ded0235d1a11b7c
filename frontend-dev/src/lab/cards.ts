import { itemCards } from '../items/cards'
import { ApiDown } from './ApiDown'
import { BlockedHeader } from './BlockedHeader'
import { BlockedOrigin } from './BlockedOrigin'
import { Credentials } from './Credentials'
import { ExposedHeaders } from './ExposedHeaders'
import { Hosts } from './Hosts'
import { Preflighted } from './Preflighted'
import { ReadableErrors } from './ReadableErrors'
import { Simple } from './Simple'
import { Upload } from './Upload'

const all = [
  { id: 'simple', title: 'A simple request', Content: Simple, source: 'lab/Simple.tsx', refused: false, development: false },
  { id: 'preflighted', title: 'A preflighted request', Content: Preflighted, source: 'lab/Preflighted.tsx', refused: false, development: false },
  { id: 'credentials', title: 'Credentials', Content: Credentials, source: 'lab/Credentials.tsx', refused: false, development: false },
  { id: 'headers', title: 'Headers that JavaScript may read', Content: ExposedHeaders, source: 'lab/ExposedHeaders.tsx', refused: false, development: false },
  { id: 'errors', title: 'Errors that stay readable', Content: ReadableErrors, source: 'lab/ReadableErrors.tsx', refused: false, development: false },
  { id: 'upload', title: 'An upload with progress', Content: Upload, source: 'lab/Upload.tsx', refused: false, development: false },
  ...itemCards,
  { id: 'blocked-origin', title: 'An origin that is not allowed', Content: BlockedOrigin, source: 'lab/BlockedOrigin.tsx', refused: true, development: true },
  { id: 'blocked-header', title: 'A header or method that is not allowed', Content: BlockedHeader, source: 'lab/BlockedHeader.tsx', refused: true, development: false },
  { id: 'hosts', title: 'localhost vs. 127.0.0.1', Content: Hosts, source: 'lab/Hosts.tsx', refused: true, development: true },
  { id: 'api-down', title: 'The API is down', Content: ApiDown, source: 'lab/ApiDown.tsx', refused: true, development: true },
]

/**
 * The cards of the lab, in their order on the page. Some need the development
 * server: a built page has one address and one API, so no blocked port, no
 * second host name, and no dead API that its Content-Security-Policy allows.
 */
export const cards = all.filter(({ development }) => import.meta.env.DEV || !development)
