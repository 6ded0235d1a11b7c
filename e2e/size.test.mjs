/** What browsers load of the built page, from a server that sends its compressed files. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { engines } from './support/browsers.mjs'
import { buildPage } from './support/deployment.mjs'
import { open, pressFor } from './support/page.mjs'
import { startApi } from './support/processes.mjs'

/** The limit of ../frontend-dev/build.test.mjs, in bytes. */
const MAX_GZIP = 80 * 1024

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }

let folder, server, origin, api
/** The name of each file that a browser has loaded, and its size on the wire. */
let loaded

before(async () => {
  server = createServer(send)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://localhost:${server.address().port}`
  api = await startApi({ ALLOWED_ORIGINS: origin })
  folder = buildPage(`http://localhost:${api.port}`)
})

after(async () => {
  server?.close()
  server?.closeAllConnections()
  await api?.stop()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

function send(request, response) {
  const name = request.url === '/' ? 'index.html' : request.url.slice(1)
  const file = path.join(folder, name)
  const isCompressed = existsSync(`${file}.gz`)
  if (!isCompressed && !existsSync(file)) return response.writeHead(404).end()
  const content = readFileSync(isCompressed ? `${file}.gz` : file)
  loaded.set(name, content.length)
  response.setHeader('Content-Type', types[path.extname(name)])
  if (isCompressed) response.setHeader('Content-Encoding', 'gzip')
  response.end(content)
}

for (const engine of engines) {
  describe(engine.name, { skip: engine.missing }, () => {
    let browser

    before(async () => {
      browser = await engine.open()
    })

    after(() => browser?.close())

    test('the lab is under 80 KB by gzip, and the rest comes when it is needed', async () => {
      loaded = new Map()
      const page = await open(browser, origin)
      assert.equal(await page.text('[data-api]'), 'The API responds')
      const sizes = JSON.stringify([...loaded])
      assert.ok(loaded.size >= 3, sizes)
      const total = [...loaded.values()].reduce((sum, size) => sum + size)
      assert.ok(total < MAX_GZIP, `${total} bytes: ${sizes}`)

      loaded.clear()
      await pressFor(page, 'simple', 'GET hello', /^200.*Headers that this page may read/s)
      assert.match([...loaded.keys()].join(), /ExchangeDetail/)
      await page.close()
    })

    test('a part that a newer build has replaced is not there, and the page says so', async () => {
      loaded = new Map()
      const page = await open(browser, origin)
      const build = folder
      folder = path.join(folder, 'none')
      try {
        await pressFor(page, 'simple', 'GET hello', /^200.*Reload the page/s)
        const other = await page.evaluate(
          () => document.querySelector('nav[aria-label=Views] a:not([aria-current])')?.textContent,
        )
        if (other) {
          await page.click('nav[aria-label=Views] a', other)
          await page.until('the reason', () =>
            document.querySelector('main > .banner')?.textContent.includes('Reload the page'),
          )
        }
      } finally {
        folder = build
      }
      await page.close()
    })
  })
}
