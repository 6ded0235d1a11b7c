// @vitest-environment node
import { readFileSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { expect, test } from 'vitest'
import { argumentsOf, callOf, exchange, isAbout, refuseStrangers } from './exchange.mjs'
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

/** Sends a body to a server with the plugin. Returns the status, and whether the body was read to its end by then. */
async function post(body) {
  let received
  const server = http.createServer()
  exchange({ corscheck: 'corscheck', apiPort: 1 }).configureServer({
    httpServer: server,
    middlewares: {
      use: (_, handler) => server.on('request', handler).on('request', (request) => (received = request)),
    },
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const agent = new http.Agent({ keepAlive: true }) // as a browser does; otherwise the server closes the connection
  try {
    const host = `127.0.0.1:${server.address().port}`
    const headers = { ...own.headers, host, origin: `http://${host}`, 'content-length': body.length }
    return await new Promise((resolve, reject) => {
      const request = http.request(`http://${host}/__exchange`, { method: 'POST', headers, agent })
      request.on('response', ({ statusCode }) => resolve({ status: statusCode, readToEnd: received.complete }))
      request.on('error', reject).end(body)
    })
  } finally {
    agent.destroy()
    server.closeAllConnections()
    server.close()
  }
}

test('reads a question that is too long before it refuses it', async () => {
  expect(await post(Buffer.alloc(1024 * 1024, ' '))).toEqual({ status: 413, readToEnd: true })
})

test('refuses an endless question before its end', async () => {
  expect(await post(Buffer.alloc(64 * 1024 * 1024, ' '))).toEqual({ status: 413, readToEnd: false })
})

test('counts bytes, not characters', async () => {
  expect(await post(Buffer.from('é'.repeat(40_000)))).toMatchObject({ status: 413 })
  expect(await post(Buffer.from('é'.repeat(30_000)))).toMatchObject({ status: 400 }) // not JSON
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
