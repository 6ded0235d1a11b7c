import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  apiUrl,
  createClient,
  FormatError,
  NetworkError,
  ProblemError,
  retryAfterSeconds,
  TimeoutError,
  type Exchange,
} from './api/client'

const fetchMock = vi.fn<typeof fetch>()

function respond(status: number, body?: unknown, headers: Record<string, string> = {}) {
  const type = status < 400 ? 'application/json' : 'application/problem+json'
  return new Response(body === undefined ? null : JSON.stringify(body), {
    status,
    headers: { 'Content-Type': type, ...headers },
  })
}

beforeEach(() => {
  vi.stubGlobal('fetch', fetchMock)
})

afterEach(() => {
  vi.unstubAllGlobals()
  fetchMock.mockReset()
})

const api = createClient({ baseUrl: 'http://localhost:8080' })

test('calls the API under the host name of the page', () => {
  expect(apiUrl('8080', '127.0.0.1')).toBe('http://127.0.0.1:8080')
  expect(apiUrl('9000', 'localhost')).toBe('http://localhost:9000')
})

test('an error without a body, as of HEAD, is a ProblemError', async () => {
  fetchMock.mockResolvedValue(respond(404, undefined, { 'X-Request-ID': 'r1' }))
  const observe = vi.fn<(exchange: Exchange) => void>()
  const error = await createClient({ baseUrl: '', observe })
    .send('HEAD', '/api/nowhere')
    .catch((error: unknown) => error)
  expect(error).toBeInstanceOf(ProblemError)
  expect(error).toMatchObject({ status: 404, requestId: 'r1' })
  expect(observe).toHaveBeenCalledTimes(1)
})

test.each(['', 'http://localhost:8080', 'http://localhost:8080/', 'https://api.example.com', 'http://[::1]:8080'])(
  'accepts the baseUrl %j',
  (baseUrl) => {
    expect(createClient({ baseUrl }).baseUrl).toBe(baseUrl)
  },
)

test.each([
  'localhost:8080',
  '//localhost:8080',
  'localhost',
  '/api',
  'ftp://localhost',
  'http://localhost:8080/v1',
  'http://localhost:8080?v=1',
  'http://localhost:8080#v1',
  'http://me:secret@localhost:8080',
])('rejects the baseUrl %j', (baseUrl) => {
  expect(() => createClient({ baseUrl })).toThrow(
    `baseUrl is "${baseUrl}"; write scheme, host and port: http://localhost:8080`,
  )
})

test('sends cookies, and nothing that would make a GET need a preflight', async () => {
  fetchMock.mockResolvedValue(respond(200, { message: 'hello' }))
  expect(await api.request('GET', '/api/hello')).toEqual({ message: 'hello' })

  const [url, init] = fetchMock.mock.calls[0]!
  expect(url).toBe('http://localhost:8080/api/hello')
  expect(init).toMatchObject({ method: 'GET', credentials: 'include', body: null })
  expect([...(init!.headers as Headers)]).toEqual([])
})

test('sends JSON, and encodes parameters of the query and of the path', async () => {
  fetchMock.mockImplementation(async () => respond(200, {}))
  await api.request('POST', '/api/session', { json: { name: 'a' } })
  await api.send('GET', '/api/tasks', { query: { limit: 5, q: 'a&b' } })
  // The description lists the files, and none of their names needs encoding.
  await api.request('GET', '/docs/{file}', { path: { file: 'a/b' as 'docs.js' } })

  const [[, post], [query], [path]] = fetchMock.mock.calls as [[string, RequestInit], [string], [string]]
  expect(post.body).toBe('{"name":"a"}')
  expect((post.headers as Headers).get('Content-Type')).toBe('application/json')
  expect(query).toBe('http://localhost:8080/api/tasks?limit=5&q=a%26b')
  expect(path).toBe('http://localhost:8080/docs/a%2Fb')
})

// The URL standard removes such segments, also when they are encoded as %2e.
test.each(['.', '..'])('sends nothing when a parameter of the path is %j', async (file) => {
  await expect(api.request('GET', '/docs/{file}', { path: { file: file as 'docs.js' } })).rejects.toThrow(
    `{file} is "${file}"`,
  )
  expect(fetchMock).not.toHaveBeenCalled()
})

test('resolves to undefined when there is no body', async () => {
  fetchMock.mockResolvedValueOnce(new Response(null, { status: 204 }))
  expect(await api.request('DELETE', '/api/session')).toBeUndefined()
  fetchMock.mockResolvedValueOnce(new Response('', { headers: { 'Content-Type': 'text/html' } }))
  expect(await api.send('HEAD', '/docs')).toBeUndefined()
})

