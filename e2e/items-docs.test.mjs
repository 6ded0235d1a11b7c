/** The documentation page: "try it out" creates an item. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { engines } from './support/browsers.mjs'
import { openDocs, tryIt } from './support/docs.mjs'
import { startApi } from './support/processes.mjs'

let api

before(async () => {
  api = await startApi({})
})

after(() => api?.stop())

for (const engine of engines) {
  test(`"try it out" creates an item: ${engine.name}`, { skip: engine.missing }, async (t) => {
    const browser = await engine.open()
    t.after(() => browser.close())
    const page = await openDocs(browser, api)
    const before = await countItems()
    assert.equal(await tryIt(page, 'post', '/api/items'), 201)
    assert.equal(await countItems(), before + 1)
    assert.deepEqual(page.console, [])

    const read = '.opblock-get:has([data-path="/api/items/{id}"])'
    assert.equal(await tryIt(page, 'get', '/api/items/{id}'), 404, 'the example is the id of no item')
    const id = await page.evaluate((read) => document.querySelector(`${read} [data-param-name=id] input`).value, read)
    assert.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  })
}

async function countItems() {
  const { items } = await (await fetch(`${api.url}/api/items?limit=100`)).json()
  return items.length
}
