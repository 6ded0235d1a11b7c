/** A page of plain fetch calls, without any code of this project, calls the API by every method. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { engines } from './support/browsers.mjs'
import { pause, startApi, until } from './support/processes.mjs'

const html = readFileSync(path.join(import.meta.dirname, 'plain.html'))

let api, servers, allowed, blocked

before(async () => {
  servers = await Promise.all([serve(), serve()])
  ;[allowed, blocked] = servers.map((server) => `http://localhost:${server.address().port}`)
  api = await startApi({ ALLOWED_ORIGINS: allowed })
})

after(async () => {
  for (const server of servers ?? []) server.close()
  for (const server of servers ?? []) server.closeAllConnections()
  await api?.stop()
})

const methods = [
  { method: 'GET', status: 200 },
  { method: 'HEAD', status: 200 },
  { method: 'POST', status: 201, preflighted: true },
  { method: 'PUT', status: 200, preflighted: true },
  { method: 'PATCH', status: 200, preflighted: true },
  { method: 'DELETE', status: 204, preflighted: true },
]

for (const engine of engines) {
  describe(engine.name, { skip: engine.missing }, () => {
    let browser, page, item

    before(async () => {
      browser = await engine.open()
    })

    after(() => browser?.close())

    for (const { method, status, preflighted = false } of methods) {
      test(`${method}: an allowed origin reads the answer, another one nothing`, async () => {
        item = await createItem()
        const itemPath = method === 'POST' ? '/api/items' : `/api/items/${item.id}`

        let sent
        ;({ sent, page } = await call(blocked, method, itemPath))
        assert.deepEqual(JSON.parse(await page.text('pre')), { error: 'TypeError' })
        assert.equal(sent.includes('OPTIONS'), preflighted)
        const asked = preflighted ? 'OPTIONS' : method
        await until('the denial', () =>
          api
            .output()
            .split('\n')
            .some(
              (line) =>
                line.includes('cors_denied') &&
                line.includes(`method=${asked} path=${itemPath}`) &&
                line.includes(blocked),
            ),
        )
        if (engine.tellsConsole) assert.match(page.console.join('\n'), /has been blocked by CORS policy/)
        await page.close()
        assert.deepEqual(await (await fetch(`${api.url}/api/items/${item.id}`)).json(), item, 'nothing was changed')
        ;({ sent, page } = await call(allowed, method, itemPath))
        const result = JSON.parse(await page.text('pre'))
        assert.equal(result.status, status)
        assert.ok(result.requestId, 'an exposed header')
        assert.equal(sent.includes('OPTIONS'), preflighted)
        await page.close()
        await pause(250) // The log names only a few denials a second.
      })
    }

    async function call(origin, method, itemPath) {
      const page = await browser.newPage()
      const query = new URLSearchParams({ api: `http://localhost:${api.port}`, method, path: itemPath })
      await page.goto(`${origin}/?${query}`)
      await page.until('the result', () => document.querySelector('pre').textContent !== 'asking…')
      await pause(50) // The browser tells of a request a little later than the page.
      const sent = page.requests.filter(({ url }) => url.endsWith(itemPath)).map(({ method }) => method)
      return { page, sent }
    }
  })
}

async function createItem() {
  const response = await fetch(`${api.url}/api/items`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{"name": "before"}',
  })
  return response.json()
}

function serve() {
  const server = createServer((_, response) => response.setHeader('Content-Type', 'text/html; charset=utf-8').end(html))
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}
