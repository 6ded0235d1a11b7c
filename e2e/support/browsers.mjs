/**
 * Chromium and Firefox behind the few methods that the tests need. Nothing
 * intercepts requests, because that would turn preflights off.
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
 * `open({ tunnel })` opens a browser that uses the proxy on that port for every
 * name except localhost, and accepts any certificate. For `open({ localName })`,
 * the name is that of the address 127.0.0.1. For `open({ publicPort })`, the page
 * on that port of this machine is as one from the internet, which the user does
 * not permit to call this machine. `open({ forcedColors: true })` also reduces
 * motion.
 */
export const engines = [
  {
    name: 'Chromium',
    /** Whether the browser reports what its console says about CORS. */
    reportsConsole: true,
    missing: missing('Chromium', chromiumPath, 'chromium', 'CHROMIUM'),
    /** Chromium blocks third-party cookies unless `thirdPartyCookies` is set. */
    async open({ tunnel, localName, publicPort, forcedColors = false, thirdPartyCookies = false } = {}) {
      const options = {
        executablePath: chromiumPath,
        args: ['--no-sandbox', '--disable-gpu', '--disable-quic', ...quiet],
      }
      // Playwright's own proxy option would also apply to localhost.
      if (tunnel) options.args.push(`--proxy-server=http://127.0.0.1:${tunnel}`)
      if (localName) options.args.push(`--host-resolver-rules=MAP ${localName} 127.0.0.1`)
      // Nobody answers the prompt, so the browser denies the permission.
      if (publicPort) options.args.push(`--ip-address-space-overrides=127.0.0.1:${publicPort}=public`)
      const browser = thirdPartyCookies ? await launchWithThirdPartyCookies(options) : await chromium.launch(options)
      return {
        close: () => browser.close(),
        /** A page with a cookie jar of its own. */
        async newPage(options = {}) {
          const context = await browser.newContext({
            viewport: { width: 1280, height: 900 },
            ignoreHTTPSErrors: tunnel !== undefined,
            ...(forcedColors && { forcedColors: 'active', reducedMotion: 'reduce' }),
            ...options,
          })
          const page = await context.newPage()
          const requests = []
          // Playwright does not report preflights; the protocol below it does.
          const protocol = await context.newCDPSession(page)
          await protocol.send('Network.enable')
          protocol.on('Network.requestWillBeSent', ({ request: { method, url } }) => requests.push({ method, url }))
          return new Page(page, requests, {
            close: () => context.close(),
            resize: (width, height) => page.setViewportSize({ width, height }),
            choose: (input, file) => input.setInputFiles(file),
            atStart: (script) => page.addInitScript(script),
            cookies: async () =>
              (await context.cookies()).map((cookie) =>
                stored(cookie, cookie.value, cookie.partitionKey !== undefined),
              ),
            addCookie: (name, value, url) =>
              context.addCookies([{ name, value, url, sameSite: 'None', secure: true, httpOnly: true }]),
          })
        },
      }
    },
    /** Opens a browser with the extension in the folder. */
    openExtension: (folder) =>
      launchPersistent('{}', {
        executablePath: chromiumPath,
        ignoreDefaultArgs: ['--disable-extensions'],
        args: [
          '--no-sandbox',
          '--disable-gpu',
          ...quiet,
          `--disable-extensions-except=${folder}`,
          `--load-extension=${folder}`,
        ],
      }),
  },
  {
    name: 'Firefox',
    reportsConsole: false,
    missing: missing('Firefox', firefoxPath, 'firefox-esr', 'FIREFOX'),
    async open({ tunnel, localName, publicPort, forcedColors = false } = {}) {
      const browser = await puppeteer.launch({
        browser: 'firefox',
        executablePath: firefoxPath,
        headless: true,
        acceptInsecureCerts: tunnel !== undefined,
        extraPrefsFirefox: {
          ...(localName && { 'network.dns.localDomains': localName }),
          ...(publicPort && { 'network.lna.address_space.public.override': `127.0.0.1:${publicPort}` }),
          ...(forcedColors && { 'browser.display.document_color_use': 2, 'ui.prefersReducedMotion': 1 }),
          ...(tunnel && {
            'network.proxy.type': 1,
            'network.proxy.ssl': '127.0.0.1',
            'network.proxy.ssl_port': tunnel,
          }),
        },
      })
      return {
        close: () => browser.close(),
        async newPage() {
          const context = await browser.createBrowserContext()
          if (publicPort) {
            const permission = { name: 'loopback-network' }
            await context.setPermission(`http://localhost:${publicPort}`, { permission, state: 'denied' })
          }
          const page = await context.newPage()
          await page.setViewport({ width: 1280, height: 900 })
          const requests = []
          page.on('request', (request) => requests.push({ method: request.method(), url: request.url() }))
          return new Page(page, requests, {
            close: () => context.close(),
            async resize(width, height) {
              await page.setViewport({ width, height })
              // On a busy machine, the window may get its size only now. What has the focus by then may be out of sight.
              const hasSize = ([width, height]) => innerWidth === width && innerHeight === height
              await until(`${width} x ${height}`, () => page.evaluate(hasSize, [width, height]))
            },
            choose: (input, file) => input.uploadFile(file),
            atStart: (script) => page.evaluateOnNewDocument(script),
            async cookies() {
              const { origin } = new URL(page.url())
              const names = (await context.userContext.getCookies({}, origin)).map(({ name }) => name)
              const all = await context.userContext.getCookies()
              return all.map((cookie) => stored(cookie, cookie.value.value, names.includes(cookie.name)))
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
    /** Opens a browser with the extension in the folder, installed until it closes. */
    async openExtension(folder) {
      const browser = await puppeteer.launch({ browser: 'firefox', executablePath: firefoxPath, headless: true })
      await browser.installExtension(folder)
      return browser
    },
  },
]

/** Only the profile has this setting; other contexts of the browser follow it. */
async function launchWithThirdPartyCookies(options) {
  return (await launchPersistent('{"profile": {"cookie_controls_mode": 0}}', options)).browser()
}

/** Starts Chromium with a profile of its own that has the preferences. */
function launchPersistent(preferences, options) {
  const profile = mkdtempSync(path.join(tmpdir(), 'e2e-chromium-'))
  process.once('exit', () => rmSync(profile, { recursive: true, force: true }))
  mkdirSync(path.join(profile, 'Default'))
  writeFileSync(path.join(profile, 'Default/Preferences'), preferences)
  return chromium.launchPersistentContext(profile, options)
}

/** A stored cookie. `partitioned` marks a cookie of another site that only this page's site can use. */
function stored({ name, secure, httpOnly, sameSite }, value, partitioned) {
  return { name, value, secure, httpOnly, sameSite: sameSite.toLowerCase(), partitioned }
}

/** Why a browser's tests are skipped, or false. In CI, a missing browser is an error. */
function missing(name, executable, debianPackage, variable) {
  if (existsSync(executable)) return false
  const remedy = `${executable} is missing: apt-get install ${debianPackage}, or set ${variable} to its path`
  if (process.env.CI === 'true') throw new Error(remedy)
  console.log(`SKIP ${name}: ${remedy}`)
  return remedy
}

class Page {
  /** The messages in the console. */
  console = []
  #page

  constructor(page, requests, verbs) {
    this.#page = page
    this.requests = requests
    Object.assign(this, verbs)
    page.on('console', (message) => this.console.push(message.text()))
    page.on('pageerror', (error) => this.console.push(`uncaught: ${error}`))
  }

  /** The requests, apart from those to /healthz and for the page's own files, which it sends by itself. */
  calls() {
    return this.requests.filter(({ url }) => !/^https?:\/\/[^/]+\/(healthz$|src\/|node_modules\/|assets\/|@)/.test(url))
  }

  /**
   * Waits until the browser has reported the requests of calls that have ended,
   * which it does a little later than the page. The wait is in the browser, so that
   * it reads no response before the reports, however slow this process is.
   */
  reportRequests() {
    return this.evaluate(() => new Promise((resolve) => setTimeout(resolve, 50)))
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

  evaluate(run, argument) {
    return this.#page.evaluate(run, argument)
  }

  screenshot(options) {
    return this.#page.screenshot(options)
  }

  /** Runs a function in the page until its result is truthy. */
  until(what, run, argument, seconds) {
    return until(what, () => this.evaluate(run, argument), seconds)
  }

  /** Waits until a message in the console matches, apart from the first `known`. */
  logged(pattern, known = 0) {
    return until(`in the console: ${pattern}`, () => this.console.slice(known).some((text) => pattern.test(text)))
  }

  text(selector) {
    return this.evaluate((selector) => document.querySelector(selector)?.textContent ?? null, selector)
  }

  /**
   * Clicks the first element that matches and whose text begins with `text`, once
   * it is enabled and keeps its place. If the page moves all the same, so that
   * something else receives the click, the click is stopped and repeated.
   */
  async click(selector, text = '') {
    await until(`a click on ${selector} “${text}”`, async () => {
      const point = await (await this.#find(selector, text)).evaluate(aim)
      if (!point) return false
      await this.#page.mouse.click(...point)
      return this.evaluate(() => Promise.race([window.hit, new Promise((resolve) => setTimeout(resolve, 1000))]))
    })
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

/**
 * Runs in the page: scrolls to an element and returns the middle of its first line,
 * or null while a click there would not reach it. Then `hit` resolves at the next
 * click, and says whether the element received it.
 */
async function aim(element) {
  if (element.matches(':disabled, [aria-disabled=true]')) return null
  element.scrollIntoView({ block: 'nearest' })
  const frame = () => new Promise(requestAnimationFrame)
  await frame()
  const [before] = element.getClientRects()
  await frame()
  const [box] = element.getClientRects()
  if (!box || box.x !== before?.x || box.y !== before.y) return null
  const point = [box.x + box.width / 2, box.y + box.height / 2]
  if (!element.contains(document.elementFromPoint(...point))) return null
  window.hit = new Promise((resolve) => {
    const check = (event) => {
      const hit = element.contains(event.target)
      if (!hit) event.stopImmediatePropagation()
      if (!hit) event.preventDefault()
      resolve(hit)
    }
    addEventListener('click', check, { capture: true, once: true })
  })
  return point
}
