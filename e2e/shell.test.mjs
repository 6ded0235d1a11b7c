/**
 * Native shells such as Tauri and Capacitor show pages that have a scheme, and so
 * an origin, of their own. WebKitGTK, which Tauri uses on Linux, can show one.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { describe, test } from 'node:test'
import { root, start, startApi } from './support/processes.mjs'

const python = '/usr/bin/python3' // Debian's, because Debian's bindings belong to it
const check = spawnSync('xvfb-run', ['-a', python, '-c', 'import gi; gi.require_version("WebKit2", "4.1")'])
const missing = check.status !== 0 && 'WebKitGTK is missing: apt-get install gir1.2-webkit2-4.1 python3-gi xvfb xauth'
if (missing && process.env.CI === 'true') throw new Error(missing)
if (missing) console.log(`SKIP native shells: ${missing}`)

/** The script of the page: makes a GET and a POST with a preflight, and puts what came of them into its title. */
async function callBoth(url) {
  const results = { origin: location.origin }
  for (const [method, path, body] of [
    ['GET', '/api/hello'],
    ['POST', '/api/session', '{"name":"Ada"}'],
  ]) {
    const headers = body ? { 'Content-Type': 'application/json' } : {}
    results[method] = await fetch(url + path, { method, headers, body, credentials: 'include' }).then(
      (response) => [response.status, response.headers.has('X-Request-ID')],
      (error) => error.name,
    )
  }
  document.title = JSON.stringify(results)
}

describe('native shells', { skip: missing }, () => {
  for (const scheme of ['tauri', 'capacitor']) {
    const origin = `${scheme}://localhost`

    test(`a page of ${origin} that is listed calls and reads`, async () => {
      assert.deepEqual((await show(scheme, origin)).results, { origin, GET: [200, true], POST: [201, true] })
    })

    test(`a page of ${origin} that is not listed reads nothing, and the log says why`, async () => {
      const { results, log } = await show(scheme, 'https://app.example.com')
      assert.deepEqual(results, { origin, GET: 'TypeError', POST: 'TypeError' })
      assert.match(log, new RegExp(`cors_denied origin=${origin} method=GET .*reason="not listed`))
      assert.match(log, new RegExp(`cors_denied origin=${origin} method=OPTIONS`))
    })
  }

  /** Shows the page on the scheme, calling an API that allows one origin. */
  async function show(scheme, allowed) {
    const api = await startApi({ ALLOWED_ORIGINS: allowed })
    try {
      const shell = start(
        'xvfb-run',
        ['-a', 'timeout', '60', python, path.join(root, 'e2e/support/shell.py'), scheme],
        {
          stdio: ['pipe', 'pipe', 'pipe'],
        },
      )
      shell.child.stdin.end(`<!doctype html><script>(${callBoth})(${JSON.stringify(api.url)})</script>`)
      const [line] = await shell.waitForOutput(/^\{.*\}$/m, 60)
      await shell.ended
      return { results: JSON.parse(line), log: api.output() }
    } finally {
      await api.stop()
    }
  }
})
