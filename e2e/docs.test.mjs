/** The documentation page: it keeps to its strict policy, asks no other host, and "try it" works with the session. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { engines } from './support/browsers.mjs'
import { pause, startApi } from './support/processes.mjs'

let api

before(async () => {
  api = await startApi({})
})

after(() => api?.stop())

for (const engine of engines) {
  describe(engine.name, { skip: engine.missing }, () => {
    let browser, page

    before(async () => {
      browser = await engine.open()
      page = await browser.newPage()
      await page.goto(`${api.url}/docs`)
      await page.until('the operations', () => document.querySelectorAll('.opblock').length >= 15)
    })

    after(() => browser?.close())

    /** Opens one operation, executes it with its example, and returns the status. */
    async function tryIt(method, path) {
      const block = `.opblock-${method}:has([data-path="${path}"])`
      // By the DOM: the block unfolds in motion, and a pointer would miss. As
      // a person would, it reads first: Swagger UI resolves an open block in
      // the background, shows no sign of it, and fails when pressed before.
      await page.evaluate((block) => document.querySelector(`${block} .opblock-summary-control`).click(), block)
      await pause(2000)
      await page.evaluate((block) => document.querySelector(`${block} button.execute`).click(), block)
      await page.until('the answer', (block) => Boolean(document.querySelector(`${block} .live-responses-table`)), block)
      return page.evaluate(
        (block) => parseInt(document.querySelector(`${block} .live-responses-table tbody .response-col_status`).textContent),
        block,
      )
    }

    test('"try it" signs in, is known by the cookie, and creates an item', async () => {
      assert.equal(await tryIt('post', '/api/session'), 201)
      assert.equal(await tryIt('get', '/api/session'), 200)
      const before = await countItems()
      assert.equal(await tryIt('post', '/api/items'), 201)
      assert.equal(await countItems(), before + 1)
    })

    test('no error in the console, no request to another host', () => {
      assert.deepEqual(page.console, [])
      const foreign = page.requests.map(({ url }) => url).filter((url) => !url.startsWith(`${api.url}/`) && !url.startsWith('data:'))
      assert.deepEqual(foreign, [])
    })
  })
}

async function countItems() {
  const { items } = await (await fetch(`${api.url}/api/items?limit=100`)).json()
  return items.length
}
