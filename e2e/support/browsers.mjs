/**
 * Chromium and Firefox behind the few verbs that the tests need. No request is
 * ever intercepted: that would switch preflights off.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { chromium } from 'playwright-core'
import puppeteer from 'puppeteer-core'
import { until } from './processes.mjs'

const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const firefoxPath = process.env.FIREFOX ?? '/usr/bin/firefox-esr'

const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

/**
 * `open({ tunnel })` gives a browser that asks the proxy on that port for every
 * name but localhost, and takes any certificate.
 */
export const engines = [
  {
    name: 'Chromium',
    /** Whether the console's text about CORS can be seen. */
    tellsConsole: true,
    missing: missing('Chromium', chromiumPath, 'chromium', 'CHROMIUM'),
    /** It blocks third-party cookies, unless it is told to allow them. */
    async open({ tunnel, thirdPartyCookies = false } = {}) {
      const options = {
        executablePath: chromiumPath,
        args: ['--no-sandbox', '--disable-gpu', '--disable-quic', ...quiet],
      }
      // Playwright's own option for a proxy would send localhost there too.
      if (tunnel) options.args.push(`--proxy-server=http://127.0.0.1:${tunnel}`)
      const browser = thirdPartyCookies ? await launchWithThirdPartyCookies(options) : await chromium.launch(options)
      return {
        close: () => browser.close(),
        /** A page with a cookie jar of its own. */
        async newPage(options = {}) {
          const context = await browser.newContext({
            viewport: { width: 1280, height: 900 },
            ignoreHTTPSErrors: tunnel !== undefined,
            ...options,
          })
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
            atStart: (script) => page.addInitScript(script),
            cookies: async () =>
              (await context.cookies()).map((cookie) => kept(cookie, cookie.value, cookie.partitionKey !== undefined)),
            addCookie: (name, value, url) =>
              context.addCookies([{ name, value, url, sameSite: 'None', secure: true, httpOnly: true }]),
          })
        },
      }
    },
  },
  {
    name: 'Firefox',
    tellsConsole: false,
    missing: missing('Firefox', firefoxPath, 'firefox-esr', 'FIREFOX'),
    async open({ tunnel } = {}) {
      const browser = await puppeteer.launch({
        browser: 'firefox',
        executablePath: firefoxPath,
        headless: true,
        ...(tunnel && {
          acceptInsecureCerts: true,
          extraPrefsFirefox: {
            'network.proxy.type': 1,
            'network.proxy.ssl': '127.0.0.1',
            'network.proxy.ssl_port': tunnel,
          },
        }),
      })
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
            atStart: (script) => page.evaluateOnNewDocument(script),
            async cookies() {
              const { origin } = new URL(page.url())
              const names = (await context.userContext.getCookies({}, origin)).map(({ name }) => name)
              const all = await context.userContext.getCookies()
              return all.map((cookie) => kept(cookie, cookie.value.value, names.includes(cookie.name)))
            },
            addCookie: (name, value, url) =>
              context.setCookie({
                name,
                value,
                domain: new URL(url).hostname,
                path: '/',
                sameSite: 'None',
                secure: true,
                httpOnly: true,
              }),
          })
        },
      }
    },
  },
]

/** The switch is in the profile alone; the pages of other contexts follow it. */
async function launchWithThirdPartyCookies(options) {
  const profile = mkdtempSync(path.join(tmpdir(), 'e2e-chromium-'))
  process.once('exit', () => rmSync(profile, { recursive: true, force: true }))
  mkdirSync(path.join(profile, 'Default'))
  writeFileSync(path.join(profile, 'Default/Preferences'), '{"profile": {"cookie_controls_mode": 0}}')
  return (await chromium.launchPersistentContext(profile, options)).browser()
}

/** A cookie as the browser keeps it; one of another site than the page's may be `partitioned`: that page's alone. */
function kept({ name, secure, httpOnly, sameSite }, value, partitioned) {
  return { name, value, secure, httpOnly, sameSite: sameSite.toLowerCase(), partitioned }
}

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