describe('rejects', () => {
  test('with the problem, its fields, the request ID and Retry-After', async () => {
    const problem = {
      type: 'about:blank',
      title: 'Unprocessable Content',
      status: 422,
      detail: 'One field is wrong.',
      request_id: 'r1',
      errors: [{ field: 'name', detail: 'is missing' }],
    }
    fetchMock.mockResolvedValue(respond(422, problem, { 'Retry-After': '7' }))

    const error = await api.request('POST', '/api/session', { json: { name: '' } }).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(ProblemError)
    expect(error).toMatchObject({
      message: 'One field is wrong.',
      status: 422,
      fields: { name: 'is missing' },
      requestId: 'r1',
      retryAfter: 7,
    })
  })

  // HTTP/2 has no reason phrase, and RFC 9457 requires no member of a problem.
  test.each([
    ['text/html', '<h1>Bad Gateway</h1>'],
    ['application/problem+json', '{}'],
  ])('with a status and a message when a proxy responded over HTTP/2 with %s', async (type, body) => {
    fetchMock.mockResolvedValue(new Response(body, { status: 502, headers: { 'Content-Type': type } }))
    const error = await api.request('GET', '/api/hello').catch((e: unknown) => e)
    expect(error).toMatchObject({ name: 'ProblemError', status: 502, message: 'HTTP status 502' })
  })

  test('with a generated problem when a proxy responded instead of the API', async () => {
    const body = '<h1>Bad Gateway</h1>'
    fetchMock.mockResolvedValue(
      new Response(body, { status: 502, statusText: 'Bad Gateway', headers: { 'Content-Type': 'text/html' } }),
    )
    await expect(api.request('GET', '/api/hello')).rejects.toMatchObject({
      name: 'ProblemError',
      status: 502,
      message: 'Bad Gateway',
    })
  })

  test.each([
    ['text/html', 'text/html'],
    [null, 'no content type'],
    ['application/json', 'application/json'],
  ])('with a FormatError when a 200 does not come from the API (%s)', async (type, said) => {
    const seen: Exchange[] = []
    const api = createClient({ baseUrl: 'http://localhost:5173', observe: (exchange) => seen.push(exchange) })
    const page = new TextEncoder().encode('<!doctype html>')
    fetchMock.mockResolvedValue(new Response(page, type ? { headers: { 'Content-Type': type } } : {}))

    const error = await api.request('GET', '/api/hello').catch((e: unknown) => e)
    expect(error).toBeInstanceOf(FormatError)
    expect((error as Error).message).toBe(
      `http://localhost:5173/api/hello responded with ${said}, not with the API’s JSON`,
    )
    expect(seen).toMatchObject([{ response: { status: 200, body: '<!doctype html>' }, error }])
  })

  test('with a NetworkError when the browser hides the response', async () => {
    const cause = new TypeError('Failed to fetch')
    fetchMock.mockRejectedValue(cause)
    const error = await api.request('GET', '/api/hello').catch((e: unknown) => e)
    expect(error).toBeInstanceOf(NetworkError)
    expect((error as Error).cause).toBe(cause)
  })

  test('with a TimeoutError when no response comes in time', async () => {
    fetchMock.mockImplementation(hang)
    await expect(createClient({ baseUrl: '', timeout: 5 }).request('GET', '/api/hello')).rejects.toBeInstanceOf(
      TimeoutError,
    )
  })

  test('with the AbortError when the caller aborts', async () => {
    fetchMock.mockImplementation(hang)
    const controller = new AbortController()
    const call = api.request('GET', '/api/hello', { signal: controller.signal })
    controller.abort()
    await expect(call).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('with the AbortError when the client’s own signal aborts, for an upload as well', async () => {
    fetchMock.mockImplementation(hang)
    const controller = new AbortController()
    const api = createClient({ baseUrl: '', signal: controller.signal })
    const call = api.request('GET', '/api/hello')
    controller.abort()
    await expect(call).rejects.toMatchObject({ name: 'AbortError' })
    await expect(api.upload(new File([], 'a'))).rejects.toMatchObject({ name: 'AbortError' })
  })
})

test('reports every exchange once, whether it succeeds or fails', async () => {
  const seen: Exchange[] = []
  const api = createClient({ baseUrl: 'http://localhost:8080', observe: (exchange) => seen.push(exchange) })

  fetchMock.mockResolvedValueOnce(respond(404, { type: 'about:blank', title: 'Not Found', status: 404 }))
  await api.send('GET', '/api/nowhere').catch(() => {})
  fetchMock.mockRejectedValueOnce(new TypeError('Failed to fetch'))
  await api.request('GET', '/api/hello').catch(() => {})

  expect(seen).toHaveLength(2)
  expect(seen[0]).toMatchObject({ method: 'GET', url: 'http://localhost:8080/api/nowhere', response: { status: 404 } })
  expect(seen[1]!.response).toBeUndefined()
  expect(seen[1]!.error).toBeInstanceOf(NetworkError)
})

test('the api folder imports nothing from outside, so that it can be copied', () => {
  const files = import.meta.glob<string>('./api/**/*', { query: '?raw', import: 'default', eager: true })
  expect(Object.keys(files)).toContain('./api/client.ts')
  for (const [file, source] of Object.entries(files)) {
    const imports = [...source.matchAll(/\b(?:from|import) ?\(?['"]([^'"]+)['"]/g)].map(([, from]) => from!)
    expect({ file, outside: imports.filter((from) => !from.startsWith('./')) }).toEqual({ file, outside: [] })
  }
})

test.each([
  ['12', 12],
  ['0', 0],
  ['Sat, 21 Nov 2026 12:00:30 GMT', 30],
  ['Sat, 21 Nov 2026 11:00:00 GMT', 0],
  ['soon', undefined],
  [null, undefined],
])('reads Retry-After %j as %j', (value, want) => {
  expect(retryAfterSeconds(value, Date.parse('2026-11-21T12:00:00Z'))).toBe(want)
})

function hang(_: unknown, init?: RequestInit): Promise<Response> {
  return new Promise((_, reject) => init!.signal!.addEventListener('abort', () => reject(init!.signal!.reason)))
}

test('onHeaders receives the headers of a response with any status', async () => {
  for (const status of [200, 412]) {
    fetchMock.mockResolvedValueOnce(respond(status, {}, { ETag: '"1"' }))
    const onHeaders = vi.fn((headers: Headers) => headers.get('ETag'))
    await api.request('GET', '/api/hello', { onHeaders }).catch(() => {})
    expect(onHeaders).toHaveReturnedWith('"1"')
  }
})

test.each(['9999999999', 'Sat, 21 Nov 2099 12:00:00 GMT'])('a timer can wait as long as Retry-After: %s', (value) => {
  expect(retryAfterSeconds(value)! * 1000).toBeLessThan(2 ** 31)
})
