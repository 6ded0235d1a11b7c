/** The page around its cards: the API's status, who is signed in, the head, the keyboard, and what users of assistive technology need. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { engines } from './support/browsers.mjs'
import { open, press, pressFor } from './support/page.mjs'
import { freePorts, pause, startApi, startPage, until } from './support/processes.mjs'

let api, apiPort, vite, allowed, blocked

before(async () => {
  const [port, blockedPort, freePort] = await freePorts(3)
  apiPort = freePort
  allowed = `http://localhost:${port}`
  blocked = `http://localhost:${blockedPort}`
  await startSameApi()
  vite = await startPage({ port, blockedPort, apiPort })
})

after(async () => {
  await vite?.stop()
  await api?.stop()
})

async function startSameApi() {
  api = await startApi({
    PORT: apiPort,
    ALLOWED_ORIGINS: allowed,
    RATE_LIMIT_UPLOAD: '1-H',
    SESSION_SECRET: '0123456789abcdef0123456789abcdef',
  })
}

for (const engine of engines) {
  describe(engine.name, { skip: engine.missing }, () => {
    let browser, page

    before(async () => {
      browser = await engine.open()
      page = await open(browser, allowed)
    })

    after(() => browser?.close())

    test('the status follows an API that hangs, stops and starts again, and the banner says why', async () => {
      const status = (text) => until(text, async () => (await page.text('[data-api]')) === text)
      await status('The API responds')
      api.child.kill('SIGSTOP')
      await status('No readable response')
      assert.match(await page.text('.banner'), /: the API is not running\./)
      api.child.kill('SIGCONT')
      await status('The API responds')
      assert.equal(await page.text('.banner'), null)

      await api.stop()
      await status('No readable response')
      const requests = page.requests.length
      await startSameApi()
      await status('The API responds')
      assert.ok(page.requests.length - requests < 3, 'the page does not poll')

      const other = await open(browser, blocked)
      await until('the reason', async () =>
        (await other.text('.banner')).includes(`: the API does not allow this origin, ${blocked}. Go to ${allowed}`),
      )
      const log = api.output().length
      await pause(1500)
      const denials = api.output().slice(log).split('cors_denied').length - 1
      assert.ok(denials <= 1, `the page fills the log: ${denials} denials`)
      await other.close()

      for (const type of ['offline', 'online']) {
        const requests = page.requests.length
        await page.evaluate((type) => void dispatchEvent(new Event(type)), type)
        await until(`a check when ${type}`, () => page.requests.length > requests)
      }
    })

    test('the page shows who is signed in, also after a reload', async () => {
      const guest = (name) => until(name, async () => (await page.text('.guest bdi')) === name)
      await guest('not asked yet')
      await page.click('.guest button')
      await guest('nobody is signed in')
      await page.fill('#credentials input', 'Grace')
      await press(page, 'credentials', 'Sign in')
      await guest('Grace')
      await press(page, 'credentials', 'Who am I, without cookies')
      await guest('Grace')
      await page.reload()
      await guest('Grace')
      await pressFor(page, 'credentials', 'Sign out', /^204/)
      await guest('nobody is signed in')
    })

    test('at first sight: what the page is, where to read on, and what each rate limit covers', async () => {
      assert.match(await page.text('.intro'), /^This page calls an API on another origin, and shows .*\.$/)
      const links = await page.evaluate(() =>
        [...document.querySelectorAll('.links a, .card a[href^="/repository/frontend-dev/"]')].map(({ href }) => href),
      )
      const cards = await page.evaluate(() => [...document.querySelectorAll('.card h3')].map((h3) => h3.textContent))
      assert.equal(links.length, 2 + cards.length)
      const texts = await Promise.all(
        links.map(async (link) => {
          const response = await fetch(link)
          assert.equal(response.status, 200, link)
          return response.text()
        }),
      )
      assert.match(texts[0], /<title>[^<]+<\/title>/)
      assert.match(texts[1], /^# Why was my request rejected\?/)
      for (const text of texts.slice(2)) assert.match(text, /^export function \w+\(card: CardProps\)/m)
      for (const path of ['/repository/.env', '/repository/docs/../go.mod', '/repository/docs/%2e%2e/.env.md']) {
        assert.match(await (await fetch(allowed + path)).text(), /<div id="root">/, path)
      }
      assert.match(
        await page.evaluate(() => [...document.querySelectorAll('.gauge-covers')].map((e) => e.innerText).join()),
        /^all other routes,.*POST \/api\/upload,POST \/api\/session$/,
      )
      assert.deepEqual(await page.evaluate(() => document.querySelector('.bar [title]')), null)
    })

    test('at every width, the views and the status stay in sight, and the keyboard sees what it is on', async () => {
      await press(page, 'simple', 'GET hello')
      await press(page, 'api-down', 'Call')
      for (const [width, height] of [
        [1280, 720],
        [390, 844],
        [320, 568],
        [320, 256], // a window of 1280 x 1024 at 400 %
      ]) {
        await page.resize(width, height)
        await page.evaluate(() => {
          scrollTo(0, document.body.scrollHeight)
          document.activeElement.blur()
        })
        if (height > 256) assert.deepEqual(await page.evaluate(outOfSight), [], `at ${width}`)
        assert.deepEqual(await page.evaluate(clipped), [], `at ${width}`)
        const stops = []
        await page.evaluate(() => document.querySelector('.skip').focus())
        for (let stop; stops.length < 150; stops.push(stop)) {
          // If the focus moves twice in one frame, Firefox may scroll to neither element, and stay there.
          await page.evaluate(() => new Promise(requestAnimationFrame))
          await page.keyboard.press('Tab')
          stop = await page.evaluate(focused)
          if (!stop) break
          // Firefox scrolls to the focus a moment later.
          for (let n = 0; stop.problems.length > 0 && n < 20; n++) {
            await pause(50)
            stop = await page.evaluate(focused)
          }
          assert.deepEqual(stop.problems, [], `${stop.html} at ${width}`)
        }
        assert.ok(stops.length > 20 && stops.length < 150, `${stops.length} stops at ${width}`)
      }
      await page.resize(1280, 900)
    })

    test('forced colours keep the dots and bars, and reduced motion means none', async () => {
      const forced = await engine.open({ forcedColors: true })
      const other = await open(forced, allowed)
      assert.equal(await other.evaluate(() => matchMedia('(forced-colors: active)').matches), true)
      await press(other, 'simple', 'GET hello')
      const { bar, empty, dot, paper } = await other.evaluate(() => {
        const colour = (selector, pseudo) => getComputedStyle(document.querySelector(selector), pseudo).backgroundColor
        return {
          bar: colour('[data-policy=default] .gauge-bar span'),
          empty: colour('[data-policy=default] .gauge-bar'),
          dot: colour('[data-api=reachable]', '::before'),
          paper: colour(':root'),
        }
      })
      assert.notEqual(bar, empty)
      assert.notEqual(dot, paper)
      const moving = await other.evaluate(() =>
        [document.documentElement, ...document.querySelectorAll('*')]
          .filter((element) => {
            const { transitionDuration, animationName } = getComputedStyle(element)
            return transitionDuration !== '0s' || animationName !== 'none'
          })
          .map(({ className }) => className),
      )
      assert.deepEqual(moving, [])
      await forced.close()
    })
  })
}

/** The parts of the head that cannot be seen now. */
function outOfSight() {
  return [...document.querySelectorAll('nav[aria-label=Views], [data-api], .gauges')]
    .filter((part) => {
      const { top, bottom } = part.getBoundingClientRect()
      return top < 0 || bottom > innerHeight
    })
    .map(({ outerHTML }) => outerHTML.slice(0, 80))
}

