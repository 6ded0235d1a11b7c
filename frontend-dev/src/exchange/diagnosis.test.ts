// @vitest-environment node -- its Headers class lower-cases names, as browsers do
import { beforeEach, expect, test, vi } from 'vitest'
import { NetworkError, TimeoutError, type Exchange } from '../api/client'
import { defaults, lineWith } from '../settings'
import type { Answer, Check } from './ask'
import { diagnose, reasonOf } from './diagnosis'

const page = 'http://localhost:5174'
const url = 'http://localhost:8080/api/session'
const call = (method = 'GET', error: Error = new NetworkError(method, url)): Exchange => ({
  method,
  url,
  credentials: 'include',
  requestHeaders: new Headers(),
  requestBody: undefined,
  progress: false,
  milliseconds: 10_000,
  error,
})

beforeEach(() => {
  vi.stubGlobal('navigator', { userAgent: 'Chromium' })
})

const message = { method: 'GET', url, sent: [], came: [], status: 200 } satisfies Check['exchanges'][number]
const blocked = (reason: string, status = 200, more: Partial<Check> = {}): Check => ({
  allowed: false,
  browsers: [
    { name: 'Chromium', allowed: false, sent: true, status, reason, explanation: 'the response is wrong', checks: [] },
  ],
  exchanges: [message],
  fix: { text: 'have the server change it', lines: ['X: y'] },
  ...more,
})
const failed = (reason: string, more = {}): Check => ({
  allowed: false,
  error: 'the option is wrong',
  reason,
  exchanges: [{ ...message, status: 0, ...more }],
})
const ours = (check: Check, values = {}, fixed: string[] = [], log: string[] = []): Answer =>
  ({ check, log, settings: { values, fixed } }) as Answer
const theirs = (check: Check): Answer => ({ check, log: [] })

test.each<[string, Exchange, Answer, RegExp]>([
  [
    'ConnectionRefused',
    call(),
    ours(failed('ConnectionRefused')),
    /Nothing listens at http:\/\/localhost:8080: .* Start it with make dev/,
  ],
  ['ConnectionRefused', call(), theirs(failed('ConnectionRefused')), /correct the port/],
  ['TimedOut', call(), theirs(failed('TimedOut', { preflight: true })), /does not respond to the preflight/],
  ['NotACall', call(), theirs(failed('NotACall')), /^The option is wrong\./],
  [
    'Slow',
    call('POST', new TimeoutError('POST', url, 10_000)),
    theirs({ allowed: true, exchanges: [message] }),
    /did not within 10 s/,
  ],
  ['BrokenBody', call(), theirs({ allowed: true, exchanges: [{ ...message, broken: 'unexpected EOF' }] }), /broke off/],
  [
    'NotRepeated',
    call('POST'),
    theirs({ allowed: true, exchanges: [{ ...message, stand_in: 'GET' }] }),
    /a GET to the same URL\. Look at the response to POST itself/,
  ],
  [
    'LocalNetwork',
    call(),
    { ...theirs({ allowed: true, exchanges: [message] }), permission: 'denied' },
    /call an address of this machine: .* settings for http:\/\/localhost:5174/,
  ],
  ['Interrupted', call(), theirs({ allowed: true, exchanges: [message] }), /succeeds now/],
  ['MethodCase', call('patch'), theirs(blocked('MethodDisallowedByPreflightResponse')), /Write method: 'PATCH'/],
  ['Gateway', call(), theirs(blocked('MissingAllowOriginHeader', 502)), /proxy in front of the API responded with 502/],
  [
    'MissingAllowOriginHeader',
    call(),
    theirs(blocked('MissingAllowOriginHeader', 403)),
    /^The response is wrong\. Have the server change it\. As response headers:$/,
  ],
  ['InvalidAllowCredentials', call(), ours(blocked('InvalidAllowCredentials')), /Write this line into \.env/],
])('names the cause: %s', (cause, exchange, answer, text) => {
  const found = diagnose(exchange, answer, page)
  expect(found.cause).toBe(cause)
  expect(`${found.summary} ${found.fix}`).toMatch(text)
})

test('what a GET in place of the call told is said to be so', () => {
  const check = blocked('MissingAllowOriginHeader', 200, {
    exchanges: [{ ...message, method: 'POST', stand_in: 'GET' }],
  })
  expect(diagnose(call('POST'), theirs(check), page).note).toMatch(
    /^POST may change data, so it was not sent again: a GET/,
  )
})

test('a fix says where its lines belong', () => {
  const fix = { text: 'have the server change it', server: 'nginx', lines: ['add_header x y;'] }
  expect(diagnose(call(), theirs(blocked('MissingAllowOriginHeader', 200, { fix })), page).fix).toMatch(
    / In nginx, in the location of the API:$/,
  )
})

const denied =
  'time=x level=WARN msg=cors_denied origin=http://localhost:5174 reason="port differs: 5174 is not 5173; list it"'

test('a denied origin is explained by the API’s log, and the line for .env is whole', () => {
  const check = blocked('MissingAllowOriginHeader', 403)
  const found = diagnose(
    call(),
    ours(check, { ALLOWED_ORIGINS: 'http://localhost:5173' }, [], ['msg=other', denied]),
    page,
  )
  expect(found).toMatchObject({
    cause: 'OriginDenied',
    summary: `The API does not allow the origin ${page}: port differs: 5174 is not 5173.`,
    lines: [`ALLOWED_ORIGINS=http://localhost:5173,${page}`],
  })
  expect(diagnose(call(), ours(check), page, true).note).toMatch(/on purpose/)
  expect(diagnose(call(), ours(check), page).lines).toEqual([`ALLOWED_ORIGINS=${defaults.ALLOWED_ORIGINS},${page}`])
  expect(diagnose(call(), ours(check, { ALLOWED_ORIGINS: '' }), page).lines).toEqual([`ALLOWED_ORIGINS=${page}`])
  expect(diagnose(call(), ours(check, {}, ['ALLOWED_ORIGINS']), page).fix).toMatch(/set in the environment of make dev/)
})

test('a preflight that lacks something names the whole setting', () => {
  const preflight = {
    ...message,
    sent: [['Access-Control-Request-Headers', 'content-type,x-a,x-b']],
    came: [['Access-Control-Allow-Headers', 'Content-Type, X-A']],
  } satisfies Check['exchanges'][number]
  const headers = diagnose(
    call(),
    ours(blocked('HeaderDisallowedByPreflightResponse', 204, { exchanges: [preflight] })),
    page,
  )
  expect(headers.lines).toEqual([`CORS_ALLOWED_HEADERS=${defaults.CORS_ALLOWED_HEADERS},x-b`])
  const method = diagnose(call('PURGE'), ours(blocked('MethodDisallowedByPreflightResponse')), page)
  expect(method.lines).toEqual([`CORS_ALLOWED_METHODS=${defaults.CORS_ALLOWED_METHODS},PURGE`])
})

test.each([
  [denied, 'port differs: 5174 is not 5173; list it'],
  ['{"level":"WARN","msg":"cors_denied","reason":"a \\"b\\""}', 'a "b"'],
  ['msg=cors_denied reason=short', 'short'],
  ['msg=request status=200', undefined],
])('reads the reason in %s', (line, reason) => {
  expect(reasonOf(line)).toBe(reason)
})

test('a line keeps what is listed and repeats nothing', () => {
  expect(lineWith('CORS_ALLOWED_METHODS', ['PUT', 'PURGE'], 'GET, PUT')).toBe('CORS_ALLOWED_METHODS=GET,PUT,PURGE')
})
