/** The session cookie in the jars of real browsers: a changed SESSION_SAMESITE, and two APIs on one host. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { engines } from './support/browsers.mjs'
import { freePorts, startApi } from './support/processes.mjs'

const secret = { SESSION_SECRET: '0123456789abcdef0123456789abcdef' }

for (const engine of engines) {
  describe(engine.name, { skip: engine.missing }, () => {
    let browser

    before(async () => {
      browser = await engine.open()
    })

    after(() => browser?.close())

    // To a browser, a partitioned and an unpartitioned cookie are two cookies. The old one must not win.
    for (const [from, to] of [
      ['lax', 'none'],
      ['none', 'lax'],
    ]) {
      test(`after SESSION_SAMESITE went from ${from} to ${to}, sign-in and sign-out work`, async () => {
        const [port] = await freePorts(1)
        const page = await browser.newPage()
        const withSameSite = async (sameSite, visit) => {
          const api = await startApi({ ...secret, PORT: port, SESSION_SAMESITE: sameSite })
          try {
            await page.goto(`http://localhost:${port}/docs`)
            await visit()
          } finally {
            await api.stop()
          }
        }
        await withSameSite(from, async () => {
          assert.equal(await signIn(page, 'old'), 201)
          assert.equal(await signedIn(page), 'old')
        })
        await withSameSite(to, async () => {
          assert.equal(await signIn(page, 'new'), 201)
          assert.equal(await signedIn(page), 'new')
          assert.equal(await signOut(page), 204)
          assert.equal(await signedIn(page), null)
        })
        await withSameSite(from, () => signIn(page, 'old'))
        await withSameSite(to, async () => {
          assert.equal(await signOut(page), 204)
          assert.equal(await signedIn(page), null)
        })
      })
    }

    // Browsers ignore the port when they store a cookie.
    test('two APIs on two ports of one host do not sign each other out', async (t) => {
      const apis = [await startApi({}), await startApi({})]
      t.after(() => Promise.all(apis.map((api) => api.stop())))
      const page = await browser.newPage()
      const visit = (i) => page.goto(`http://localhost:${apis[i].port}/docs`)
      await visit(0)
      await signIn(page, 'Ada')
      await visit(1)
      await signIn(page, 'Bob')
      await visit(0)
      assert.equal(await signedIn(page), 'Ada')
      await signOut(page)
      await visit(1)
      assert.equal(await signedIn(page), 'Bob')
    })
  })
}

function signIn(page, name) {
  return page.evaluate(
    async (name) =>
      (
        await fetch('/api/session', {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ name }),
        })
      ).status,
    name,
  )
}

function signOut(page) {
  return page.evaluate(async () => (await fetch('/api/session', { method: 'DELETE' })).status)
}

/** The name of the guest who is signed in, or null. */
function signedIn(page) {
  return page.evaluate(async () => {
    const response = await fetch('/api/session')
    return response.ok ? (await response.json()).name : null
  })
}
