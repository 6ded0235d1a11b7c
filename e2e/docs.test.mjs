/** The documentation page: "try it out" works with the session cookie, and the page needs nothing from elsewhere. */
import assert from 'node:assert/strict'
import http from 'node:http'
import { after, before, describe, test } from 'node:test'
import { engines } from './support/browsers.mjs'
import { openDocs, tryIt } from './support/docs.mjs'
import { startApi } from './support/processes.mjs'

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
      page = await openDocs(browser, api)
    })

    after(() => browser?.close())

    test('"try it out" signs in, sends the cookie, and signs out', async () => {
      assert.equal(await tryIt(page, 'post', '/api/session'), 201)
      assert.equal(await tryIt(page, 'get', '/api/session'), 200)
      assert.equal(await tryIt(page, 'delete', '/api/session'), 204)
    })

    test('a status lists only the headers of its own; the introduction explains the others', async () => {
      const names = await page.evaluate(() =>
        [...document.querySelectorAll('.opblock-post:has([data-path="/api/session"]) .headers tbody tr')].map(
          (row) => row.firstChild.textContent,
        ),
      )
      assert.deepEqual(
        names.filter((name) => /^(X-|RateLimit)/.test(name)),
        [],
      )
      assert.ok(names.includes('Set-Cookie') && names.includes('Retry-After'), names.join())
      const introduction = await page.text('.info')
      for (const name of ['X-Request-ID', 'X-RateLimit-Limit', 'RateLimit-Policy'])
        assert.ok(introduction.includes(name), name)
    })

    test('the console shows no error, and every request goes to the API', () => {
      assert.deepEqual(page.console, [])
      const foreign = page.requests
        .map(({ url }) => url)
        .filter((url) => !url.startsWith(`${api.url}/`) && !url.startsWith('data:'))
      assert.deepEqual(foreign, [])
    })

    test('the page works below a path prefix that a proxy strips', async (t) => {
      const proxy = await stripPrefix('/prefix', api)
      t.after(() => proxy.close())
      const prefixed = await openDocs(browser, { url: `http://127.0.0.1:${proxy.address().port}/prefix` })
      assert.equal(await tryIt(prefixed, 'get', '/api/hello'), 200)
      assert.deepEqual(prefixed.console, [])
    })
  })
}

/** A proxy that passes on what is below the prefix, without the prefix. */
async function stripPrefix(prefix, api) {
  const proxy = http.createServer((request, response) => {
    if (!request.url.startsWith(`${prefix}/`)) {
      response.writeHead(404).end()
      return
    }
    const { method, headers, url } = request
    const passedOn = http.request(api.url, { method, headers, path: url.slice(prefix.length) }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
    })
    request.pipe(passedOn)
  })
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  return proxy
}
