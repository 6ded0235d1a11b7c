/** Rate limits that are used up, and the real wait until they are available again, which is one for all of them. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { engines } from './support/browsers.mjs'
import { exchange, open, press } from './support/page.mjs'
import { freePorts, pause, startApi, startPage, until } from './support/processes.mjs'

const UPLOAD_LIMIT = 6

// It goes with the sample.
const hasItems = existsSync(path.join(import.meta.dirname, 'items.limits.mjs'))
const items = hasItems ? await import('./items.limits.mjs') : undefined

let api, vite, allowed

before(async () => {
  const [port, blockedPort] = await freePorts(2)
  allowed = `http://localhost:${port}`
  api = await startApi({ ALLOWED_ORIGINS: allowed, RATE_LIMIT_UPLOAD: `${UPLOAD_LIMIT}-M`, ...items?.settings })
  vite = await startPage({ port, blockedPort, apiPort: api.port })
})

after(async () => {
  await vite?.stop()
  await api?.stop()
})

// The engines share one address, and so the limit: they wait at the same time.
describe('a 429', { concurrency: true }, () => {
  for (const engine of engines) {
    test(`counts down, and then the next request passes: ${engine.name}`, { skip: engine.missing }, async (t) => {
      const browser = await engine.open()
      t.after(() => browser.close())
      const page = await open(browser, allowed)
      const disabled = (card) =>
        page.evaluate(
          (card) => [...document.querySelectorAll(`#${card} .call`)].filter((b) => b.ariaDisabled === 'true').length,
          card,
        )
      const gauge = () => page.text('[data-policy=upload]')

      await press(page, 'errors', '429', 30)
      assert.match(await exchange(page, 'errors'), /^429.*"violated-policies"/s)
      assert.match(await gauge(), /^upload0 \/ 6wait \d+ s/)
      const button = () => page.evaluate(() => [...document.querySelectorAll('#errors .call')].at(-1).innerText)
      assert.match(await button(), /^429 · \d+ s$/, 'the button keeps its name')
      assert.equal(await disabled('errors'), 1)
      assert.equal(await disabled('upload'), 3, 'the policy’s other buttons wait as well')

      // Pressing a waiting button sends nothing.
      const sent = page.calls().length
      await page.evaluate(() => [...document.querySelectorAll('#errors .call')].at(-1).focus())
      await page.keyboard.press('Enter')
      await pause(300)
      assert.equal(page.calls().length, sent)

      const uploadAfter429 = async () => {
        const started = performance.now()
        const [, seconds] = /wait (\d+) s/.exec(await gauge())
        await until('the end of the wait', async () => (await disabled('errors')) === 0, 80)
        const waited = (performance.now() - started) / 1000
        assert.ok(waited > seconds - 2, `said ${seconds} s, took ${waited} s`)
      }
      await Promise.all([uploadAfter429(), items?.searchAfter429(page, api)])
      await press(page, 'upload', 'Upload 2 MiB')
      assert.match(await exchange(page, 'upload'), /^201/)
    })
  }
})
