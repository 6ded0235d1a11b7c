import { itemCards } from '../items/cards'
import { ApiDown } from './ApiDown'
import { AppOrigin } from './AppOrigin'
import { BlockedHeader } from './BlockedHeader'
import { BlockedOrigin } from './BlockedOrigin'
import { Credentials } from './Credentials'
import { ExposedHeaders } from './ExposedHeaders'
import { Hosts } from './Hosts'
import { LocalNetwork } from './LocalNetwork'
import { Preflighted } from './Preflighted'
import { ReadableErrors } from './ReadableErrors'
import { Simple } from './Simple'
import { Upload } from './Upload'
import { YourApi } from './YourApi'

/**
 * The cards of the lab, in their order on the page. `refused` decides the heading
 * of a card. A build leaves some cards out, because a built page has one address
 * and one API: no blocked port, no second host name, and no other API that its
 * Content-Security-Policy allows.
 */
export const cards = [
  ...(import.meta.env.DEV
    ? [{ id: 'your-api', title: 'Try your own API', Content: YourApi, source: 'lab/YourApi.tsx', refused: undefined }]
    : []),
  { id: 'simple', title: 'A simple request', Content: Simple, source: 'lab/Simple.tsx', refused: false },
  {
    id: 'preflighted',
    title: 'A preflighted request',
    Content: Preflighted,
    source: 'lab/Preflighted.tsx',
    refused: false,
  },
  { id: 'credentials', title: 'Credentials', Content: Credentials, source: 'lab/Credentials.tsx', refused: false },
  {
    id: 'headers',
    title: 'Headers that JavaScript may read',
    Content: ExposedHeaders,
    source: 'lab/ExposedHeaders.tsx',
    refused: false,
  },
  {
    id: 'errors',
    title: 'Errors that stay readable',
    Content: ReadableErrors,
    source: 'lab/ReadableErrors.tsx',
    refused: false,
  },
  { id: 'upload', title: 'An upload with progress', Content: Upload, source: 'lab/Upload.tsx', refused: false },
  ...itemCards,
  ...(import.meta.env.DEV
    ? [
        {
          id: 'blocked-origin',
          title: 'An origin that is not allowed',
          Content: BlockedOrigin,
          source: 'lab/BlockedOrigin.tsx',
          refused: true,
        },
      ]
    : []),
  {
    id: 'blocked-header',
    title: 'A header or method that is not allowed',
    Content: BlockedHeader,
    source: 'lab/BlockedHeader.tsx',
    refused: true,
  },
  ...(import.meta.env.DEV
    ? [
        { id: 'hosts', title: 'localhost vs. 127.0.0.1', Content: Hosts, source: 'lab/Hosts.tsx', refused: true },
        { id: 'api-down', title: 'The API is down', Content: ApiDown, source: 'lab/ApiDown.tsx', refused: true },
        {
          id: 'local-network',
          title: 'Local Network Access',
          Content: LocalNetwork,
          source: 'lab/LocalNetwork.tsx',
          refused: true,
        },
        {
          id: 'app-origin',
          title: 'The origin of an app or an extension',
          Content: AppOrigin,
          source: 'lab/AppOrigin.tsx',
          refused: true,
        },
      ]
    : []),
]
