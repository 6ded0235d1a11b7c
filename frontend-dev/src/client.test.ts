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

function answer(status: number, body?: unknown, headers: Record<string, string> = {}) {
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

test.each(['', 'http://localhost:8080', 'http://localhost:8080/', 'https://api.example.com', 'http://[::1]:8080'])(
  'takes the baseUrl %j',
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
])('refuses the baseUrl %j', (baseUrl) => {
  expect(() => createClient({ baseUrl })).toThrow(
    `baseUrl is "${baseUrl}"; write scheme, host and port: http://localhost:8080`,
  )
})

test('sends cookies, and nothing that would make a GET need a preflight', async () => {
  fetchMock.mockResolvedValue(answer(200, { message: 'hello' }))
  expect(await api.hello()).toEqual({ message: 'hello' })

  const [url, init] = fetchMock.mock.calls[0]!
  expect(url).toBe('http://localhost:8080/api/hello')
  expect(init).toMatchObject({ method: 'GET', credentials: 'include', body: null })
  expect([...(init!.headers as Headers)]).toEqual([])
})

test('sends JSON, and leaves query values out that are not given', async () => {
  fetchMock.mockImplementation(async () => answer(200, {}))
  await api.createItem({ name: 'a' })
  await api.listItems({ limit: 5, cursor: undefined })
  await api.search('a&b')
  await api.getItem('a/b')

  const [[, post], [list], [search], [item]] = fetchMock.mock.calls as [
    [string, RequestInit],
    [string],
    [string],
    [string],
  ]
  expect(post.body).toBe('{"name":"a"}')
  expect((post.headers as Headers).get('Content-Type')).toBe('application/json')
  expect(list).toBe('http://localhost:8080/api/items?limit=5')
  expect(search).toBe('http://localhost:8080/api/search?q=a%26b')
  expect(item).toBe('http://localhost:8080/api/items/a%2Fb')
})

test('resolves to undefined when there is no body', async () => {
  fetchMock.mockResolvedValueOnce(new Response(null, { status: 204 }))
  expect(await api.deleteItem('1')).toBeUndefined()
  fetchMock.mockResolvedValueOnce(new Response('', { headers: { 'Content-Type': 'text/html' } }))
  expect(await api.request('HEAD', '/docs')).toBeUndefined()
})

describe('rejects', () => {
  test('with the problem, its fields, the request id and Retry-After', async () => {
    const problem = {
      type: 'about:blank',
      title: 'Unprocessable Content',
      status: 422,
      detail: 'One field is wrong.',
      request_id: 'r1',
      errors: [{ field: 'name', detail: 'is missing' }],
    }
    fetchMock.mockResolvedValue(answer(422, problem, { 'Retry-After': '7' }))

    const error = await api.createItem({ name: '' }).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(ProblemError)
    expect(error).toMatchObject({
      message: 'One field is wrong.',
      status: 422,
      fields: { name: 'is missing' },
      requestId: 'r1',
      retryAfter: 7,
    })
  })

  test('with a problem of its own when something before the API answered', async () => {
    const body = '<h1>Bad Gateway</h1>'
    fetchMock.mockResolvedValue(
      new Response(body, { status: 502, statusText: 'Bad Gateway', headers: { 'Content-Type': 'text/html' } }),
    )
    await expect(api.hello()).rejects.toMatchObject({ name: 'ProblemError', status: 502, message: 'Bad Gateway' })
  })

  test.each([
    ['text/html', 'text/html'],
    [null, 'without a content type'],
    ['application/json', 'application/json'],
  ])('with a FormatError when what answers 200 is not the API (%s)', async (type, said) => {
    const seen: Exchange[] = []
    const api = createClient({ baseUrl: 'http://localhost:5173', observe: (exchange) => seen.push(exchange) })
    const page = new TextEncoder().encode('<!doctype html>')
    fetchMock.mockResolvedValue(new Response(page, type ? { headers: { 'Content-Type': type } } : {}))

    const error = await api.hello().catch((e: unknown) => e)
    expect(error).toBeInstanceOf(FormatError)
    expect((error as Error).message).toBe(`http://localhost:5173/api/hello answered ${said}, not the API’s JSON`)
    expect(seen).toMatchObject([{ response: { status: 200, body: '<!doctype html>' }, error }])
  })

  test('with a NetworkError when the browser hides the answer', async () => {
    const cause = new TypeError('Failed to fetch')
    fetchMock.mockRejectedValue(cause)
    const error = await api.hello().catch((e: unknown) => e)
    expect(error).toBeInstanceOf(NetworkError)
    expect((error as Error).cause).toBe(cause)
  })

  test('with a TimeoutError when no answer comes in time', async () => {
    fetchMock.mockImplementation(hang)
    await expect(createClient({ baseUrl: '', timeout: 5 }).hello()).rejects.toBeInstanceOf(TimeoutError)
  })

  test('with the abort when the caller aborts', async () => {
    fetchMock.mockImplementation(hang)
    const controller = new AbortController()
    const call = api.search('x', { signal: controller.signal })
    controller.abort()
    await expect(call).rejects.toMatchObject({ name: 'AbortError' })
  })
})

test('tells of every exchange once, whether it succeeds or fails', async () => {
  const seen: Exchange[] = []
  const api = createClient({ baseUrl: 'http://localhost:8080', observe: (exchange) => seen.push(exchange) })

  fetchMock.mockResolvedValueOnce(answer(404, { type: 'about:blank', title: 'Not Found', status: 404 }))
  await api.request('GET', '/api/nowhere').catch(() => {})
  fetchMock.mockRejectedValueOnce(new TypeError('Failed to fetch'))
  await api.hello().catch(() => {})

  expect(seen).toHaveLength(2)
  expect(seen[0]).toMatchObject({ method: 'GET', url: 'http://localhost:8080/api/nowhere', response: { status: 404 } })
  expect(seen[1]!.response).toBeUndefined()
  expect(seen[1]!.error).toBeInstanceOf(NetworkError)
})

test('imports nothing from outside its folder, which is there to be copied', () => {
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
