/** The real page against the real server, in real browsers: every card, both ports, both host names. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { engines } from './support/browsers.mjs'
import { freePorts, pause, startApi, startPage, until } from './support/processes.mjs'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const SEARCH_LIMIT = 6

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
    RATE_LIMIT_SEARCH: `${SEARCH_LIMIT}-M`,
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
        await page.text('[data-policy=default] .gauge-when').then((text) => /resets in \d+ s/.test(text)),
        true,
      )
    })

    test('each method that a form cannot send is preflighted first, and GET is not', async () => {
      for (const [method, status] of [
        ['POST', '201 Created'],
        ['GET', '200 OK'],
        ['PUT', '200 OK'],
        ['PATCH', '200 OK'],
        ['DELETE', '204 No Content'],
      ]) {
        const sent = await press(page, 'preflighted', method)
        const methods = sent.map((request) => request.split(' ')[0])
        // PUT's preflight allows PATCH and DELETE of the same URL too.
        const asks = method === 'POST' || method === 'PUT'
        assert.deepEqual(methods.sort(), asks ? ['OPTIONS', method] : [method])
        const shown = await exchange(page, 'preflighted')
        assert.ok(shown.startsWith(status), shown)
        assert.match(shown, method === 'GET' ? /preflightnone/ : /preflightneeded: the (method|content type) is/)
      }
      assert.match(await page.text('#preflighted .hint'), /POST makes the item/)
    })

    test('a sign-in crosses origins, survives a reload and ends', async () => {
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

    test('JavaScript reads the exposed headers and no others', async () => {
      await press(page, 'headers', 'GET hello')
      const read = (name) => page.text(`#headers [data-header="${name}"] td`)
      assert.equal(await read('Cache-Control'), 'no-store')
      assert.match(await read('X-Request-ID'), /^[\w.-]{1,64}$/)
      assert.match(await read('RateLimit'), /^"default";r=\d+;t=\d+$/)
      assert.equal(await read('X-Content-Type-Options'), 'null')
      assert.equal(await read('Vary'), 'null')
      for (const width of [390, 1280]) {
        await page.resize(width, 900)
        assert.deepEqual(await page.evaluate(cutNames), [], `at ${width}`)
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

    test('items: errors stand at their fields; create, edit, page, delete', async () => {
      await page.goto(`${allowed}/#items`)
      await page.click('.item-form button', 'Create')
      await page.until('the error at the name', () => document.querySelector('[name=name]').ariaInvalid === 'true')
      assert.notEqual(await page.text('.item-form .field:first-child .field-error'), '')
      assert.equal(await page.evaluate(() => document.activeElement.name), 'name')

      for (let n = 1; n <= 10; n++) {
        await page.fill('[name=name]', `${engine.name} ${n}`)
        await page.click('.item-form button', 'Create')
        await until('the news', async () => (await page.text('.news')).includes(`${engine.name} ${n}”`))
      }
      const rows = () => page.evaluate(() => [...document.querySelectorAll('.row-text b')].map((b) => b.textContent))
      const first = await rows()
      assert.equal(first.length, 8)
      await page.click('.pager button', 'Next')
      await until('the second page', async () => (await page.text('.pager span:not(button *)')) === 'Page 2')
      await until('its rows', async () => (await rows()).includes(`${engine.name} 10`))
      assert.ok((await rows()).every((name) => !first.includes(name)))

      const focused = (label) =>
        page.until(`the focus on “${label}”`, (label) => document.activeElement.ariaLabel === label, label)
      const row = `${engine.name} 10`
      await page.click(`[aria-label="Edit ${row}"]`)
      await page.fill('.rows [name=note]', 'edited')
      await page.click('.rows button', 'Save')
      await until('the note', async () => (await page.text('.rows')).includes('edited'))
      await focused(`Edit ${row}`)
      for (let [name, next] = await rows(); name; [name, next] = await rows()) {
        await page.click(`[aria-label="Delete ${name}"]`)
        await page.click('.rows button', 'Delete for good')
        await until('it is gone', async () => !(await rows()).includes(name))
        if (next) await focused(`Edit ${next}`)
      }
      await page.until('the focus on the heading', () => document.activeElement.matches('.items h2'))

      await page.click('.pager button', 'Previous')
      await until('the first page', async () => JSON.stringify(await rows()) === JSON.stringify(first))
      await removeAllItems()
      await page.goto(`${allowed}/#lab`)
    })

    test('a header or method that is not allowed stops at the preflight', async () => {
      for (const [button, asked, tells] of [
        [
          'GET with X-Not-Listed',
          'OPTIONS /api/hello',
          /header field x-not-listed is not allowed by Access-Control-Allow-Headers/i,
        ],
        [
          "'patch' in lower case",
          'OPTIONS /api/items/1',
          /Method patch is not allowed by Access-Control-Allow-Methods/,
        ],
      ]) {
        const [log, said] = [api.output().length, page.console.length]
        const sent = await press(page, 'blocked-header', button)
        assert.ok(sent.includes(asked), sent.join())
        assert.match(await exchange(page, 'blocked-header'), /^TypeError/)
        assert.deepEqual(await causes(page, 'blocked-header'), ['preflight', 'broken'])
        await pause(200)
        assert.doesNotMatch(api.output().slice(log), /cors_denied|path=/, 'the request itself was never sent')
        if (engine.tellsConsole) assert.match(page.console.slice(said).join('\n'), tells)
      }
    })

    test('localhost and 127.0.0.1 are two sites: the cookie does not cross', async () => {
      await press(page, 'hosts', 'Sign in at 127.0.0.1')
      assert.match(await exchange(page, 'hosts'), /^201/)
      await press(page, 'hosts', 'Who am I at 127.0.0.1')
      assert.match(await exchange(page, 'hosts'), /^401/)

      // The page itself under the other name calls the API under that name.
      const other = await open(browser, otherHost)
      await press(other, 'credentials', 'Sign in')
      await press(other, 'credentials', 'Who am I')
      assert.match(await exchange(other, 'credentials'), /^200.*GET http:\/\/127\.0\.0\.1:/s)
      await press(other, 'hosts', 'Who am I at localhost')
      assert.match(await exchange(other, 'hosts'), /^401/)
      await other.close()
    })

    test('a dead API gets advice', async () => {
      const said = page.console.length
      await press(page, 'api-down', 'Call localhost:8079')
      assert.match(await exchange(page, 'api-down'), /^TypeError/)
      assert.deepEqual(await causes(page, 'api-down'), ['api-down', 'origin'])
      if (engine.tellsConsole) assert.match(page.console.slice(said).join('\n'), /ERR_CONNECTION_REFUSED/)
    })

    test('from an origin that is not allowed everything fails, and the log says why', async () => {
      const other = await open(browser, blocked)
      await until('the state', async () => (await other.text('.place')).includes('No readable answer'))
      assert.match(await other.text('.banner'), new RegExp(`does not allow this origin, ${blocked}`))
      assert.match(await other.text('#blocked-origin .hint'), /gets no readable answer/)

      for (const [button, method, asked] of [
        ['GET hello', 'GET', ['GET /api/hello']],
        ['POST an item', 'OPTIONS', ['OPTIONS /api/items', 'POST /api/items']],
      ]) {
        await pause(1100) // The log counts more than a few denials a second instead of naming them.
        const [log, said] = [api.output().length, other.console.length]
        const sent = await press(other, 'blocked-origin', button)
        assert.deepEqual(sent.sort(), asked)
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
        if (engine.tellsConsole)
          assert.match(other.console.slice(said).join('\n'), /No 'Access-Control-Allow-Origin' header/)
      }
      assert.deepEqual(await axeFindings(other), [])
      await other.goto(`${blocked}/#items`)
      await other.until('the advice', () => document.querySelector('[role=alert] [data-cause=origin]') !== null)
      assert.deepEqual(await axeFindings(other), [])
      await other.close()

      const { items } = await (await fetch(`${api.url}/api/items`)).json()
      assert.deepEqual(items, [], 'no handler ran')
    })

    test('the page tells what happened: with what it says to set, with less, and with a dead API', async () => {
      const [port, blockedPort, apiPort] = await freePorts(3)
      const vite = await startPage({ port, blockedPort, apiPort })
      let api
      try {
        const first = await open(browser, `http://localhost:${port}`)
        assert.match(await first.text('.banner'), /the API does not run, or/)
        const [, origins] = /ALLOWED_ORIGINS=(\S+)/.exec(await first.text('#blocked-origin .sample'))
        api = await startApi({ PORT: apiPort, ALLOWED_ORIGINS: origins, CORS_ALLOWED_HEADERS: 'Authorization' })
        await first.click('.place button', 'Ask again')
        await first.until('the answer', () => document.querySelector('[data-reach=reached]') !== null)
        assert.equal(await first.text('.banner'), null)

        for (const host of ['localhost', '127.0.0.1']) {
          const second = await open(browser, `http://${host}:${blockedPort}`)
          assert.equal(await second.text('[data-reach]'), 'The API answers')
          assert.equal(await second.text('.banner'), null)
          assert.match(await second.text('#blocked-origin .hint'), /is allowed/)
          await second.close()
        }

        await press(first, 'preflighted', 'POST')
        assert.deepEqual(await causes(first, 'preflighted'), ['preflight', 'broken'])
        assert.match(await exchange(first, 'preflighted'), /does not list the header content-type/)

        await api.stop()
        api = undefined
        await press(first, 'simple', 'GET hello')
        await first.until('no answer', () => document.querySelector('[data-reach=failed]') !== null)
        assert.deepEqual(await causes(first, 'simple'), ['api-down', 'origin'])
        await first.close()
      } finally {
        await vite.stop()
        await api?.stop()
      }
    })

    test('axe finds nothing on any view, light or dark, wide or narrow', async () => {
      for (const [width, height] of [
        [1280, 900],
        [390, 844],
      ]) {
        await page.resize(width, height)
        await page.goto(`${allowed}/#lab`)
        assert.deepEqual(await axeFindings(page), [], `lab at ${width}`)
        assert.equal(await page.evaluate(sticksOut), false)
        await page.goto(`${allowed}/#items`)
        await page.click('.item-form button', 'Create')
        await page.until('the error', () => document.querySelector('[aria-invalid=true]') !== null)
        assert.deepEqual(await axeFindings(page), [], `items at ${width}`)
        assert.equal(await page.evaluate(sticksOut), false)
      }
      await page.resize(1280, 900)
      await page.goto(`${allowed}/#lab`)

      if (engine.name === 'Chromium') {
        const dark = await open(browser, allowed, { colorScheme: 'dark' })
        await press(dark, 'errors', '404')
        await press(dark, 'api-down', 'Call')
        assert.deepEqual(await axeFindings(dark), [], 'dark')
        await dark.close()
      }
    })

    test('the keyboard reaches the first card and runs it', async () => {
      await page.goto('about:blank')
      await page.goto(allowed)
      await page.until('the page', () => document.querySelector('.card') !== null)
      for (const [key, focused] of [
        ['Tab', '.skip'],
        ['Enter', 'main'],
        ['Tab', '#simple button'],
      ]) {
        await page.keyboard.press(key)
        await page.until(focused, (focused) => document.activeElement.matches(focused), focused)
      }
      await page.keyboard.press('Enter')
      await until('the answer', async () => (await exchange(page, 'simple')).startsWith('200'))
    })

    test('nothing moves when answers come, and no other host is asked', async () => {
      const places = () =>
        page.evaluate(() =>
          [...document.querySelectorAll('.card')].map((c) => Math.round(c.getBoundingClientRect().top + scrollY)),
        )
      const before = await places()
      for (const [card, button] of [
        ['preflighted', 'POST'],
        ['preflighted', 'DELETE'],
        ['headers', 'GET hello'],
        ['errors', '422'],
        ['api-down', 'Call'],
      ]) {
        await press(page, card, button)
      }
      assert.deepEqual(await places(), before)

      const hosts = new Set(
        page.requests.filter(({ url }) => url.startsWith('http')).map(({ url }) => new URL(url).hostname),
      )
      assert.deepEqual([...hosts].sort(), ['127.0.0.1', 'localhost'])
    })

    test('a 429 counts down, and the search goes on by itself after a real wait', async () => {
      // The minute may have begun with the other engine's searches.
      await press(page, 'errors', '429', 30)
      assert.match(await exchange(page, 'errors'), /^429.*"violated-policies"/s)
      const button = () => page.evaluate(() => [...document.querySelectorAll('#errors button')].at(-1).ariaDisabled)
      const gauge = () => page.text('[data-policy=search]')
      assert.equal(await button(), 'true')
      assert.match(await gauge(), /^search0 \/ 6wait \d+ s$/)

      // Pressing it anyway sends nothing.
      const sent = page.requests.length
      await page.evaluate(() => [...document.querySelectorAll('#errors button')].at(-1).focus())
      await page.keyboard.press('Enter')
      await pause(300)
      assert.equal(page.requests.length, sent)

      await page.fill('#search input', 'engine')
      await until('the search waits', async () => /goes on in \d+ s/.test(await page.text('[data-search-state]')))
      const [, seconds] = /goes on in (\d+) s/.exec(await page.text('[data-search-state]'))
      const started = performance.now()
      await until(
        'the search goes on',
        async () => /1 sent.*found|2 sent.*found/.test(await page.text('[data-search-state]')),
        70,
      )
      const waited = (performance.now() - started) / 1000
      assert.ok(Math.abs(waited - seconds) < 3, `said ${seconds} s, took ${waited} s`)
      assert.match(await exchange(page, 'search'), /^200/, 'the first request after the wait passes')
      assert.equal(await button(), 'false')
      assert.match(await gauge(), /^search5 \/ 6/)
    })

    test('a burst of keys sends one search', async () => {
      const sent = page.requests.length
      await page.fill('#search input', 'lab item')
      await until('the answer', async () => (await exchange(page, 'search')).includes('q=lab+item'))
      assert.equal(page.requests.length - sent, 1)
    })

    test('through the proxy there is one origin, and no preflight', async () => {
      const [port, blockedPort] = await freePorts(2)
      const proxy = await startPage({ port, blockedPort, apiPort: api.port, mode: 'proxy' })
      try {
        const page = await open(browser, `http://localhost:${port}`)
        assert.match(await page.text('.place'), /same origin/)
        assert.deepEqual(await press(page, 'preflighted', 'POST'), ['POST /api/items'])
        assert.match(await exchange(page, 'preflighted'), /^201/)
        await press(page, 'preflighted', 'DELETE')
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

    test('through the proxy, a dead API counts as none', async () => {
      const [port, blockedPort, apiPort] = await freePorts(3)
      const proxy = await startPage({ port, blockedPort, apiPort, mode: 'proxy' })
      try {
        const page = await open(browser, `http://localhost:${port}`)
        assert.equal(await page.text('[data-reach]'), 'No readable answer')
        await press(page, 'simple', 'GET hello')
        assert.match(await exchange(page, 'simple'), /^50\d /)
        assert.equal(await page.text('[data-reach]'), 'No readable answer')
        await page.close()
      } finally {
        await proxy.stop()
      }
    })

    test('an address of the API that is none is said on the page', async () => {
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

async function open(browser, url, options) {
  const page = await browser.newPage(options)
  await page.goto(url)
  await page.until('the page', () => document.querySelector('.card') !== null)
  await page.until('an answer, or none', () => document.querySelector('[data-reach=unknown]') === null)
  return page
}

/**
 * Presses a card's button, waits for the end of its requests, and returns them: `OPTIONS /api/items`.
 * Without those to /healthz, which the page asks whenever a call fails.
 */