/** What is wider than the page, or hides a part of its own text. */
function clipped() {
  const page = document.documentElement
  return [page, ...document.querySelectorAll('body *')]
    .filter((element) => {
      const { overflowX, display, visibility } = getComputedStyle(element)
      if (display === 'inline' || visibility === 'hidden' || element.matches('.skip, input, option')) return false
      return element.scrollWidth > element.clientWidth + 1 && (overflowX !== 'visible' || element === page)
    })
    .map(({ outerHTML }) => outerHTML.slice(0, 80))
}

/** The element with the focus, and what is wrong with it; null outside the page. */
function focused() {
  const element = document.activeElement
  if (element === document.body || element === document.documentElement) return null
  const { top, bottom, width, height } = element.getBoundingClientRect()
  const bar = document.querySelector('.bar')
  const { top: above, bottom: below, height: barHeight } = bar.getBoundingClientRect()
  const isOnNarrowPage = getComputedStyle(document.querySelector('.side')).display === 'contents'
  const fits = height <= innerHeight - barHeight
  const covered = isOnNarrowPage && fits && !bar.contains(element) && top < below - 1 && bottom > above + 1
  const inSentence = element.matches('p:not(.links) > a') && element.parentElement.childNodes.length > 1
  const name = element.ariaLabel || element.labels?.[0]?.innerText || element.innerText
  return {
    html: element.outerHTML.slice(0, 100),
    problems: [
      !name?.trim() && 'has no name',
      (height < 23.9 || width < 23.9) && !inSentence && `is ${width} x ${height} px`,
      covered && `begins at ${top}, below the bar that ends at ${below}`,
      (bottom <= 0 || top >= innerHeight) && `is at ${top}, outside of the window`,
    ].filter(Boolean),
  }
}
