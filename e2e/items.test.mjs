/** The items in the page: their view, their cards in the lab, and the search. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { engines } from './support/browsers.mjs'
import { axeFindings, exchange, open, overflows, press } from './support/page.mjs'
import { freePorts, startApi, startPage, until } from './support/processes.mjs'

const SEARCH_LIMIT = 6

let api, vite, allowed, blocked

before(async () => {
  const [port, blockedPort] = await freePorts(2)
  allowed = `http://localhost:${port}`
  blocked = `http://localhost:${blockedPort}`
  api = await startApi({
    ALLOWED_ORIGINS: allowed,
    RATE_LIMIT_DEFAULT: '1000-M',
    RATE_LIMIT_SEARCH: `${SEARCH_LIMIT}-M`,
  })
  vite = await startPage({ port, blockedPort, apiPort: api.port })
})

after(async () => {
  await vite?.stop()
  await api?.stop()
})

for (const engine of engines) {
  describe(engine.name, { skip: engine.missing }, () => {
    let browser, page

    before(async () => {
      browser = await engine.open()
      page = await open(browser, allowed)
    })

    after(() => browser?.close())

    test('the preflight for PUT also allows PATCH and DELETE of the same URL', async () => {
      for (const [method, status] of [
        ['POST', '201 Created'],
        ['GET', '200 OK'],
        ['PUT', '200 OK'],
        ['PATCH', '200 OK'],
        ['DELETE', '204 No Content'],
      ]) {
        const sent = await press(page, 'write-item', method)
        const methods = sent.map((request) => request.split(' ')[0])
        const preflighted = method === 'POST' || method === 'PUT'
        assert.deepEqual(methods.sort(), preflighted ? ['OPTIONS', method] : [method])
        const shown = await exchange(page, 'write-item')
        assert.ok(shown.startsWith(status), shown)
      }
      assert.match(await page.text('#write-item .hint'), /POST creates the item/)
    })

    test('create, edit, page through and delete items; errors appear at their fields', async () => {
      await press(page, 'simple', 'GET hello')
      await page.goto(`${allowed}/#items`)
      await until('the empty list', async () => /make seed/.test(await page.text('.items .hint')))
      await page.click('.item-form button', 'Create')
      await page.until('the error at the name', () => document.querySelector('[name=name]').ariaInvalid === 'true')
      assert.notEqual(await page.text('.item-form .field:first-child .field-error'), '')
      assert.equal(await page.evaluate(() => document.activeElement.name), 'name')

      for (let n = 1; n <= 10; n++) {
        await page.fill('[name=name]', `${engine.name} ${n}`)
        await page.click('.item-form button', 'Create')
        await until('the message', async () => (await page.text('.message')).includes(`${engine.name} ${n}”`))
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
      await page.keyboard.press('Enter')
      await page.keyboard.type('on two lines')
      await page.click('.rows button', 'Save')
      await until('the note', async () => (await page.text('.rows')).includes('edited\non two lines'))
      await focused(`Edit ${row}`)
      for (let [name, next] = await rows(); name; [name, next] = await rows()) {
        await page.click(`[aria-label="Delete ${name}"]`)
        await page.click('.rows button', 'Delete permanently')
        await until('the deletion', async () => !(await rows()).includes(name))
        if (next) await focused(`Edit ${next}`)
      }
      await page.until('the focus on the heading', () => document.activeElement.matches('.items h2'))

      await page.click('.pager button', 'Previous')
      await until('the first page', async () => JSON.stringify(await rows()) === JSON.stringify(first))
      await deleteAllItems()
      await page.goto(`${allowed}/#lab`)
      assert.match(await exchange(page, 'simple'), /^200/, 'the lab kept its responses')
    })

    test('axe finds nothing in the items view, light or dark, wide or narrow', async () => {
      for (const [width, height] of [
        [1280, 900],
        [390, 844],
      ]) {
        await page.resize(width, height)
        await page.goto(`${allowed}/#items`)
        await page.click('.item-form button', 'Create')
        await page.until('the error', () => document.querySelector('[aria-invalid=true]') !== null)
        assert.deepEqual(await axeFindings(page), [], `at ${width}`)
        assert.equal(await overflows(page), false)
      }
      await page.resize(1280, 900)
      await page.goto(`${allowed}/#lab`)
      if (engine.name === 'Chromium') {
        const dark = await open(browser, `${allowed}/#items`, { colorScheme: 'dark' })
        assert.deepEqual(await axeFindings(dark), [], 'dark')
        await dark.close()
      }
    })

    test('from an origin that is not allowed, the items view shows the advice', async () => {
      const other = await open(browser, `${blocked}/#items`)
      await other.until('the advice', () => document.querySelector('[role=alert] [data-cause=origin]') !== null)
      assert.deepEqual(await axeFindings(other), [])
      await other.close()
    })

    test('a burst of keystrokes sends one search', async () => {
      const sent = page.requests.length
      await page.fill('#search input', 'lab item')
      await until('the response', async () => (await exchange(page, 'search')).includes('q=lab+item'))
      assert.equal(page.requests.length - sent, 1)
    })

    test('after a 429 the search continues by itself once the wait is over', async () => {
      // The other engine shares this address, and so the limit.
      for (let status; status !== 429; ) ({ status } = await fetch(`${api.url}/api/search?q=lab`))
      await page.fill('#search input', 'engine')
      await until('the wait', async () => /continues in \d+ s/.test(await page.text('[data-search-state]')))
      const [, seconds] = /continues in (\d+) s/.exec(await page.text('[data-search-state]'))
      assert.match(await page.text('[data-policy=search]'), /^search0 \/ 6wait \d+ s$/)
      const started = performance.now()
      await until('the search continues', async () => (await exchange(page, 'search')).startsWith('200'), 70)
      const waited = (performance.now() - started) / 1000
      assert.ok(Math.abs(waited - seconds) < 3, `said ${seconds} s, took ${waited} s`)
      assert.match(await exchange(page, 'search'), /q=engine/)
      assert.match(await page.text('[data-search-state]'), /found$/)
    })
  })
}

async function deleteAllItems() {
  for (;;) {
    const { items } = await (await fetch(`${api.url}/api/items?limit=100`)).json()
    if (items.length === 0) return
    for (const { id } of items) await fetch(`${api.url}/api/items/${id}`, { method: 'DELETE' })
  }
}
