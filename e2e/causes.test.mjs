/**
 * The page names the true cause first: every case of causes.cases.mjs, tried in
 * the card for one's own API, in both browsers.
 */
import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { after, before, describe, test } from 'node:test'
import { cases } from './causes.cases.mjs'
import { makeCertificate } from './oracle/certificate.mjs'
import { engines } from './support/browsers.mjs'
import { startHostileServers } from './support/hostile.mjs'
import { open } from './support/page.mjs'
import { corscheckBinary, freePorts, startApi, startPage } from './support/processes.mjs'

/** How many cases run at the same time, each in a tab of its own: a few wait for timeouts. */
const TABS = 5

let api, vite, hostile, secure
const origins = {}

before(async () => {
  const [port, blockedPort, securePort] = await freePorts(3)
  origins.allowed = `http://localhost:${port}`
  origins.blocked = `http://localhost:${blockedPort}`
  origins.secure = `https://localhost:${securePort}`
  api = await startApi({ ALLOWED_ORIGINS: origins.allowed, RATE_LIMIT_DEFAULT: '1000-M' })
  vite = await startPage({ port, blockedPort, apiPort: api.port, env: { CORSCHECK: corscheckBinary() } })
  hostile = await startHostileServers(cases, origins)
  secure = await startSecurePage(securePort, port)
})

after(async () => {
  secure?.close()
  secure?.closeAllConnections()
  hostile?.stop()
  await vite?.stop()
  await api?.stop()
})

for (const engine of engines) {
  describe(engine.name, { skip: engine.missing }, () => {
    test('names the true cause first', { timeout: 120_000 }, async () => {
      const found = new Map()
      const pages = Map.groupBy(cases, ({ page = 'allowed' }) => page)
      for (const [kind, rows] of pages) {
        // Only this option makes a browser accept the certificate of the secure page.
        const browser = await engine.open(kind === 'secure' ? { tunnel: hostile.ports.closed } : {})
        try {
          const queue = [...rows]
          const tabs = Array.from({ length: Math.min(TABS, rows.length) }, async () => {
            const page = await open(browser, `${origins[kind]}/#your-api`)
            for (let row = queue.shift(); row; row = queue.shift()) found.set(row.name, await causeOf(page, row))
            await page.close()
          })
          await Promise.all(tabs)
        } finally {
          await browser.close()
        }
      }
      const wrong = cases
        .map(({ name, cause }) => ({ name, want: cause[engine.name] ?? cause, got: found.get(name) }))
        .filter(({ want, got }) => got !== want)
      assert.deepEqual(wrong, [])
    })
  })
}

test('at least sixty cases, each with a name of its own', () => {
  assert.ok(cases.length >= 60)
  assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length)
})

/** Makes the call of a case in the card, and returns the cause that the page shows first. */
async function causeOf(page, row) {
  const { server = 'http', call = {} } = row
  const port = server === 'api' ? api.port : hostile.ports[server]
  const scheme = server === 'tls' ? 'https' : 'http'
  const root = server === 'http' ? `/${cases.indexOf(row)}` : '/'
  const url = (call.url ?? `${scheme}://localhost:${port}${call.path ?? root}`).replace('$port', port)
  await page.evaluate(send, {
    method: call.method ?? 'GET',
    url: server === 'http' && call.url?.includes('$port') ? url + root.slice(1) : url,
    headers: Object.entries(call.headers ?? {}).map((pair) => pair.join(': ')).join('\n'),
    body: call.body ?? '',
    credentials: call.credentials ?? 'same-origin',
    mode: call.mode ?? 'cors',
  })
  await page.until(`the cause: ${row.name}`, shownCause, undefined, 40)
  return page.evaluate(shownCause)
}

/** Runs in the page: fills the form in as React notices it, and sends it. */
async function send({ url, method, headers, body, credentials, mode }) {
  const form = document.querySelector('#your-api form')
  const rendered = () => new Promise((resolve) => setTimeout(resolve))
  const fill = async (field, value) => {
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), 'value').set.call(field, value)
    field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true }))
    await rendered()
  }
  const [methodField, urlField] = form.querySelectorAll('input')
  const [credentialsField, modeField] = form.querySelectorAll('select')
  await fill(methodField, method)
  await fill(urlField, url)
  await fill(credentialsField, credentials)
  await fill(modeField, mode)
  const [headersField, bodyField] = form.querySelectorAll('textarea')
  await fill(headersField, headers)
  if (bodyField) await fill(bodyField, body)
  form.requestSubmit()
  await rendered()
  await rendered()
}

/** Runs in the page. */
function shownCause() {
  const card = document.getElementById('your-api')
  if (card.ariaBusy === 'true') return ''
  if (card.querySelector('[data-outcome=ok], [data-outcome=none]')) return card.querySelector('.exchange').textContent
  return card.querySelector('[data-cause]')?.dataset.cause ?? ''
}

/** The page over https, for mixed content. */
function startSecurePage(securePort, port) {
  const server = createTlsServer(makeCertificate(), (request, response) => {
    const options = { port, host: '127.0.0.1', method: request.method, path: request.url, headers: request.headers }
    const forwarded = httpRequest(options, (answer) => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
    })
    forwarded.on('error', () => response.destroy())
    request.pipe(forwarded)
  })
  return new Promise((resolve) => server.listen(securePort, '127.0.0.1', () => resolve(server)))
}
