/**
 * DNS rebinding: a developer opens a page of a stranger's site, whose name then
 * becomes that of the developer's own machine. To the browser, the page and the
 * API are one origin.
 */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { engines } from './support/browsers.mjs'
import { call } from './support/page.mjs'
import { freePorts, startApi } from './support/processes.mjs'

const name = 'rebind.evil.test'

/** What a page could do: read, plant, delete. */
const calls = [
  { method: 'GET', path: '/api/hello', status: 200 },
  { method: 'POST', path: '/api/session', json: { name: 'Mallory' }, status: 201 },
  { method: 'GET', path: '/api/session', status: 200 },
  { method: 'DELETE', path: '/api/nothing', status: 404 },
]

for (const engine of engines) {
  describe(engine.name, { skip: engine.missing }, () => {
    let browser

    before(async () => {
      browser = await engine.open({ localName: name })
    })

    after(() => browser?.close())

    test('in development, a page on a rebound name reaches nothing', async () => {
      await rebound({}, async (port, page) => {
        for (const { method, path, json } of calls) {
          const { status, body } = await call(page, method, `http://${name}:${port}${path}`, json)
          assert.equal(status, 400, `${method} ${path}`)
          assert.match(body.detail, /rebind\.evil\.test/)
          assert.match(body.detail, /ALLOWED_HOSTS/)
        }
        // Under the API's real name, the page has another origin.
        assert.deepEqual(await call(page, 'GET', `http://localhost:${port}/api/hello`), { error: 'TypeError' })
      })
    })

    test('it would reach everything if the name were allowed', async () => {
      await rebound({ ALLOWED_HOSTS: name }, async (port, page) => {
        for (const { method, path, json, status } of calls) {
          assert.equal(
            (await call(page, method, `http://${name}:${port}${path}`, json)).status,
            status,
            `${method} ${path}`,
          )
        }
      })
    })

    /** Opens the stranger's page, and then starts the API where the page came from. */
    async function rebound(env, run) {
      const [port] = await freePorts(1)
      const stranger = createServer((_, response) =>
        response.setHeader('Content-Type', 'text/html').end('<!doctype html>'),
      )
      await new Promise((resolve) => stranger.listen(port, '127.0.0.1', resolve))
      const page = await browser.newPage()
      await page.goto(`http://${name}:${port}/`)
      stranger.closeAllConnections()
      await new Promise((resolve) => stranger.close(resolve))
      const api = await startApi({ ...env, PORT: port })
      try {
        await run(port, page)
      } finally {
        await page.close()
        await api.stop()
      }
    }
  })
}
