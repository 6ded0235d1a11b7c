/** The items in the built page over TLS, with the services of deploy/compose.yaml. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { engines } from './support/browsers.mjs'
import { buildPage, missing, onBoth, startDeployment, startStores, startTunnel } from './support/deployment.mjs'
import { call, reportViolations } from './support/page.mjs'
import { freePorts, until } from './support/processes.mjs'

const skip = missing || (engines.every((engine) => engine.missing) && 'no browser')

describe('over TLS', { skip }, () => {
  let stores, tunnel, deployment, pageFolder, page, api

  before(async () => {
    const [port, apiPort] = await freePorts(2)
    page = `https://localhost:${port}`
    api = `https://localhost:${apiPort}`
    tunnel = await startTunnel(new Map())
    stores = await startStores()
    pageFolder = buildPage(api)
    deployment = await startDeployment({ stores, pageFolder, pages: [page], api, httpsPort: apiPort })
  })

  after(async () => {
    await deployment?.stop()
    await stores?.stop()
    await tunnel?.stop()
    if (pageFolder) rmSync(pageFolder, { recursive: true, force: true })
  })

  for (const engine of engines) {
    test(`both replicas have a new item: ${engine.name}`, { skip: engine.missing }, async (t) => {
      const browser = await engine.open({ tunnel: tunnel.port })
      t.after(() => browser.close())
      const tab = await browser.newPage()
      await tab.atStart(reportViolations)
      await tab.goto(`${page}/#items`)
      await tab.fill('[name=name]', `Made in ${engine.name}`)
      await tab.click('.item-form button', 'Create')
      await until('the message', async () => (await tab.text('.message')).includes(`Made in ${engine.name}”`))
      await onBoth(deployment, { path: '/api/items', status: 200 }, async () => {
        const { body } = await call(tab, 'GET', `${api}/api/items`)
        assert.ok(body.items.some(({ name }) => name === `Made in ${engine.name}`))
      })
      assert.deepEqual(tab.console, [])
    })
  }
})
