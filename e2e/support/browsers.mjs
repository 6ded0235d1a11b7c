/**
 * Chromium and Firefox behind the few verbs that the tests need. No request is
 * ever intercepted: that would switch preflights off.
 */
import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import puppeteer from 'puppeteer-core'
import { until } from './processes.mjs'

const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const firefoxPath = process.env.FIREFOX ?? '/usr/bin/firefox-esr'

const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

export const engines = [
  {
    name: 'Chromium',
    /** Whether the console's text about CORS can be seen. */
    tellsConsole: true,
    missing: missing('Chromium', chromiumPath, 'chromium', 'CHROMIUM'),
    async open() {
      const browser = await chromium.launch({
        executablePath: chromiumPath,
        args: ['--no-sandbox', '--disable-gpu', '--disable-quic', ...quiet],
      })
      return {
        close: () => browser.close(),
        /** A page with a cookie jar of its own. */
        async newPage(options = {}) {
          const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
          const page = await context.newPage()
          const requests = []
          // Playwright leaves preflights out; the protocol below it does not.
          const protocol = await context.newCDPSession(page)
          await protocol.send('Network.enable')
          protocol.on('Network.requestWillBeSent', ({ request: { method, url } }) => requests.push({ method, url }))
          return new Page(page, requests, {
            close: () => context.close(),
            resize: (width, height) => page.setViewportSize({ width, height }),
            choose: (input, file) => input.setInputFiles(file),
          })
        },
      }
    },
  },
  {
    name: 'Firefox',
    tellsConsole: false,
    missing: missing('Firefox', firefoxPath, 'firefox-esr', 'FIREFOX'),
    async open() {
      const browser = await puppeteer.launch({ browser: 'firefox', executablePath: firefoxPath, headless: true })
      return {
        close: () => browser.close(),
        async newPage() {
          const context = await browser.createBrowserContext()
          const page = await context.newPage()
          await page.setViewport({ width: 1280, height: 900 })
          const requests = []
          page.on('request', (request) => requests.push({ method: request.method(), url: request.url() }))
          return new Page(page, requests, {
            close: () => context.close(),
            resize: (width, height) => page.setViewport({ width, height }),
            choose: (input, file) => input.uploadFile(file),
          })
        },
      }
    },
  },
]

/** Why the tests in a browser are left out, or false. In CI a missing browser is an error. */
function missing(name, executable, debianPackage, variable) {
  if (existsSync(executable)) return false
  const remedy = `${executable} is missing: apt-get install ${debianPackage}, or set ${variable} to its path`
  if (process.env.CI === 'true') throw new Error(remedy)
  console.log(`SKIP ${name}: ${remedy}`)
  return remedy
}

class Page {
  /** What the console says. */
  console = []
  #page

  constructor(page, requests, verbs) {
    this.#page = page
    this.requests = requests
    Object.assign(this, verbs)
    page.on('console', (message) => this.console.push(message.text()))
    page.on('pageerror', (error) => this.console.push(`uncaught: ${error}`))
  }

  get keyboard() {
    return this.#page.keyboard
  }

  goto(url) {
    return this.#page.goto(url)
  }

  reload() {
    return this.#page.reload()
  }

  evaluate(ask, argument) {
    return this.#page.evaluate(ask, argument)
  }

  screenshot(options) {
    return this.#page.screenshot(options)
  }

  /** Waits until the page answers with something truthy. */
  until(what, ask, argument, seconds) {
    return until(what, () => this.evaluate(ask, argument), seconds)
  }

  text(selector) {
    return this.evaluate((selector) => document.querySelector(selector)?.textContent ?? null, selector)
  }

  /** Clicks the one element that matches, and whose text, if given, begins so. */
  async click(selector, text = '') {
    await (await this.#find(selector, text)).click()
  }

  async fill(selector, text) {
    const input = await this.#find(selector, '')
    await input.evaluate((input) => input.select())
    if (text === '') await this.keyboard.press('Delete')
    else await input.type(text)
  }

  async chooseFile(selector, file) {
    await this.choose(await this.#find(selector, ''), file)
  }

  async #find(selector, text) {
    const query = { selector, text }
    const find = ({ selector, text }) =>
      [...document.querySelectorAll(selector)].find((element) => element.textContent.startsWith(text)) ?? null
    return until(`${selector} “${text}”`, async () => (await this.#page.evaluateHandle(find, query)).asElement())
  }
}
