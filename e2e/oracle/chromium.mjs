/** Chromium over the DevTools protocol, by Playwright. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { chromium } from 'playwright-core'
import { caseOf, executable } from './browsers.mjs'
import { names, publicOrigins } from './origins.mjs'
import { callAll } from './page.mjs'

export async function openChromium({ thirdPartyCookies }) {
  // The switch for third-party cookies is in the profile alone.
  const profile = mkdtempSync(path.join(tmpdir(), 'oracle-chromium-'))
  mkdirSync(path.join(profile, 'Default'))
  const mode = thirdPartyCookies === 'allow' ? 0 : 1
  writeFileSync(path.join(profile, 'Default/Preferences'), `{"profile": {"cookie_controls_mode": ${mode}}}`)
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: executable('CHROMIUM', '/usr/bin/chromium', 'chromium'),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--ignore-certificate-errors',
      `--ip-address-space-overrides=${publicOrigins.map(({ port }) => `127.0.0.1:${port}=public`).join(',')}`,
      `--host-resolver-rules=${names.map((name) => `MAP ${name} 127.0.0.1`).join(',')}`,
    ],
  })
  // What is not granted is denied: without a window there is nobody to ask. A page over plain HTTP cannot ask.
  for (const { scheme, origin, permission } of publicOrigins) {
    if (permission === 'granted' && scheme === 'https')
      await context.grantPermissions(['local-network-access'], { origin })
  }
  const browser = await context.browser().newBrowserCDPSession()
  const seen = new Map()
  const pending = new Set()
  return {
    name: 'chromium',
    version: context.browser().version(),
    async newPage(url) {
      const page = await context.newPage()
      await listen(await context.newCDPSession(page), seen, pending)
      await page.goto(url)
      return { call: (requests) => page.evaluate(callAll, requests) }
    },
    async setCookies(cookies) {
      await browser.send('Storage.setCookies', { cookies: cookies.map(toProtocol) })
    },
    async cookies() {
      const { cookies } = await browser.send('Storage.getCookies')
      return cookies.map(({ domain, path, name }) => ({ host: domain, path, name }))
    },
    async clearCookies() {
      await browser.send('Storage.clearCookies')
    },
    /** What the browser told of its cases since the last time, by case number. */
    async take() {
      const told = new Map(seen)
      seen.clear()
      return told
    },
    /** Whether it has told all about a request that has failed. */
    explained: (number) => !pending.has(number),
    async close() {
      await context.close()
      rmSync(profile, { recursive: true, force: true })
    },
  }
}

async function listen(session, seen, pending) {
  const numbers = new Map()
  session.on('Network.requestWillBeSent', ({ requestId, request, type }) => {
    const number = caseOf(request.url)
    // The request that the page made fails for the same reason as its preflight.
    if (number === undefined || type === 'Preflight') return
    numbers.set(requestId, number)
    pending.add(number)
  })
  session.on('Network.loadingFinished', ({ requestId }) => pending.delete(numbers.get(requestId)))
  session.on('Network.loadingFailed', ({ requestId, errorText, blockedReason, corsErrorStatus }) => {
    const number = numbers.get(requestId)
    if (number === undefined) return
    pending.delete(number)
    // A call that resolved ends so when its redirect is not followed, or its body is empty.
    if (errorText === 'net::ERR_ABORTED' && !blockedReason) return
    Object.assign(of(seen, number), {
      ...(corsErrorStatus && {
        corsError: corsErrorStatus.corsError,
        failedParameter: corsErrorStatus.failedParameter,
      }),
      netError: errorText,
      ...(blockedReason && { blockedReason }),
    })
  })
  session.on('Log.entryAdded', ({ entry: { text, url } }) => note(seen, text, url))
  session.on('Runtime.consoleAPICalled', ({ args }) => note(seen, args.map(({ value }) => value).join(' ')))
  await session.send('Network.enable')
  await session.send('Log.enable')
}

function note(seen, text, url = '') {
  const number = caseOf(text) ?? caseOf(url)
  if (number === undefined || text.startsWith('Failed to load resource')) return
  of(seen, number).console.push(text)
}

function of(seen, number) {
  if (!seen.has(number)) seen.set(number, { console: [] })
  return seen.get(number)
}

function toProtocol({ host, path, name, value, sameSite, secure }) {
  return {
    url: `${secure ? 'https' : 'http'}://${host}/`,
    path,
    name,
    value,
    secure,
    ...(sameSite !== 'unset' && { sameSite: sameSite[0].toUpperCase() + sameSite.slice(1) }),
  }
}
