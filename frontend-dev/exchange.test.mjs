// @vitest-environment node
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { argumentsOf, callOf, isAbout, refuseStrangers } from './exchange.mjs'
import { defaults } from './src/settings.ts'

const own = {
  method: 'POST',
  socket: { remoteAddress: '127.0.0.1' },
  headers: {
    host: 'localhost:5173',
    origin: 'http://localhost:5173',
    'sec-fetch-site': 'same-origin',
    'content-type': 'application/json',
  },
}
const withHeaders = (headers) => ({ ...own, headers: { ...own.headers, ...headers } })

test.each([
  ['its own page', own],
  ['its own page at the other host name', withHeaders({ host: '127.0.0.1:5173', origin: 'http://127.0.0.1:5173' })],
  ['its own page behind TLS on this machine', withHeaders({ origin: 'https://localhost:5173' })],
  ['IPv6', { ...withHeaders({ host: '[::1]:5173', origin: 'http://[::1]:5173' }), socket: { remoteAddress: '::1' } }],
])('answers %s', (_, request) => {
  expect(() => refuseStrangers(request)).not.toThrow()
})

test.each([
  ['a page of another site', withHeaders({ origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }), 403],
  ['a page on another port', withHeaders({ origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' }), 403],
  ['an origin that is not the Host', withHeaders({ origin: 'http://localhost:3000' }), 403],
  ['no Origin', withHeaders({ origin: undefined }), 403],
  ['no Sec-Fetch-Site, which is not a browser', withHeaders({ 'sec-fetch-site': undefined }), 403],
  ['a rebound DNS name', withHeaders({ host: 'evil.example:5173', origin: 'http://evil.example:5173' }), 403],
  [
    'a name that only begins as this machine’s',
    withHeaders({ host: '127.0.0.1.evil.example', origin: 'http://127.0.0.1.evil.example' }),
    403,
  ],
  ['no Host', withHeaders({ host: undefined, origin: 'http://' }), 403],
  ['another machine', { ...own, socket: { remoteAddress: '192.168.0.7' } }, 403],
  ['a closed connection', { ...own, socket: {} }, 403],
  ['GET', { ...own, method: 'GET' }, 405],
  ['a form', withHeaders({ 'content-type': 'text/plain' }), 415],
])('refuses %s', (_, request, status) => {
  expect(() => refuseStrangers(request)).toThrow(expect.objectContaining({ status }))
})

const question = {
  method: 'PUT',
  url: 'http://localhost:8080/a',
  headers: [['x-a', '1']],
  credentials: 'include',
  mode: 'cors',
  started: 1,
  ended: 2,
}

test.each([
  ['no JSON', '{'],
  ['nothing', 'null'],
  ['another scheme', { ...question, url: 'file:///etc/passwd' }],
  ['no URL', { ...question, url: '--har=x' }],
  ['a method that is not text', { ...question, method: ['PUT'] }],
  ['an origin that is not text', { ...question, origin: ['--har=x'] }],
  ['headers that are not pairs', { ...question, headers: [['x-a']] }],
  ['no time', { ...question, started: undefined }],
])('refuses a question with %s', (_, text) => {
  expect(() => callOf(typeof text === 'string' ? text : JSON.stringify(text))).toThrow(
    expect.objectContaining({ status: 400 }),
  )
})

test('no value becomes an option, and no method is sent that may change something', () => {
  const hostile = {
    ...question,
    method: '--har=/etc/passwd',
    headers: [['--har', '/etc/passwd']],
    hasBody: true,
    hasListener: true,
  }
  const args = argumentsOf(callOf(JSON.stringify(hostile)), 'http://localhost:5173')
  expect(args).toContain('--safe')
  expect(args.filter((arg) => arg.startsWith('--har'))).toEqual([])
  expect(args.slice(-1)).toEqual(['http://localhost:8080/a'])
  expect(args).toEqual(
    expect.arrayContaining(['--credentials', '--upload-listener', '--data=', '--method=--har=/etc/passwd']),
  )
})

test('the defaults are those of .env.example', () => {
  const example = readFileSync(path.join(import.meta.dirname, '../.env.example'), 'utf8')
  for (const [name, value] of Object.entries(defaults))
    expect(example).toMatch(new RegExp(`^#? ?${name}=${value}$`, 'm'))
})

test.each([
  ['msg=cors_denied path=/api/items reason=x', '/api/items', true],
  ['msg=cors_denied path=/api/items', '/api/items', true],
  ['msg=cors_denied path=/api/items/1 reason=x', '/api/items', false],
  ['msg=cors_denied path="/a b" reason=x', '/a%20b', true],
  ['{"msg":"cors_denied","path":"/api/items"}', '/api/items', true],
  ['{"msg":"request","url.path":"/api/items"}', '/api/items', true],
  ['msg=started url=http://127.0.0.1:8080', '/', false],
  ['msg=cors_denied path=/%', '/%', true],
])('knows whether a line of the log is about a call: %s', (line, pathname, about) => {
  expect(isAbout(line, pathname)).toBe(about)
})
