/** A page of plain fetch calls, without any code of this project, calls the API with every method. */
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

const calls = [
  { method: 'GET', path: '/api/hello', status: 200 },
  { method: 'HEAD', path: '/api/hello', status: 200 },
  { method: 'POST', path: '/api/session', status: 201, preflighted: true },
  // No route supports these two methods, but an allowed origin can read the response.
  { method: 'PUT', path: '/api/session', status: 405, preflighted: true },
  { method: 'PATCH', path: '/api/session', status: 405, preflighted: true },
  { method: 'DELETE', path: '/api/session', status: 204, preflighted: true },
]

for (const engine of engines) {
  describe(engine.name, { skip: engine.missing }, () => {
    let browser

    before(async () => {
      browser = await engine.open()
    })

    after(() => browser?.close())

    for (const { method, path, status, preflighted = false } of calls) {
      test(`${method}: an allowed origin can read the response, another origin nothing`, async () => {
        const start = api.output().length
        let { sent, page } = await call(blocked, method, path)
        assert.deepEqual(JSON.parse(await page.text('pre')), { error: 'TypeError' })
        assert.equal(sent.includes('OPTIONS'), preflighted)
        const denied = preflighted ? 'OPTIONS' : method
        await until('the denial', () =>
          api
            .output()
            .slice(start)
            .split('\n')
            .some(
              (line) =>
                line.includes('cors_denied') &&
                line.includes(`method=${denied} path=${path}`) &&
                line.includes(blocked),
            ),
        )
        if (engine.reportsConsole) await page.logged(/has been blocked by CORS policy/)
        await page.close()
        assert.doesNotMatch(
          api.output().slice(start),
          new RegExp(`path=${path} .*status_code=${status}`),
          'no handler ran',
        )

        ;({ sent, page } = await call(allowed, method, path))
        const result = JSON.parse(await page.text('pre'))
        assert.equal(result.status, status)
        assert.ok(result.requestId, 'an exposed header')
        assert.equal(sent.includes('OPTIONS'), preflighted)
        await page.close()
        await until('the request in the log', () =>
          new RegExp(`method=${method} url.path=${path} .*status_code=${status}`).test(api.output().slice(start)),
        )
        await pause(250) // The log names only a few denials a second.
      })
    }

    async function call(origin, method, path) {
      const page = await browser.newPage()
      const query = new URLSearchParams({ api: `http://localhost:${api.port}`, method, path })
      await page.goto(`${origin}/?${query}`)
      await page.until('the result', () => document.querySelector('pre').textContent !== 'waiting…')
      await page.reportRequests()
      const sent = page.requests.filter(({ url }) => url.endsWith(path)).map(({ method }) => method)
      return { page, sent }
    }
  })
}

function serve() {
  const server = createServer((_, response) => response.setHeader('Content-Type', 'text/html; charset=utf-8').end(html))
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}
