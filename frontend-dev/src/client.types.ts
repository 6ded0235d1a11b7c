/**
 * What must not compile. `npm run typecheck` reads this file and nothing runs
 * it: tsc reports a line below `@ts-expect-error` that compiles after all.
 */
import { createClient } from './api/client'

const api = createClient({ baseUrl: '' })

export async function compiles() {
  const { message } = await api.request('GET', '/api/hello')
  const { name } = await api.request('POST', '/api/session', { json: { name: message } })
  const nothing: undefined = await api.request('DELETE', '/api/session', { headers: { 'X-Request-ID': name } })
  return nothing
}

export async function doesNotCompile() {
  // @ts-expect-error -- no such path
  await api.request('GET', '/api/helo')
  // @ts-expect-error -- the path has no such method
  await api.request('PUT', '/api/hello')
  // @ts-expect-error -- methods are case-sensitive
  await api.request('get', '/api/hello')
  // @ts-expect-error -- the body is missing
  await api.request('POST', '/api/session')
  // @ts-expect-error -- the body lacks its field
  await api.request('POST', '/api/session', { json: {} })
  // @ts-expect-error -- the field has another type
  await api.request('POST', '/api/session', { json: { name: 1 } })
  // @ts-expect-error -- the body has no such field
  await api.request('POST', '/api/session', { json: { name: 'Ada', age: 36 } })
  // @ts-expect-error -- the operation takes no body
  await api.request('GET', '/api/session', { json: { name: 'Ada' } })
  // @ts-expect-error -- the operation takes no such query parameter
  await api.request('GET', '/api/hello', { query: { limit: 1 } })
  // @ts-expect-error -- the path has no parameters
  await api.request('GET', '/api/hello', { path: { id: '1' } })
  // @ts-expect-error -- the response has no such field
  void (await api.request('GET', '/api/hello')).text
}
