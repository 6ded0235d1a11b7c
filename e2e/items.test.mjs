/** The items in the page: their view, their cards in the lab, and the search. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { engines } from './support/browsers.mjs'
import { axeFindings, exchange, open, overflows, press } from './support/page.mjs'
import { freePorts, startApi, startPage, until } from './support/processes.mjs'

const SEARCH_LIMIT = 6

let api, apiPort, vite, folder, allowed, blocked

before(async () => {
  const [port, blockedPort, freePort] = await freePorts(3)
  apiPort = freePort
  allowed = `http://localhost:${port}`
  blocked = `http://localhost:${blockedPort}`
  folder = mkdtempSync(path.join(tmpdir(), 'e2e-items-'))
  await startItemsApi()
  vite = await startPage({ port, blockedPort, apiPort })
})

after(async () => {
  await vite?.stop()
  await api?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Starts the API with the items of the one before, if any. */
async function startItemsApi(env) {
  api = await startApi({
    PORT: apiPort,
    DATABASE_URL: `file:${folder}/items.db`,
    ALLOWED_ORIGINS: allowed,
    RATE_LIMIT_DEFAULT: '1000-M',
    RATE_LIMIT_SEARCH: `${SEARCH_LIMIT}-M`,
    ...env,
  })
}

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
      await page.fill('[name=name]', '   ')
      await page.click('.item-form button', 'Create')
      await page.until('the error at the name', () => document.querySelector('[name=name]').ariaInvalid === 'true')
      assert.notEqual(await page.text('.item-form .field:first-child .field-error'), '')
      assert.equal(await page.evaluate(() => document.activeElement.name), 'name')

      for (let n = 1; n <= 9; n++) await createItem({ name: `${engine.name} ${n}` })
      await page.fill('[name=name]', `${engine.name} 10`)
      await page.click('.item-form button', 'Create')
      await until('the message', async () => (await page.text('.message')).includes(`${engine.name} 10”`))
      const rows = () => page.evaluate(() => [...document.querySelectorAll('.row-text b')].map((b) => b.textContent))
      const first = await until('the rows', async () => {
        const names = await rows()
        return names.length === 8 && names
      })
      const position = (text) =>
        until(
          text,
          async () => (await page.text('.pager > span')) === text && (await page.text('.rows[aria-busy=false]')),
        )
      await position('Page 1')
      await page.click('.message a', 'Show it')
      await position('Page 2 of 2, 10 items')
      assert.equal(await page.evaluate(() => location.hash), '#items/2')
      assert.deepEqual(await rows(), [`${engine.name} 9`, `${engine.name} 10`])
      await page.click('.pager button', 'Previous')
      await position('Page 1')
      await page.evaluate(() => history.back())
      await position('Page 2 of 2, 10 items')
      await page.reload()
      await position('Page 2 of 2, 10 items')

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
      for (const [name, next] of [
        [`${engine.name} 9`, row],
        [row, first[0]], // The page is empty, so the one before is shown.
      ]) {
        await page.click(`[aria-label="Delete ${name}"]`)
        await page.click('.rows button', 'Delete permanently')
        await until('the deletion', async () => !(await rows()).includes(name))
        await focused(`Edit ${next}`)
      }
      await position('Page 1 of 1, 8 items')
      assert.deepEqual(await rows(), first)
      await deleteAllItems()
      await createItem({ name: 'The only one' })
      await page.click('.pager button', 'Reload')
      await position('Page 1 of 1, 1 item')
      await page.click('[aria-label="Delete The only one"]')
      await page.click('.rows button', 'Delete permanently')
      await page.until('the focus on the heading', () => document.activeElement.matches('.items h2'))
    })

    test('the lab keeps its responses while another view is shown', async () => {
      await page.goto(`${allowed}/#lab`)
      await press(page, 'simple', 'GET hello')
      await page.goto(`${allowed}/#items`)
      await page.until('the items', () => document.querySelector('.items') !== null)
      await page.goto(`${allowed}/#lab`)
      assert.match(await exchange(page, 'simple'), /^200/)
    })

    test('a long note is folded, and of two editors the second sees both versions', async () => {
      const note = `${'long '.repeat(60)}end`
      const { id } = await createItem({ name: 'Shared', note })
      const theyChange = (changes) => send('PATCH', `/api/items/${id}`, changes)
      await page.goto(`${allowed}/#items`)
      await until('the folded note', async () => /^long .*…$/.test(await page.text('.rows .row-text span')))
      await page.click('.rows button', 'Show all')
      assert.equal(await page.text('.rows .row-text span'), note)

      const edit = async (name) => {
        await page.click('[aria-label^=Edit]')
        await page.fill('.rows [name=name]', name)
      }
      const conflict = (name) =>
        until('the conflict', async () => {
          const shown = await page.evaluate(() =>
            [...document.querySelectorAll('.conflict b')].map((b) => b.textContent),
          )
          return shown.join() === `${name},Mine`
        })
      await edit('Mine')
      await theyChange({ name: 'Theirs 1' })
      await page.click('.rows button', 'Save')
      await conflict('Theirs 1')
      assert.deepEqual(await axeFindings(page), [])
      assert.equal((await send('GET', `/api/items/${id}`)).name, 'Theirs 1', 'nothing was overwritten')

      await theyChange({ name: 'Theirs 2' })
      await page.click('.conflict button', 'Save yours')
      await conflict('Theirs 2')
      await page.click('.conflict button', 'Edit yours')
      await page.fill('.rows [name=name]', 'Mine at last')
      await page.click('.rows button', 'Save')
      await until('my version', async () => (await page.text('.rows b')) === 'Mine at last')

      await edit('Mine')
      await theyChange({ name: 'Theirs 3' })
      await page.click('.rows button', 'Save')
      await page.click('.conflict button', 'Keep theirs')
      await until('their version', async () => (await page.text('.rows b')) === 'Theirs 3')

      await page.click('.rows button', 'Delete')
      await page.until('the question', () => document.querySelector('.danger') !== null)
      await theyChange({ name: 'Theirs 4' })
      await page.click('.rows button', 'Delete permanently')
      await until('the newer version', async () => (await page.text('.rows b')) === 'Theirs 4')
      assert.match(await page.text('.rows .field-error'), /was changed meanwhile/)
      await deleteAllItems()
    })

    test('items and search come back by themselves after an outage, and the items after a 429', async () => {
      await page.goto(`${allowed}/#lab`)
      await createItem({ name: 'Survivor' })
      await api.stop()
      await page.until('the outage', () => document.querySelector('[data-api=unreachable]') !== null)
      await page.fill('#search input', 'surv')
      await until('the failure', async () => /failed: /.test(await page.text('[data-search-state]')))
      await page.goto(`${allowed}/#items`)
      await until('the banner', async () => /loads again once the API responds/.test(await page.text('.items')))

      await startItemsApi({ RATE_LIMIT_DEFAULT: '5-S' })
      await page.until('the return', () => document.querySelector('[data-api=reachable]') !== null)
      await until('the items', async () => (await page.text('.rows b')) === 'Survivor')
      assert.equal(await page.text('.items .banner'), null)
      await until('the search', async () => (await page.text('#search .results')).includes('Survivor'))

      await page.click('.pager button', 'Reload')
      for (let shown = false; !shown; shown = /loads again in \d s/.test(await page.text('.items'))) {
        await Promise.all(Array.from({ length: 10 }, () => fetch(`${api.url}/api/hello`)))
        await page.evaluate(() => [...document.querySelectorAll('.pager button')].at(-1).click())
      }
      await until('the items', async () => (await page.text('.items .banner')) === null)
      assert.equal(await page.text('.rows b'), 'Survivor')

      await api.stop()
      await startItemsApi()
      await deleteAllItems()
      await page.goto(`${allowed}/#lab`)
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
      const sent = page.calls().length
      await page.evaluate(typeBurst, 'lab item')
      await until('the response', async () => (await exchange(page, 'search')).includes('q=lab+item'))
      assert.equal(page.calls().length - sent, 1)
    })

    test('a search says that there is more, and shows it', async () => {
      for (let n = 1; n <= 6; n++) await createItem({ name: `Found ${n}` })
      await page.evaluate(typeBurst, 'found')
      await until('the first page', async () =>
        /4 shown, and there may be more/.test(await page.text('[data-search-state]')),
      )
      await page.click('#search .call', 'More')
      await until('the rest', async () => /6 found/.test(await page.text('[data-search-state]')))
      assert.equal(await page.text('#search .results'), [1, 2, 3, 4, 5, 6].map((n) => `Found ${n} `).join(''))
      assert.equal(await page.text('#search .call'), null)
      await deleteAllItems()
    })
  })
}

/**
 * Runs in the page: types into the search, all in one task. On a slow machine, the
 * time between two real keystrokes can be long enough for a search.
 */
function typeBurst(text) {
  const input = document.querySelector('#search input')
  const { set } = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')
  for (let length = 1; length <= text.length; length++) {
    set.call(input, text.slice(0, length))
    input.dispatchEvent(new Event('input', { bubbles: true }))
  }
}

/** Calls the API as another client. */
async function send(method, path, json) {
  const headers = { 'Content-Type': 'application/json' }
  const response = await fetch(`${api.url}${path}`, { method, headers, body: json && JSON.stringify(json) })
  return response.json()
}

function createItem(draft) {
  return send('POST', '/api/items', draft)
}

async function deleteAllItems() {
  for (;;) {
    const { items } = await (await fetch(`${api.url}/api/items?limit=100`)).json()
    if (items.length === 0) return
    for (const { id } of items) await fetch(`${api.url}/api/items/${id}`, { method: 'DELETE' })
  }
}
