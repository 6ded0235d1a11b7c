/**
 * Takes screenshots of the page with responses on its cards, from the real
 * server: every view, narrow and wide, light, dark and in forced colours. `npm run screenshots`
 * writes them to e2e/screenshots/, or to the folder given as an argument. A
 * file `*.views.mjs` adds views: it exports seed, pressCards and shootViews.
 */
import { mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { engines } from './support/browsers.mjs'
import { press } from './support/page.mjs'
import { corscheckBinary, pause, startApi, startPage } from './support/processes.mjs'

const folder = path.resolve(process.argv[2] ?? path.join(import.meta.dirname, 'screenshots'))
mkdirSync(folder, { recursive: true })

const views = await Promise.all(
  readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith('.views.mjs'))
    .map((name) => import(`./${name}`)),
)

// The ports that users see.
const [port, blockedPort, apiPort] = [5173, 5174, 8080]
const origin = `http://localhost:${port}`
const vite = await startPage({ port, blockedPort, apiPort, env: { CORSCHECK: corscheckBinary() } })
const [chromium] = engines
const browser = await chromium.open()
let api
try {
  for (const [look, media] of [
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['forced', { forcedColors: 'active' }],
  ]) {
    for (const width of [390, 1280]) {
      // A new server each time, whose limits are not used up yet.
      api = await startApi({ PORT: apiPort, ALLOWED_ORIGINS: origin })
      for (const { seed } of views) await seed(api)
      await shootAll(look, media, width)
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

async function shootAll(look, media, width) {
  const page = await browser.newPage({ ...media, deviceScaleFactor: width === 390 ? 2 : 1 })
  await page.resize(width, width === 390 ? 844 : 900)
  const shoot = (view, options) =>
    page.screenshot({ path: path.join(folder, `${view}-${width}-${look}.png`), ...options })

  await page.goto(origin)
  await press(page, 'simple', 'GET hello')
  await press(page, 'preflighted', 'POST')
  await press(page, 'credentials', 'Sign in')
  await press(page, 'credentials', 'Who am I')
  await press(page, 'upload', 'Upload 2 MiB')
  await press(page, 'headers', 'GET hello')
  await press(page, 'errors', '429')
  await press(page, 'blocked-header', 'GET with')
  await press(page, 'hosts', 'Who am I')
  await press(page, 'api-down', 'Call')
  await page.fill('#your-api .method input', 'PURGE')
  await press(page, 'your-api', 'Send')
  for (const card of ['blocked-header', 'api-down', 'your-api']) await explained(page, card)
  for (const { pressCards } of views) await pressCards(page)
  for (const card of ['your-api', 'errors', 'blocked-header']) {
    await page.evaluate((card) => document.getElementById(card).scrollIntoView(), card)
    await pause(100)
    await shoot(card)
  }
  await page.evaluate(() => scrollTo(0, 0))
  await shoot('top')
  await shoot('lab', { fullPage: true })

  for (const { shootViews } of views) await shootViews(page, origin, shoot)

  await page.goto(`http://localhost:${blockedPort}`)
  await press(page, 'blocked-origin', 'POST')
  await explained(page, 'blocked-origin')
  await page.evaluate(() => document.getElementById('blocked-origin').scrollIntoView())
  await shoot('blocked')
  await page.close()
}

/** Waits until a card says why its call failed. */
function explained(page, card) {
  return page.until(`the cause: ${card}`, (card) => document.querySelector(`#${card} [data-cause]`) !== null, card)
}
