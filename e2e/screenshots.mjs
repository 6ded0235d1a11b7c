/**
 * Takes pictures of the page, with answers on its cards, against the real
 * server: every view, narrow and wide, light and dark. `npm run screenshots`
 * writes them to e2e/screenshots/, or to the folder that is given.
 */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { engines } from './support/browsers.mjs'
import { pause, startApi, startPage } from './support/processes.mjs'

const folder = path.resolve(process.argv[2] ?? path.join(import.meta.dirname, 'screenshots'))
mkdirSync(folder, { recursive: true })

const items = [
  ['Charter of the reading room', 'Quiet from nine to five, coffee afterwards'],
  ['Invoice 2041', 'Sent in May, paid in June'],
  ['Lab notebook', ''],
  ['Travel plan', 'Two trains and a ferry; the ferry does not run on Sundays'],
]

// The ports that a user sees.
const [port, blockedPort, apiPort] = [5173, 5174, 8080]
const origin = `http://localhost:${port}`
const vite = await startPage({ port, blockedPort, apiPort })
const [chromium] = engines
const browser = await chromium.open()
let api
try {
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [390, 1280]) {
      // A server of its own each time: its limits are not used up yet.
      api = await startApi({ PORT: apiPort, ALLOWED_ORIGINS: origin })
      for (const [name, note] of items) {
        await fetch(`${api.url}/api/items`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ name, note }),
        })
      }
      await shootAll(colorScheme, width)
      await api.stop()
      api = undefined
    }
  }
} finally {
  await browser.close()
  await vite.stop()
  await api?.stop()
}
console.log(folder)

async function shootAll(colorScheme, width) {
  const page = await browser.newPage({ colorScheme, deviceScaleFactor: width === 390 ? 2 : 1 })
  await page.resize(width, width === 390 ? 844 : 900)
  const shoot = (view, options) =>
    page.screenshot({ path: path.join(folder, `${view}-${width}-${colorScheme}.png`), ...options })

  await page.goto(origin)
  await press(page, 'simple', 'GET hello')
  await press(page, 'preflighted', 'POST')
  await press(page, 'credentials', 'Sign in')
  await press(page, 'credentials', 'Who am I')
  await press(page, 'upload', 'Upload 2 MiB')
  await press(page, 'headers', 'GET hello')
  await page.fill('#search input', 'the')
  await pause(500)
  await press(page, 'errors', '429')
  await press(page, 'blocked-header', 'GET with')
  await press(page, 'hosts', 'Who am I')
  await press(page, 'api-down', 'Call')
  for (const card of ['errors', 'blocked-header']) {
    await page.evaluate((card) => document.getElementById(card).scrollIntoView({ behavior: 'instant' }), card)
    await pause(100)
    await shoot(card)
  }
  await page.evaluate(() => scrollTo({ top: 0, behavior: 'instant' }))
  await shoot('top')
  await shoot('lab', { fullPage: true })

  await page.goto(`${origin}/#items`)
  await page.click('.item-form button', 'Create')
  await pause(300)
  await shoot('items')
  await page.click('.rows button', 'Edit')
  await pause(100)
  await shoot('edit')

  await page.goto(`http://localhost:${blockedPort}`)
  await press(page, 'blocked-origin', 'POST')
  await page.evaluate(() => document.getElementById('blocked-origin').scrollIntoView({ behavior: 'instant' }))
  await shoot('blocked')
  await page.close()
}

async function press(page, card, button) {
  await page.click(`#${card} button`, button)
  await page.until('the answer', (card) => document.getElementById(card).ariaBusy === 'false', card)
  await pause(50)
}
