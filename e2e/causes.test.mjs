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
import { axeFindings, exchange, open, overflows, press } from './support/page.mjs'
import { corscheckBinary, freePorts, startApi, startPage, until } from './support/processes.mjs'

/** How many cases run at the same time, each in a tab of its own: a few wait for timeouts. */
const TABS = 4

let api, vite, hostile, secure
const origins = {}

before(async () => {
  const [port, blockedPort, securePort] = await freePorts(3)
  origins.allowed = `http://localhost:${port}`
  origins.public = origins.allowed
  origins.blocked = `http://localhost:${blockedPort}`
  origins.secure = `https://localhost:${securePort}`
  // Per hour, because a test counts requests, which would leave a window of a minute.
  api = await startApi({ ALLOWED_ORIGINS: origins.allowed, RATE_LIMIT_DEFAULT: '1000-H' })
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
    test('names the true cause first', { timeout: 240_000 }, async () => {
      const found = new Map()
      for (const [kinds, options] of [
        [['allowed', 'blocked'], {}],
        // This option makes a browser accept the certificate of the secure page.
        [['secure'], { tunnel: hostile.ports.closed }],
        [['public'], { publicPort: new URL(origins.public).port }],
      ]) {
        const browser = await engine.open(options)
        try {
          await Promise.all(kinds.map((kind) => tryAll(browser, kind, found)))
        } finally {
          await browser.close()
        }
      }
      const wrong = cases
        .map(({ name, cause }) => ({ name, want: cause[engine.name] ?? cause, got: found.get(name) }))
        .filter(({ want, got }) => got !== want)
      assert.deepEqual(wrong, [])
    })

    test('explains the call of a page on another origin, without making it', async () => {
      const browser = await engine.open()
      try {
        const page = await open(browser, `${origins.blocked}/#your-api`)
        const url = `http://localhost:${api.port}/api/hello`
        await page.fill('#your-api .url input', url)
        const calls = page.calls().length
        const ask = async (origin) => {
          await page.fill('#your-api .from input', origin)
          await page.click('#your-api button', 'Send')
          await until(origin, async () => (await page.text('#your-api .exchange-status'))?.includes(` on ${origin}`))
          return exchange(page, 'your-api')
        }
        const denied = await ask('http://localhost:3001')
        assert.match(denied, /^Blocked for a page on .*does not allow the origin http:\/\/localhost:3001/s)
        assert.match(denied, /ALLOWED_ORIGINS=\S+,http:\/\/localhost:3001/)
        assert.match(await ask(origins.allowed), /^A page on .* may make this call.*200, and \d+ headers/s)
        assert.deepEqual(
          page
            .calls()
            .slice(calls)
            .filter((call) => call.url === url),
          [],
        )
        assert.deepEqual(await axeFindings(page), [])

        await page.fill('#your-api .from input', 'localhost:3001')
        await until('what is wrong', async () =>
          /An origin is a scheme/.test(await page.text('#your-api .field-error')),
        )
        await page.fill('#your-api .from input', origins.blocked)
        await page.click('#your-api button', 'Send') // This page makes the call itself again.
        await until('the failure', async () => /^TypeError/.test(await exchange(page, 'your-api')))
      } finally {
        await browser.close()
      }
    })

    test('shows the exchange step by step, and repeats nothing that may change something', async () => {
      const browser = await engine.open()
      try {
        const page = await open(browser, origins.allowed)
        await press(page, 'blocked-header', 'GET with X-Not-Listed')
        await page.until('the cause', () => document.querySelector('#blocked-header .sequence') !== null)
        assert.deepEqual(await page.evaluate(steps, 'blocked-header'), [
          'Page',
          'Browser → API',
          'API → browser',
          'Browser',
          'Page',
        ])
        const shown = await exchange(page, 'blocked-header')
        assert.match(
          shown,
          /^TypeError.*?does not allow the header x-not-listed.*CORS_ALLOWED_HEADERS=\S+,x-not-listed.*GET http/s,
        )
        assert.match(shown, /access-control-request-headersx-not-listed.*access-control-allow-headersAuthorization/s)
        await page.evaluate(() => {
          navigator.clipboard.writeText = async (text) => {
            window.copied = text
          }
        })
        await page.click('#blocked-header .paste .copy', 'Copy the line for .env')
        assert.match(await page.evaluate(() => window.copied), /^CORS_ALLOWED_HEADERS=[\w,-]+,x-not-listed$/)

        const length = api.output().length
        await press(page, 'preflighted', 'POST')
        await page.click('#preflighted .exchange button', 'Show what the browser hides')
        await page.until('the sequence', () => document.querySelector('#preflighted .sequence') !== null)
        assert.match(await exchange(page, 'preflighted'), /access-control-allow-origin.*GET was sent instead/s)
        assert.equal(
          api
            .output()
            .slice(length)
            .match(/method=POST /g)?.length,
          1,
        )
        // The GET in its place counted, and the gauge shows it.
        const left = () => page.text('[data-policy=default] .gauge-count')
        const before = await left()
        await press(page, 'simple', 'GET hello')
        assert.equal(Number.parseInt(before, 10) - Number.parseInt(await left(), 10), 1)

        assert.deepEqual(await axeFindings(page), [])
        for (const width of [390, 1280]) {
          await page.resize(width, 900)
          assert.equal(await overflows(page), false, `at ${width}`)
        }
      } finally {
        await browser.close()
      }
    })
  })
}

test('at least sixty cases, each with a name of its own', () => {
  assert.ok(cases.length >= 60)
  assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length)
})

/** Tries the cases of one of the pages, several at a time, and notes the cause of each. */
async function tryAll(browser, kind, found) {
  const queue = cases.filter(({ page = 'allowed' }) => page === kind)
  const tabs = Array.from({ length: Math.min(TABS, Math.ceil(queue.length / 4)) }, async () => {
    const page = await open(browser, `${origins[kind]}/#your-api`)
    for (let row = queue.shift(); row; row = queue.shift()) found.set(row.name, await causeOf(page, row))
    await page.close()
  })
  await Promise.all(tabs)
}

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
    headers: Object.entries(call.headers ?? {})
      .map((pair) => pair.join(': '))
      .join('\n'),
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
  // Not by a timer, which browsers slow down in tabs in the background.
  const rendered = () =>
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = resolve
      port2.postMessage(null)
    })
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

/** Runs in the page: whose steps a card's sequence shows. */
function steps(card) {
  return [...document.querySelectorAll(`#${card} .sequence > li`)].map(({ dataset }) => dataset.who)
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