async function press(page, card, button, seconds) {
  await page.evaluate((card) => {
    const section = document.getElementById(card)
    window.ended = false
    new MutationObserver((_, observer) => {
      if (section.ariaBusy === 'true') return
      window.ended = true
      observer.disconnect()
    }).observe(section, { attributeFilter: ['aria-busy'] })
  }, card)
  const first = page.requests.length
  await page.click(`#${card} button`, button)
  await page.until(`${card}: the answer to “${button}”`, () => window.ended, undefined, seconds)
  await pause(50) // The browser tells of a request a little later than the page.
  const sent = page.requests.slice(first).map(({ method, url }) => `${method} ${new URL(url).pathname}`)
  return sent.filter((request) => !request.endsWith(' /healthz'))
}

function exchange(page, card) {
  return page.text(`#${card} .exchange`)
}

/** What the advice names, the likely cause first. */
function causes(page, card) {
  return page.evaluate(
    (card) => [...document.querySelectorAll(`#${card} [data-cause]`)].map(({ dataset }) => dataset.cause),
    card,
  )
}

/** The texts of the headers card, but for the values, that do not fit their cells. */
function cutNames() {
  return [...document.querySelectorAll('#headers th, #headers td:last-child')]
    .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
    .map(({ textContent }) => textContent)
}

function sticksOut() {
  const { scrollWidth, clientWidth } = document.documentElement
  return scrollWidth > clientWidth
}

async function axeFindings(page) {
  await page.evaluate(axe)
  return page.evaluate(async () => {
    const { violations } = await window.axe.run()
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join('  ')}`)
  })
}

async function removeAllItems() {
  for (;;) {
    const { items } = await (await fetch(`${api.url}/api/items?limit=100`)).json()
    if (items.length === 0) return
    for (const { id } of items) await fetch(`${api.url}/api/items/${id}`, { method: 'DELETE' })
  }
}
