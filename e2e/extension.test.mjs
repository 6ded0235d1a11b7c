/**
 * Browser extensions call the API from their background scripts. With host
 * permissions, they can read every response, with or without CORS headers, and only
 * a request that changes something says where it comes from. Without them, they are
 * like a page.
 */
import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { engines } from './support/browsers.mjs'
import { startApi, until } from './support/processes.mjs'

const { publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'der' },
})
// Chromium derives an extension's id from its key: 128 bits of the hash, with a to p as digits.
const id = createHash('sha256')
  .update(publicKey)
  .digest('hex')
  .slice(0, 32)
  .replace(/./g, (digit) => 'abcdefghijklmnop'[parseInt(digit, 16)])

const extensions = {
  Chromium: {
    origin: new RegExp(`^chrome-extension://${id}$`),
    allowed: { ALLOWED_ORIGINS: `chrome-extension://${id}` },
    background: { service_worker: 'background.js' },
  },
  Firefox: {
    origin: /^moz-extension:\/\/[0-9a-f-]{36}$/, // another one in each installation
    allowed: { ALLOWED_ORIGIN_REGEX: 'moz-extension://[0-9a-f-]+' },
    background: { scripts: ['background.js'] },
  },
}

/** The background script: makes a GET and a POST to each address and reports what came of them. */
async function callAll({ listed, unlisted, report }) {
  const results = {}
  for (const [name, url] of Object.entries({ listed, unlisted })) {
    for (const [method, path, body] of [
      ['GET', '/api/hello'],
      ['POST', '/api/session', '{"name":"Ada"}'],
    ]) {
      const headers = body ? { 'Content-Type': 'application/json' } : {}
      results[`${name} ${method}`] = await fetch(url + path, { method, headers, body }).then(
        (response) => response.status,
        (error) => error.name,
      )
    }
  }
  await fetch(report, { mode: 'no-cors' })
  await fetch(report, { method: 'POST', mode: 'no-cors', body: JSON.stringify(results) })
}

for (const engine of engines) {
  const { origin, allowed, background } = extensions[engine.name]

  describe(engine.name, { skip: engine.missing }, () => {
    let listed, unlisted

    before(async () => {
      listed = await startApi(allowed)
      unlisted = await startApi({ ALLOWED_ORIGINS: 'https://app.example.com' })
    })

    after(() => Promise.all([listed?.stop(), unlisted?.stop()]))

    test('with host permissions, a GET bears no Origin and a POST does', async () => {
      const { origins, sites, results } = await run(['http://127.0.0.1/*'])
      assert.equal(origins.GET, undefined)
      assert.match(origins.POST, origin)
      assert.equal(results['listed GET'], 200)
      assert.equal(results['listed POST'], 201)
      assert.equal(results['unlisted GET'], 200, 'nothing tells it from a request of curl')
      if (sites.POST === 'same-origin') {
        // Firefox says that the request comes from a page of the API itself.
        assert.equal(engine.name, 'Firefox')
        assert.equal(results['unlisted POST'], 201)
      } else {
        assert.equal(results['unlisted POST'], 403)
        denied(origins.POST, 'POST')
      }
    })

    test('without host permissions, it may call what lists it, and reads nothing of anything else', async () => {
      const { origins, results } = await run([])
      assert.match(origins.POST, origin)
      assert.deepEqual(results, {
        'listed GET': 200,
        'listed POST': 201,
        'unlisted GET': 'TypeError',
        'unlisted POST': 'TypeError',
      })
      denied(origins.POST, 'GET')
      assert.doesNotMatch(listed.output(), /cors_denied/)
    })

    /** Fails unless the log says why the extension's request was rejected. */
    function denied(origin, method) {
      const lines = unlisted.output().split('\n')
      const found = lines.find(
        (line) => line.includes('cors_denied') && line.includes(origin) && line.includes(`method=${method}`),
      )
      assert.match(found ?? unlisted.output(), /reason=.*not listed/)
    }

    /** Runs the extension once. Returns what its requests say of their origin, and its results. */
    async function run(permissions) {
      const origins = {}
      const sites = {}
      let results
      const reporter = createServer(async (request, response) => {
        origins[request.method] = request.headers.origin
        sites[request.method] = request.headers['sec-fetch-site']
        const body = (await request.toArray()).join('')
        if (request.method === 'POST') results = JSON.parse(body)
        response.end()
      })
      await new Promise((resolve) => reporter.listen(0, '127.0.0.1', resolve))
      const folder = mkdtempSync(path.join(tmpdir(), 'e2e-extension-'))
      const manifest = {
        manifest_version: 3,
        name: 'Calls the API',
        version: '1',
        key: engine.name === 'Chromium' ? publicKey.toString('base64') : undefined,
        host_permissions: permissions,
        background,
      }
      const report = `http://127.0.0.1:${reporter.address().port}/`
      writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest))
      writeFileSync(
        path.join(folder, 'background.js'),
        `(${callAll})(${JSON.stringify({ listed: listed.url, unlisted: unlisted.url, report })})`,
      )
      const browser = await engine.openExtension(folder)
      try {
        await until('the report of the extension', () => results, 60)
      } finally {
        await browser.close()
        reporter.close()
        reporter.closeAllConnections()
        rmSync(folder, { recursive: true, force: true })
      }
      return { origins, sites, results }
    }
  })
}
