/** What must not compile of the calls to items; see ../client.types.ts. */
import { createClient } from '../api/client'

const api = createClient({ baseUrl: '' })

export async function compiles() {
  const page = await api.request('GET', '/api/items', { query: { limit: 5 } })
  const item = await api.request('GET', '/api/items/{id}', { path: { id: page.items[0]!.id } })
  await api.request('PATCH', '/api/items/{id}', { path: { id: item.id }, json: { note: '' } })
  const { items } = await api.request('GET', '/api/search', { query: { q: item.name } })
  return items
}

export async function doesNotCompile() {
  // @ts-expect-error -- the query parameter has another name
  await api.request('GET', '/api/items', { query: { size: 5 } })
  // @ts-expect-error -- the query parameter has another type
  await api.request('GET', '/api/items', { query: { limit: '5' } })
  // @ts-expect-error -- the query parameter is missing
  await api.request('GET', '/api/search')
  // @ts-expect-error -- the path parameter is missing
  await api.request('GET', '/api/items/{id}')
  // @ts-expect-error -- the path parameter has another name
  await api.request('GET', '/api/items/{id}', { path: { item: '1' } })
  // @ts-expect-error -- the path is a template; parameters are passed separately
  await api.request('GET', '/api/items/1')
  // @ts-expect-error -- the body has no such field
  await api.request('POST', '/api/items', { json: { name: 'a', colour: 'red' } })
}
