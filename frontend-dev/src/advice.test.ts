import { expect, test } from 'vitest'
import { advise, adviseResponse } from './advice'

const failure = {
  pageOrigin: 'http://localhost:5174',
  apiOrigin: 'http://localhost:8080',
  reachable: false,
  method: undefined,
  headers: [],
}
const preflighted = { ...failure, method: 'PATCH', headers: ['content-type', 'x-not-listed'] }

const causes = (...args: Parameters<typeof advise>) => advise(...args).map(({ cause }) => cause)

test('lists every possible cause, the likely one first', () => {
  expect(causes(failure)).toEqual(['api-down', 'origin'])
  expect(causes(failure, 'origin')).toEqual(['origin', 'api-down'])
  expect(causes(preflighted)).toEqual(['api-down', 'origin', 'preflight'])
})

test('rules out the API and the origin when this page can read other responses', () => {
  expect(causes({ ...failure, reachable: true })).toEqual(['interrupted'])
  expect(causes({ ...preflighted, reachable: true }, 'origin')).toEqual(['preflight', 'interrupted'])
})

test('a page from the internet needs a permission to call this machine', () => {
  const local = { ...failure, pageOrigin: 'https://app.example.com' }
  expect(causes(local)).toEqual(['local-network', 'api-down', 'origin'])
  expect(advise(local)[0]!.check).not.toContain('over https')
  expect(advise({ ...local, pageOrigin: 'http://app.example.com' })[0]!.check).toContain('over https')
  expect(causes({ ...local, reachable: true })).toEqual(['interrupted'])
})

test('rules out CORS for a same-origin call', () => {
  expect(causes({ ...preflighted, apiOrigin: failure.pageOrigin })).toEqual(['api-down'])
})

test('names the setting to change and the log line to look for', () => {
  const [origin] = advise(failure, 'origin')
  expect(origin!.paste).toBe(
    'ALLOWED_ORIGINS=http://localhost:5173,http://127.0.0.1:5173,http://localhost:3000,http://localhost:5174',
  )
  expect(origin!.log).toContain('cors_denied')
})

const headers = 'CORS_ALLOWED_HEADERS=Authorization,Content-Type,If-Match,X-Request-ID'
const methods = 'CORS_ALLOWED_METHODS=GET,HEAD,POST,PUT,PATCH,DELETE'

test.each([
  ['PATCH', [], 'the method PATCH', methods],
  ['PURGE', [], 'the method PURGE', `${methods},PURGE`],
  [undefined, ['content-type'], 'the header content-type', headers],
  [
    'PUT',
    ['content-type', 'x-a'],
    'the method PUT or the header content-type or the header x-a',
    `${methods}\n${headers},x-a`,
  ],
])('names what the preflight asks for: %s %j', (method, headers, asked, paste) => {
  const [preflight] = advise({ ...failure, reachable: true, method, headers })
  expect(preflight).toMatchObject({ summary: `The response to the preflight does not allow ${asked}.`, paste })
})

test('a method in lower case needs a correction, not a setting', () => {
  const [preflight] = advise({ ...failure, reachable: true, method: 'patch', headers: [] })
  expect(preflight!.check).toBe("Methods are case-sensitive: write method: 'PATCH'.")
  expect(preflight!.paste).toBeUndefined()
})

const page = 'http://localhost:5173'
const problem = new Headers({ 'Content-Type': 'application/problem+json' })
const response = (url: string, status: number, credentials: RequestCredentials = 'include', headers = problem) =>
  adviseResponse(
    {
      method: 'GET',
      url,
      credentials,
      requestHeaders: new Headers(),
      requestBody: undefined,
      progress: false,
      milliseconds: 1,
      response: { status, statusText: '', headers, body: {} },
    },
    page,
  )?.cause

test.each([
  ['http://localhost:8080/', 401, 'omit', 'credentials-mode'],
  ['http://localhost:8080/', 401, 'same-origin', 'credentials-mode'],
  ['http://localhost:8080/', 401, 'include', undefined],
  ['http://127.0.0.1:8080/', 401, 'include', 'cookie-site'],
  ['https://localhost/', 401, 'include', 'cookie-site'],
  ['http://127.0.0.1:8080/', 404, 'include', undefined],
  [page, 401, 'same-origin', undefined],
  [page, 502, 'include', undefined],
] as const)('explains an error where the page can tell: %s %d %s', (url, status, credentials, cause) => {
  expect(response(url, status, credentials)).toBe(cause)
})

test('a proxy’s own error is not the API’s', () => {
  expect(response(page, 502, 'include', new Headers())).toBe('Gateway')
  expect(response('http://localhost:8080/', 502, 'include', new Headers())).toBeUndefined()
})
