import { ApiDown } from './ApiDown'
import { BlockedHeader } from './BlockedHeader'
import { BlockedOrigin } from './BlockedOrigin'
import { Credentials } from './Credentials'
import { ExposedHeaders } from './ExposedHeaders'
import { Hosts } from './Hosts'
import { Preflighted } from './Preflighted'
import { ReadableErrors } from './ReadableErrors'
import { Search } from './Search'
import { Simple } from './Simple'
import { Upload } from './Upload'

export function Lab() {
  return (
    <>
      <h2 id="lab">What works</h2>
      <Simple />
      <Preflighted />
      <Credentials />
      <ExposedHeaders />
      <ReadableErrors />
      <Upload />
      <Search />
      <h2>What the browser refuses</h2>
      <BlockedOrigin />
      <BlockedHeader />
      <Hosts />
      <ApiDown />
    </>
  )
}
