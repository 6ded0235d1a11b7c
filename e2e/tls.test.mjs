/**
 * The services of deploy/compose.yaml over TLS, in browsers: the built page
 * where compose.yaml serves it, and pages of plain calls under other names, on
 * the API's site and on another site.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { engines } from './support/browsers.mjs'
import {
  buildPage,
  denial,
  logLengths,
  missing,
  onBoth,
  startDeployment,
  startStores,
  startTunnel,
} from './support/deployment.mjs'
import { call, pressFor, reportViolations } from './support/page.mjs'
import { freePorts } from './support/processes.mjs'

const PAGE = 'https://app.example.com'
const OTHER_PAGE = 'https://www.example.com'
const SIBLING = 'https://api.example.com'
const OTHER_SITE = 'https://api.example.org'

const skip = missing || (engines.every((engine) => engine.missing) && 'no browser')

describe('over TLS', { skip }, () => {
  let stores, tunnel, httpsPort
  const browsers = new Map()
  const folders = []

  before(async () => {
    ;[httpsPort] = await freePorts(1)
    const names = [PAGE, OTHER_PAGE, SIBLING, OTHER_SITE].map((origin) => new URL(origin).hostname)
    tunnel = await startTunnel(new Map(names.map((name) => [name, httpsPort])))
    stores = await startStores()
    for (const engine of engines) {
      if (!engine.missing) browsers.set(engine, await engine.open({ tunnel: tunnel.port }))
    }
  })

  after(async () => {
    for (const browser of browsers.values()) await browser.close()
    await stores?.stop()
    await tunnel?.stop()
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })

  /** Runs tests in each engine against a deployment of their own. */
  function deployed(name, options, testsIn) {
    describe(name, () => {
      const deployment = {}

      before(async () => Object.assign(deployment, await startDeployment({ stores, httpsPort, ...(await options()) })))
      after(() => deployment.stop?.())

      for (const engine of engines) {
        describe(engine.name, { skip: engine.missing }, () => testsIn(engine, deployment))
      }
    })
  }

  async function open(engine, url) {
    const page = await browsers.get(engine).newPage()
    await page.atStart(reportViolations)
    await page.goto(url)
    return page
  }

  describe('on localhost', () => {
    let allowed, blocked, api

    const options = async () => {
      const [port, blockedPort, apiPort] = await freePorts(3)
      ;[allowed, blocked, api] = [port, blockedPort, apiPort].map((port) => `https://localhost:${port}`)
      const pageFolder = buildPage(api)
      folders.push(pageFolder)
      return { pageFolder, pages: [allowed, blocked], api, httpsPort: apiPort }
    }

    deployed('the built page, as compose.yaml ships it', options, (engine, deployment) => {
      let page

      before(async () => {
        page = await open(engine, allowed)
        await page.until('the page', () => document.querySelector('.card') !== null)
      })
      after(() => page?.close())

      test('loads and calls the API within its policy, and the console stays empty', async () => {
        await page.until('a response, or none', () => document.querySelector('[data-api=unknown]') === null)
        assert.deepEqual(page.console, [])
        assert.equal(await page.text('[data-api]'), 'The API responds')
        assert.equal(await page.text('.origins dd:nth-of-type(2)'), api)
        await pressFor(page, 'simple', 'GET hello', /^200/)
        await pressFor(page, 'preflighted', 'POST', /^201/)
        await pressFor(page, 'preflighted', 'DELETE', /^204/)
        await pressFor(page, 'upload', 'Upload 2 MiB', /^201/)
        assert.deepEqual(page.console, [])
      })

      test('mentions nothing of the development server', async () => {
        const links = await page.evaluate(() => [...document.querySelectorAll('a')].map(({ href }) => href))
        assert.ok(links.length > 0)
        for (const link of links) assert.ok(link.startsWith(`${allowed}/#`) || link === `${api}/docs`, link)
        assert.doesNotMatch(await page.text('body'), /http:|127\.0\.0\.1/)
      })

      test('a sign-in survives a reload, on both replicas', async () => {
        await page.fill('#credentials input', engine.name)
        await pressFor(page, 'credentials', 'Sign in', /^201/)
        const [{ name, secure, httpOnly, sameSite }, ...others] = await page.cookies()
        assert.deepEqual(
          { name, secure, httpOnly, sameSite },
          { name: '__Host-session', secure: true, httpOnly: true, sameSite: 'lax' },
        )
        assert.deepEqual(others, [])

        await page.reload()
        await pressFor(page, 'credentials', 'Who am I', new RegExp(`^200.*"name": "${engine.name}"`, 's'))
        assert.equal(await page.evaluate(() => document.cookie), '', 'no script can read it')
        await onBoth(deployment, { path: '/api/session', status: 200 }, async () => {
          const response = await call(page, 'GET', `${api}/api/session`)
          assert.deepEqual(response, { status: 200, body: { name: engine.name } })
        })
        await pressFor(page, 'credentials', 'Sign out', /^204/)
        assert.deepEqual(await page.cookies(), [])
      })

      test('from another port, every call fails, and the log says why', async () => {
        const logged = logLengths(deployment)
        const other = await open(engine, blocked)
        await other.until('the failure', () => document.querySelector('[data-api=unreachable]') !== null)
        await pressFor(other, 'simple', 'GET hello', /^TypeError/)
        if (engine.reportsConsole) assert.match(other.console.join('\n'), /No 'Access-Control-Allow-Origin' header/)
        const { origin, reason } = await denial(deployment, logged, '/api/hello')
        assert.equal(origin, blocked)
        assert.match(reason, /^port differs/)
        await other.close()
      })
    })
  })

  /** A page without code of this project, whose policy allows it to call the API. */
  function plainPage() {
    const folder = mkdtempSync(path.join(tmpdir(), 'e2e-plain-'))
    folders.push(folder)
    writeFileSync(
      path.join(folder, 'index.html'),
      '<!doctype html><html lang="en"><title>Plain</title><h1>Somebody else’s frontend</h1>',
    )
    return folder
  }

  /** The settings that docs/deployment.md gives for one's own names, with a higher limit on sign-ins. */
  const named = (api, sameSite, pages = [PAGE]) => ({
    pageFolder: plainPage(),
    pages,
    api,
    settings: { SESSION_SAMESITE: sameSite, HSTS_MAX_AGE: '', RATE_LIMIT_SESSION: '1000-M' },
  })

  deployed(
    'page and API on sibling hosts, SameSite=Lax',
    () => named(SIBLING, 'lax', [PAGE, OTHER_PAGE]),
    (engine, deployment) => {
      test('a sign-in survives a reload', async () => {
        const page = await open(engine, PAGE)
        await signIn(page, SIBLING, engine.name)
        await page.reload()
        assert.deepEqual(await whoAmI(page, SIBLING), { status: 200, body: { name: engine.name } })
        const [{ name, sameSite }] = await page.cookies()
        assert.deepEqual({ name, sameSite }, { name: '__Host-session', sameSite: 'lax' })
        await page.close()
      })

      test('another sibling is rejected, and the log says why', async () => {
        const logged = logLengths(deployment)
        const page = await open(engine, OTHER_PAGE)
        assert.deepEqual(await call(page, 'GET', `${SIBLING}/api/hello`), { error: 'TypeError' })
        const { origin, reason } = await denial(deployment, logged, '/api/hello')
        assert.equal(origin, OTHER_PAGE)
        assert.match(reason, /^not listed/)
        await page.close()
      })
    },
  )

  deployed(
    'page and API on two sites, SameSite=None',
    () => named(OTHER_SITE, 'none'),
    (engine) => {
      for (const thirdPartyCookies of engine.name === 'Chromium' ? [false, true] : [false]) {
        const others = thirdPartyCookies ? 'allowed' : 'blocked or partitioned'

        test(`the partitioned cookie works where third-party cookies are ${others}`, async () => {
          const browser = thirdPartyCookies
            ? await engine.open({ tunnel: tunnel.port, thirdPartyCookies })
            : browsers.get(engine)
          try {
            const page = await browser.newPage()
            await page.goto(PAGE)
            await signIn(page, OTHER_SITE, engine.name)
            await page.reload()
            assert.deepEqual(await whoAmI(page, OTHER_SITE), { status: 200, body: { name: engine.name } })
            const [{ value, ...cookie }] = await page.cookies()
            assert.deepEqual(cookie, {
              name: '__Host-session',
              secure: true,
              httpOnly: true,
              sameSite: 'none',
              partitioned: true,
            })
            // The cookie belongs to that page: on the API's own site, nobody is signed in.
            await page.goto(`${OTHER_SITE}/docs`)
            assert.equal((await whoAmI(page, OTHER_SITE)).status, 401)
            await page.close()

            // The same cookie without partitioning.
            const other = await browser.newPage()
            await other.addCookie(cookie.name, value, OTHER_SITE)
            await other.goto(PAGE)
            assert.equal((await whoAmI(other, OTHER_SITE)).status, thirdPartyCookies ? 200 : 401)
            await other.close()
          } finally {
            if (thirdPartyCookies) await browser.close()
          }
        })
      }
    },
  )

  deployed(
    'page and API on two sites, SameSite=Lax',
    () => named(OTHER_SITE, 'lax'),
    (engine) => {
      test('the browser neither stores nor sends the cookie', async () => {
        const page = await open(engine, PAGE)
        await signIn(page, OTHER_SITE, engine.name)
        assert.equal((await whoAmI(page, OTHER_SITE)).status, 401)
        assert.deepEqual(await page.cookies(), [])

        // A cookie set on the API's own site stays there.
        await page.goto(`${OTHER_SITE}/docs`)
        await signIn(page, OTHER_SITE, engine.name)
        assert.equal((await whoAmI(page, OTHER_SITE)).status, 200)
        await page.goto(PAGE)
        assert.equal((await whoAmI(page, OTHER_SITE)).status, 401)
        await page.close()
      })
    },
  )
})

async function signIn(page, api, name) {
  assert.deepEqual(await call(page, 'POST', `${api}/api/session`, { name }), { status: 201, body: { name } })
}

function whoAmI(page, api) {
  return call(page, 'GET', `${api}/api/session`)
}
