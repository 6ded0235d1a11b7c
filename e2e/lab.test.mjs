/** The real page and the real server in real browsers: every card, both ports, both host names. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { engines } from './support/browsers.mjs'
import { axeFindings, causes, exchange, open, overflows, press } from './support/page.mjs'
import { freePorts, pause, startApi, startPage, until } from './support/processes.mjs'

let api, vite, port, blockedPort, folder
let allowed, blocked, otherHost

before(async () => {
  ;[port, blockedPort] = await freePorts(2)
  allowed = `http://localhost:${port}`
  otherHost = `http://127.0.0.1:${port}`
  blocked = `http://localhost:${blockedPort}`
  api = await startApi({
    ALLOWED_ORIGINS: `${allowed},${otherHost}`,
    RATE_LIMIT_DEFAULT: '1000-M',
    RATE_LIMIT_UPLOAD: '100-M',
    RATE_LIMIT_SESSION: '100-M',
  })
  vite = await startPage({ port, blockedPort, apiPort: api.port })
  folder = mkdtempSync(path.join(tmpdir(), 'e2e-files-'))
})

after(async () => {
  await vite?.stop()
  await api?.stop()
  rmSync(folder, { recursive: true, force: true })
})

for (const engine of engines) {
  describe(engine.name, { skip: engine.missing }, () => {
    let browser, page

    before(async () => {
      browser = await engine.open()
      page = await open(browser, allowed)
    })

    after(() => browser?.close())

    test('a simple request needs no preflight', async () => {
      const sent = await press(page, 'simple', 'GET hello')
      assert.deepEqual(sent, ['GET /api/hello'])
      const shown = await exchange(page, 'simple')
      assert.match(shown, /^200 OK/)
      assert.match(shown, /preflightnone/)
      assert.match(shown, /x-request-id/)
      assert.equal(
        await page.text('[data-policy=default] .gauge-when').then((text) => /^more in \d+ s$/.test(text)),
        true,
      )
    })

    test('every method that a form cannot send needs a preflight, and GET does not', async () => {
      for (const [method, status] of [
        ['POST', '201 Created'],
        ['GET', '200 OK'],
        ['PUT', '405 Method Not Allowed'],
        ['PATCH', '405 Method Not Allowed'],
        ['DELETE', '204 No Content'],
      ]) {
        const sent = await press(page, 'preflighted', method)
        const methods = sent.map((request) => request.split(' ')[0])
        // POST's preflight also allows the other methods of the same URL.
        assert.deepEqual(methods.sort(), method === 'POST' ? ['OPTIONS', 'POST'] : [method])
        const shown = await exchange(page, 'preflighted')
        assert.ok(shown.startsWith(status), shown)
        assert.match(shown, method === 'GET' ? /preflightnone/ : /preflightneeded: the (method|content type) is/)
      }
    })

    test('signing in works across origins and survives a reload; signing out ends it', async () => {
      await page.fill('#credentials input', 'Grace')
      await press(page, 'credentials', 'Sign in')
      assert.match(await exchange(page, 'credentials'), /^201/)

      await page.reload()
      await press(page, 'credentials', 'Who am I')
      assert.match(await exchange(page, 'credentials'), /^200.*"name": "Grace"/s)
      assert.equal(await page.evaluate(() => document.cookie), '', 'the cookie is HttpOnly')

      await press(page, 'credentials', 'Who am I, without cookies')
      assert.match(await exchange(page, 'credentials'), /^401/)
      await press(page, 'credentials', 'Sign out')
      assert.match(await exchange(page, 'credentials'), /^204/)
      await press(page, 'credentials', 'Who am I')
      assert.match(await exchange(page, 'credentials'), /^401/)
    })

    test('JavaScript can read the exposed headers and no others', async () => {
      await press(page, 'headers', 'GET hello')
      const read = (name) => page.text(`#headers [data-header="${name}"] td`)
      assert.equal(await read('Cache-Control'), 'no-store')
      assert.match(await read('X-Request-ID'), /^[\w.-]{1,64}$/)
      assert.match(await read('RateLimit'), /^"default";r=\d+;t=\d+$/)
      assert.equal(await read('X-Content-Type-Options'), 'null')
      assert.equal(await read('Vary'), 'null')
      for (const width of [390, 1280]) {
        await page.resize(width, 900)
        assert.deepEqual(await page.evaluate(clippedCells), [], `at ${width}`)
      }
      const sent = await fetch(`${api.url}/api/hello`, { headers: { Origin: allowed } })
      assert.equal(sent.headers.get('X-Content-Type-Options'), 'nosniff', 'it was sent')
    })

    test('errors stay readable', async () => {
      for (const status of ['404', '415', '422']) {
        await press(page, 'errors', status)
        const shown = await exchange(page, 'errors')
        assert.ok(shown.startsWith(status), shown)
        assert.match(shown, /"request_id": /)
      }
      assert.match(await exchange(page, 'errors'), /"field": "name"/)
    })

    test('an upload reports its progress, and a 413 is readable', async () => {
      const sent = await press(page, 'upload', 'Upload 2 MiB')
      assert.deepEqual(sent.sort(), ['OPTIONS /api/upload', 'POST /api/upload'])
      assert.match(await exchange(page, 'upload'), /^201.*"size": 2097152.*"sha256": "[0-9a-f]{64}"/s)
      assert.match(await page.text('#upload .progress'), /Sent 100%/)

      await press(page, 'upload', 'Upload 11 MiB')
      assert.match(await exchange(page, 'upload'), /^413.*problem/s)

      const file = path.join(folder, 'note.txt')
      writeFileSync(file, 'hello')
      await page.chooseFile('#upload input[type=file]', file)
      await press(page, 'upload', 'Upload it')
      assert.match(await exchange(page, 'upload'), /^201.*"name": "note.txt".*"size": 5/s)
    })

    test('a header or method that is not allowed stops at the preflight', async () => {
      for (const [button, preflight, setting, reported] of [
        [
          'GET with X-Not-Listed',
          'OPTIONS /api/hello',
          'CORS_ALLOWED_HEADERS',
          /header field x-not-listed is not allowed by Access-Control-Allow-Headers/i,
        ],
        [
          "'patch' in lower case",
          'OPTIONS /api/session',
          'CORS_ALLOWED_METHODS',
          /Method patch is not allowed by Access-Control-Allow-Methods/,
        ],
      ]) {
        const [log, known] = [api.output().length, page.console.length]
        const sent = await press(page, 'blocked-header', button)
        assert.ok(sent.includes(preflight), sent.join())
        assert.match(await exchange(page, 'blocked-header'), /^TypeError/)
        assert.deepEqual(await causes(page, 'blocked-header'), ['preflight', 'interrupted'])
        const lines = () => api.output().slice(log)
        const refused = new RegExp(`cors_preflight_refused .*setting=${setting}`)
        await until(`${refused}`, () => refused.test(lines()))
        assert.doesNotMatch(lines(), /cors_denied|msg=request/, 'the request itself was never sent')
        if (engine.reportsConsole) await page.logged(reported, known)
      }
    })

    test('localhost and 127.0.0.1 are two sites: the cookie does not cross', async () => {
      await press(page, 'hosts', 'Sign in at 127.0.0.1')
      assert.match(await exchange(page, 'hosts'), /^201/)
      await press(page, 'hosts', 'Who am I at 127.0.0.1')
      assert.match(await exchange(page, 'hosts'), /^401/)

      // Under the other name, the page calls the API under that name too.
      const other = await open(browser, otherHost)
      await press(other, 'credentials', 'Sign in')
      await press(other, 'credentials', 'Who am I')
      assert.match(await exchange(other, 'credentials'), /^200.*GET http:\/\/127\.0\.0\.1:/s)
      await press(other, 'hosts', 'Who am I at localhost')
      assert.match(await exchange(other, 'hosts'), /^401/)
      await other.close()
    })

    test('a dead API gets advice', async () => {
      const known = page.console.length
      await press(page, 'api-down', 'Call localhost:8079')
      assert.match(await exchange(page, 'api-down'), /^TypeError/)
      assert.deepEqual(await causes(page, 'api-down'), ['api-down', 'origin'])
      if (engine.reportsConsole) await page.logged(/ERR_CONNECTION_REFUSED/, known)
    })

    test('from an origin that is not allowed, every call fails, and the log says why', async () => {
      const start = api.output().length
      const other = await open(browser, blocked)
      await until('the state', async () => (await other.text('.status')).includes('No readable response'))
      assert.match(await other.text('.banner'), new RegExp(`does not allow this origin, ${blocked}`))
      assert.match(await other.text('#blocked-origin .hint'), /gets no readable response/)

      for (const [button, method, requests] of [
        ['GET hello', 'GET', ['GET /api/hello']],
        ['POST a session', 'OPTIONS', ['OPTIONS /api/session', 'POST /api/session']],
      ]) {
        await pause(1100) // Beyond a few denials a second, the log only counts them.
        const [log, known] = [api.output().length, other.console.length]
        const sent = await press(other, 'blocked-origin', button)
        assert.deepEqual(sent.sort(), requests)
        assert.match(await exchange(other, 'blocked-origin'), /^TypeError/)
        assert.equal((await causes(other, 'blocked-origin'))[0], 'origin')
        const denied = await until('the denial', () =>
          api
            .output()
            .slice(log)
            .split('\n')
            .find((line) => line.includes('cors_denied')),
        )
        assert.ok(denied.includes(blocked) && denied.includes(`method=${method} `), denied)
        assert.match(denied, /reason=.*port/)
        if (engine.reportsConsole) await other.logged(/No 'Access-Control-Allow-Origin' header/, known)
      }
      assert.deepEqual(await axeFindings(other), [])
      await other.close()
      assert.doesNotMatch(
        api.output().slice(start),
        /path=\/api\/.* http\.response\.status_code=2|method=POST/,
        'no handler ran',
      )
    })

    test('the page explains what happened: with the settings that it suggests, with fewer, and with a dead API', async () => {
      const [port, blockedPort, apiPort] = await freePorts(3)
      const vite = await startPage({ port, blockedPort, apiPort })
      let api
      try {
        const first = await open(browser, `http://localhost:${port}`)
        assert.match(await first.text('.banner'), /the API is not running/)
        const [, origins] = /ALLOWED_ORIGINS=(\S+)/.exec(await first.text('#blocked-origin .sample pre'))
        api = await startApi({ PORT: apiPort, ALLOWED_ORIGINS: origins, CORS_ALLOWED_HEADERS: 'Authorization' })
        await first.click('.status button', 'Retry')
        await first.until('the response', () => document.querySelector('[data-api=reachable]') !== null)
        assert.equal(await first.text('.banner'), null)

        for (const host of ['localhost', '127.0.0.1']) {
          const second = await open(browser, `http://${host}:${blockedPort}`)
          await second.until('the response', () => document.querySelector('[data-api=reachable]') !== null)
          assert.equal(await second.text('.banner'), null)
          assert.match(await second.text('#blocked-origin .hint'), /is allowed/)
          await second.close()
        }

        await press(first, 'preflighted', 'POST')
        assert.deepEqual(await causes(first, 'preflighted'), ['preflight', 'interrupted'])
        assert.match(await exchange(first, 'preflighted'), /does not allow the header content-type/)

        await api.stop()
        api = undefined
        await press(first, 'simple', 'GET hello')
        await first.until('no response', () => document.querySelector('[data-api=unreachable]') !== null)
        assert.deepEqual(await causes(first, 'simple'), ['api-down', 'origin'])
        await first.close()
      } finally {
        await vite.stop()
        await api?.stop()
      }
    })

    test('axe finds nothing, light or dark, wide or narrow', async () => {
      for (const [width, height] of [
        [1280, 900],
        [390, 844],
      ]) {
        await page.resize(width, height)
        await page.goto(`${allowed}/#lab`)
        assert.deepEqual(await axeFindings(page), [], `lab at ${width}`)
        assert.equal(await overflows(page), false)
      }
      await page.resize(1280, 900)

      if (engine.name === 'Chromium') {
        const dark = await open(browser, allowed, { colorScheme: 'dark' })
        await press(dark, 'errors', '404')
        await press(dark, 'api-down', 'Call')
        assert.deepEqual(await axeFindings(dark), [], 'dark')
        await dark.close()
      }
    })

    test('the keyboard reaches the first card and sends its form', async () => {
      await page.goto('about:blank')
      await page.goto(allowed)
      await page.until('the page', () => document.querySelector('.card') !== null)
      for (const [key, focused] of [
        ['Tab', '.skip'],
        ['Enter', 'main'],
        ['Tab', '#your-api .method input'],
      ]) {
        await page.keyboard.press(key)
        await page.until(focused, (focused) => document.activeElement.matches(focused), focused)
      }
      await page.keyboard.press('Enter')
      await until('the response', async () => (await exchange(page, 'your-api')).startsWith('200'))
    })

    test('a response is shown whole and moves nothing above it, and the page calls no other host', async () => {
      const top = (card) =>
        page.evaluate((card) => Math.round(document.getElementById(card).getBoundingClientRect().top + scrollY), card)
      for (const width of [390, 1280]) {
        await page.resize(width, 900)
        for (const [card, button] of [
          ['preflighted', 'POST'],
          ['preflighted', 'DELETE'],
          ['headers', 'GET hello'],
          ['errors', '422'],
          ['api-down', 'Call'],
        ]) {
          const before = await top(card)
          await press(page, card, button)
          assert.equal(await top(card), before, card)
          const hidden = await page.evaluate((card) => {
            const { scrollHeight, clientHeight } = document.querySelector(`#${card} .exchange-detail`)
            return scrollHeight - clientHeight
          }, card)
          assert.ok(hidden <= 0, `${card} at ${width}: ${hidden} px hidden`)
        }
      }

      const hosts = new Set(
        page.requests.filter(({ url }) => url.startsWith('http')).map(({ url }) => new URL(url).hostname),
      )
      assert.deepEqual([...hosts].sort(), ['127.0.0.1', 'localhost'])
    })

    test('through the proxy there is one origin and no preflight', async () => {
      const [port, blockedPort] = await freePorts(2)
      const proxy = await startPage({ port, blockedPort, apiPort: api.port, mode: 'proxy' })
      try {
        const page = await open(browser, `http://localhost:${port}`)
        assert.match(await page.text('.origins'), /same origin/)
        assert.deepEqual(await press(page, 'preflighted', 'POST'), ['POST /api/session'])
        assert.match(await exchange(page, 'preflighted'), /^201/)
        await press(page, 'credentials', 'Sign in')
        await press(page, 'credentials', 'Who am I')
        assert.match(await exchange(page, 'credentials'), /^200/)
        await press(page, 'headers', 'GET hello')
        const row = await page.text('#headers [data-header="X-Content-Type-Options"]')
        assert.equal(row, 'X-Content-Type-Optionsnosniffsame origin: all readable')
        await page.close()
      } finally {
        await proxy.stop()
      }
    })

    test('through the proxy, a dead API does not count as one that responds', async () => {
      const [port, blockedPort, apiPort] = await freePorts(3)
      const proxy = await startPage({ port, blockedPort, apiPort, mode: 'proxy' })
      try {
        const page = await open(browser, `http://localhost:${port}`)
        assert.equal(await page.text('[data-api]'), 'No readable response')
        await press(page, 'simple', 'GET hello')
        assert.match(await exchange(page, 'simple'), /^50\d /)
        assert.equal(await page.text('[data-api]'), 'No readable response')
        await page.close()
      } finally {
        await proxy.stop()
      }
    })

    test('while a call is pending, the panel shows the time, hides the last response, and can cancel', async () => {
      let calls = 0
      const stub = createServer((request, response) => {
        response.setHeader('Access-Control-Allow-Origin', request.headers.origin ?? '*')
        response.setHeader('Access-Control-Allow-Credentials', 'true')
        response.setHeader('Content-Type', 'application/json')
        if (request.url !== '/api/hello' || calls++ === 0) response.end('{}')
      })
      await new Promise((resolve) => stub.listen(0, '127.0.0.1', resolve))
      const [port, blockedPort] = await freePorts(2)
      const vite = await startPage({ port, blockedPort, apiPort: stub.address().port })
      try {
        const page = await open(browser, `http://localhost:${port}`)
        await press(page, 'simple', 'GET hello')
        assert.match(await exchange(page, 'simple'), /^200/)
        await page.click('#simple button', 'GET hello')
        const panel = () => page.evaluate(() => document.querySelector('#simple .exchange').innerText)
        await until('the time', async () => /^Sending…\s+[1-9] s Cancel\s*$/.test(await panel()))
        await page.click('#simple .exchange button', 'Cancel')
        await until('the end', async () => /^Cancelled/.test(await exchange(page, 'simple')))
        assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), 'Request and response')
        assert.equal(await page.evaluate(() => document.getElementById('simple').ariaBusy), 'false')
        await page.close()
      } finally {
        await vite.stop()
        stub.close()
        stub.closeAllConnections()
      }
    })

    test('a request copied as fetch or as curl works, and so does a copied setting', async () => {
      await page.evaluate(() => {
        navigator.clipboard.writeText = async (text) => {
          window.copied = text
        }
      })
      const copy = async (card, button) => {
        await page.click(`#${card} .copy`, button)
        return page.evaluate(() => window.copied)
      }
      await press(page, 'preflighted', 'POST')
      const code = await copy('preflighted', 'Copy as fetch')
      await until('the confirmation', async () => (await page.text('#preflighted')).includes('Copied'))
      const run = (code) => new (async () => {}).constructor(`return ${code}`)().then(({ status }) => status)
      assert.equal(await page.evaluate(run, code), 201, code)

      const command = await copy('preflighted', 'Copy as curl')
      const { status, stdout } = spawnSync('sh', ['-c', command], { encoding: 'utf8' })
      if (status === 127 && process.env.CI !== 'true') console.log('SKIP the copied curl command: install curl')
      else assert.match(stdout, /^HTTP\/1\.1 201 .*"name": ?"Ada"/s, command)

      assert.match(await copy('blocked-header', 'Copy'), /^CORS_ALLOWED_HEADERS=[\w,-]+,X-Not-Listed$/m)
    })

    test('the page reports an invalid API address', async () => {
      const [port, blockedPort] = await freePorts(2)
      const env = { VITE_API_URL: 'localhost:8080' }
      const vite = await startPage({ port, blockedPort, apiPort: api.port, env })
      try {
        const page = await browser.newPage()
        await page.goto(`http://localhost:${port}`)
        await page.until('the message', () => document.querySelector('[role=alert]') !== null)
        assert.match(await page.text('[role=alert]'), /^baseUrl is "localhost:8080"; write .*http:\/\/localhost:8080/)
        await page.close()
      } finally {
        await vite.stop()
      }
    })
  })
}

/** The texts of the headers card that do not fit their cells, apart from the values. */
function clippedCells() {
  return [...document.querySelectorAll('#headers th, #headers td:last-child')]
    .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
    .map(({ textContent }) => textContent)
}
