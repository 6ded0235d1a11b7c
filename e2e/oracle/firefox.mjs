/**
 * Firefox over WebDriver BiDi, by Puppeteer. Its messages about CORS are not among
 * BiDi's log entries; the browser's own console service has them, and the
 * browser's window may be scripted if it is started with system access.
 */
import puppeteer from 'puppeteer-core'
import { caseOf, executable } from './browsers.mjs'
import { names, publicOrigins } from './origins.mjs'
import { callAll } from './page.mjs'

export async function openFirefox({ thirdPartyCookies }) {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: executable('FIREFOX', '/usr/bin/firefox-esr', 'firefox-esr'),
    headless: true,
    acceptInsecureCerts: true,
    args: ['--remote-allow-system-access'],
    extraPrefsFirefox: {
      'network.dns.localDomains': names.join(','),
      'dom.security.https_first': false,
      'network.lna.address_space.public.override': publicOrigins.map(({ port }) => `127.0.0.1:${port}`).join(','),
      // 0 keeps and sends all cookies, 1 no third-party ones.
      'network.cookie.cookieBehavior': thirdPartyCookies === 'allow' ? 0 : 1,
    },
  })
  const send = async (method, params) => (await browser.connection.send(method, params)).result
  const { contexts } = await send('browsingContext.getTree', { 'moz:scope': 'chrome' })
  const inWindow = async (script, argument) => {
    const target = { context: contexts[0].context }
    const { type, result, exceptionDetails } = await send('script.evaluate', {
      expression: `JSON.stringify((${script})(${JSON.stringify(argument)}))`,
      target,
      awaitPromise: false,
    })
    if (type !== 'success') throw new Error(`Firefox's window: ${exceptionDetails.text}`)
    return result.value && JSON.parse(result.value)
  }
  await inWindow(collectMessages)
  await inWindow(setPermissions, publicOrigins)
  return {
    name: 'firefox',
    version: (await browser.version()).replace('firefox/', ''),
    async newPage(url) {
      const page = await browser.newPage()
      await page.goto(url)
      return { call: (requests) => page.evaluate(callAll, requests) }
    },
    async setCookies(cookies) {
      await Promise.all(cookies.map((cookie) => send('storage.setCookie', { cookie: toProtocol(cookie) })))
    },
    async cookies() {
      const { cookies } = await send('storage.getCookies', {})
      return cookies.map(({ domain, path, name }) => ({ host: domain, path, name }))
    },
    async clearCookies() {
      await send('storage.deleteCookies', {})
    },
    /** What the browser told of its cases since the last time, by case number. */
    async take() {
      const told = new Map()
      for (const { category, text, source } of await inWindow(takeMessages)) {
        const number = caseOf(text) ?? caseOf(source)
        if (number === undefined) continue
        if (!told.has(number)) told.set(number, { console: [], consoleCategories: [] })
        // A stack of the driver's own calls may follow.
        told.get(number).console.push(text.split('\n')[0])
        told.get(number).consoleCategories.push(category)
      }
      return told
    },
    /** Not every failure has a message, so there is nothing to wait for. */
    explained: () => true,
    close: () => browser.close(),
  }
}

/** Runs in the browser's window. */
function collectMessages() {
  globalThis.oracleMessages = []
  Services.console.registerListener({
    observe(message) {
      if (!(message instanceof Ci.nsIScriptError)) return
      const { category, errorMessage: text, sourceName: source } = message
      globalThis.oracleMessages.push({ category, text, source })
    },
  })
}

/** Runs in the browser's window. */
function takeMessages() {
  return globalThis.oracleMessages.splice(0)
}

/** Runs in the browser's window. Without an answer beforehand, it asks the user, and the call waits. */
function setPermissions(origins) {
  for (const { origin, permission } of origins) {
    const principal = Services.scriptSecurityManager.createContentPrincipalFromOrigin(origin)
    const action = permission === 'granted' ? Services.perms.ALLOW_ACTION : Services.perms.DENY_ACTION
    Services.perms.addFromPrincipal(principal, 'loopback-network', action)
  }
}

function toProtocol({ host, path, name, value, sameSite, secure }) {
  return {
    domain: host,
    path,
    name,
    value: { type: 'string', value },
    sameSite: sameSite === 'unset' ? 'default' : sameSite,
    secure,
    httpOnly: false,
  }
}
