/**
 * The services of deploy/compose.yaml over TLS, in browsers: the built page
 * where compose.yaml puts it, and pages of plain calls under names of their
 * own, beside the API and on another site.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { engines } from './support/browsers.mjs'
import { buildPage, missing, startDeployment, startStores, startTunnel } from './support/deployment.mjs'
import { freePorts, until } from './support/processes.mjs'

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

  /** A deployment of its own for the tests in it, which run in each engine. */
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
    await page.atStart(tellViolations)
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
        await page.until('an answer, or none', () => document.querySelector('[data-reach=unknown]') === null)
        assert.deepEqual(page.console, [])
        assert.equal(await page.text('[data-reach]'), 'The API answers')
        assert.equal(await page.text('.place dd:last-of-type'), api)
        await press(page, 'simple', 'GET hello', /^200/)
        await press(page, 'preflighted', 'POST', /^201/)
        await press(page, 'preflighted', 'DELETE', /^204/)
        await press(page, 'upload', 'Upload 2 MiB', /^201/)
        await page.goto(`${allowed}/#items`)
        await page.until('the items', () => document.querySelector('.rows[aria-busy=false]') !== null)
        await page.goto(`${allowed}/#lab`)
        assert.deepEqual(page.console, [])
      })

      test('shows nothing of the development server', async () => {
        const links = await page.evaluate(() => [...document.querySelectorAll('a')].map(({ href }) => href))
        assert.ok(links.length > 0)
        for (const link of links) assert.ok(link.startsWith(`${allowed}/#`), link)
        assert.doesNotMatch(await page.text('body'), /http:|127\.0\.0\.1/)
      })

      test('a sign-in survives a reload, on both replicas', async () => {
        await page.fill('#credentials input', engine.name)
        await press(page, 'credentials', 'Sign in', /^201/)
        const [{ name, secure, httpOnly, sameSite }, ...others] = await page.cookies()
        assert.deepEqual(
          { name, secure, httpOnly, sameSite },
          { name: '__Host-session', secure: true, httpOnly: true, sameSite: 'lax' },
        )
        assert.deepEqual(others, [])

        await page.reload()
        await press(page, 'credentials', 'Who am I', new RegExp(`^200.*"name": "${engine.name}"`, 's'))
        assert.equal(await page.evaluate(() => document.cookie), '', 'no script reads it')
        await onBoth(deployment, { path: '/api/session', status: 200 }, async () => {
          const answer = await call(page, 'GET', `${api}/api/session`)
          assert.deepEqual(answer, { status: 200, body: { name: engine.name } })
        })
        await press(page, 'credentials', 'Sign out', /^204/)
        assert.deepEqual(await page.cookies(), [])
      })

      test('an item that is made is on both replicas', async () => {
        await page.goto(`${allowed}/#items`)
        await page.fill('[name=name]', `Made in ${engine.name}`)
        await page.click('.item-form button', 'Create')
        await until('the news', async () => (await page.text('.news')).includes(`Made in ${engine.name}”`))
        await onBoth(deployment, { path: '/api/items', status: 200 }, async () => {
          const { body } = await call(page, 'GET', `${api}/api/items`)
          assert.ok(body.items.some(({ name }) => name === `Made in ${engine.name}`))
        })
        await page.goto(`${allowed}/#lab`)
      })

      test('from another port everything fails, and the log says why', async () => {
        const logged = logLengths(deployment)
        const other = await open(engine, blocked)
        await other.until('the failure', () => document.querySelector('[data-reach=failed]') !== null)
        await press(other, 'simple', 'GET hello', /^TypeError/)
        if (engine.tellsConsole) assert.match(other.console.join('\n'), /No 'Access-Control-Allow-Origin' header/)
        const { origin, reason } = await denial(deployment, logged, '/api/hello')
        assert.equal(origin, blocked)
        assert.match(reason, /^port differs/)
        await other.close()
      })
    })
  })

  /** A page without code of this project, whose policy lets it call the API. */
  function plainPage() {
    const folder = mkdtempSync(path.join(tmpdir(), 'e2e-plain-'))
    folders.push(folder)
    writeFileSync(
      path.join(folder, 'index.html'),
      '<!doctype html><html lang="en"><title>Plain</title><h1>Somebody else’s frontend</h1>',
    )
    return folder
  }

  /** What docs/deployment.md says of names of one's own, and more sign-ins than usual. */
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

      test('another sibling is refused, and the log says why', async () => {
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
        const others = thirdPartyCookies ? 'allowed' : 'blocked or kept apart'

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
            // It is that page's: at the API's own site nobody is signed in.
            await page.goto(`${OTHER_SITE}/docs`)
            assert.equal((await whoAmI(page, OTHER_SITE)).status, 401)
            await page.close()

            // The same cookie, were it not partitioned.
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
      test('the cookie is neither kept nor sent', async () => {
        const page = await open(engine, PAGE)
        await signIn(page, OTHER_SITE, engine.name)
        assert.equal((await whoAmI(page, OTHER_SITE)).status, 401)
        assert.deepEqual(await page.cookies(), [])

        // One that was got at the API's own site stays there.
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

/** So that every browser's console tells of what a policy blocks. */
const tellViolations = `addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
  console.error('Content-Security-Policy: ' + effectiveDirective + ' blocks ' + blockedURI))`

/** Presses a card's button and waits for an answer that matches. */
async function press(page, card, button, answer) {
  await page.click(`#${card} button`, button)
  await until(`${card}, “${button}”: ${answer}`, async () => answer.test(await page.text(`#${card} .exchange`)))
}

/** What a page gets from a call of its own: status and body, or an error's name. */
function call(page, method, url, json) {
  const body = json && JSON.stringify(json)
  const ask = async ({ method, url, body }) => {
    try {
      const headers = body ? { 'Content-Type': 'application/json' } : {}
      const response = await fetch(url, { method, credentials: 'include', headers, body })
      return { status: response.status, body: await response.json() }
    } catch (error) {
      return { error: error.name }
    }
  }
  return page.evaluate(ask, { method, url, body })
}

async function signIn(page, api, name) {
  assert.deepEqual(await call(page, 'POST', `${api}/api/session`, { name }), { status: 201, body: { name } })
}

function whoAmI(page, api) {
  return call(page, 'GET', `${api}/api/session`)
}

function logLengths({ replicas }) {
  return replicas.map((replica) => replica.output().length)
}

/** The lines of each replica's log from there on. */
function logs({ replicas }, from) {
  return replicas.map((replica, i) => {
    const lines = replica.output().slice(from[i]).split('\n')
    return lines.slice(0, -1).map((line) => JSON.parse(line)) // the last one is not written to its end yet
  })
}

/** Asks again until each replica has answered so; Caddy picks either where both are idle. */
async function onBoth(deployment, { path, status }, ask) {
  const from = logLengths(deployment)
  const answered = (line) => line.msg === 'request' && line.path === path && line.status === status
  await until('both replicas have answered', async () => {
    await ask()
    return logs(deployment, from).every((lines) => lines.some(answered))
  })
}

/** The log's line about a refused call of that path. */
function denial(deployment, from, path) {
  return until('the denial', () =>
    logs(deployment, from)
      .flat()
      .find((line) => line.msg === 'cors_denied' && line.path === path),
  )
}
