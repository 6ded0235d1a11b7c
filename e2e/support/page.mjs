/** What the tests do with the page: open it, press a card's button, read the outcome. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { until } from './processes.mjs'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Opens the page and waits until it knows whether the API responds. */
export async function open(browser, url, options) {
  const page = await browser.newPage(options)
  await page.goto(url)
  await page.until('the page', () => document.querySelector('main .card') !== null)
  await page.until('a response, or none', () => document.querySelector('[data-api=unknown]') === null)
  return page
}

/**
 * Presses a card's button, waits until its requests have ended, and returns
 * them, such as `OPTIONS /api/session`.
 */
export async function press(page, card, button, seconds) {
  // A card ignores its buttons until its last call has ended.
  await page.until(card, (card) => document.getElementById(card)?.ariaBusy === 'false', card)
  await page.evaluate((card) => {
    window.ended = false
    // Of the document, because a render may replace the card.
    new MutationObserver((changes, observer) => {
      if (!changes.some(({ target, oldValue }) => target.id === card && oldValue === 'true')) return
      window.ended = true
      observer.disconnect()
    }).observe(document, { subtree: true, attributeFilter: ['aria-busy'], attributeOldValue: true })
  }, card)
  const first = page.calls().length
  await page.click(`#${card} button`, button)
  await page.until(`${card}: the response to “${button}”`, () => window.ended, undefined, seconds)
  // The page shows the status before it has loaded what shows the rest.
  await page.until(
    `${card}: the request and the response`,
    (card) => {
      const panel = document.querySelector(`#${card} .exchange`)
      return !panel || panel.dataset.outcome === 'none' || panel.querySelector('.exchange-detail > *') !== null
    },
    card,
  )
  await page.reportRequests()
  const sent = page.calls().slice(first)
  return sent.map(({ method, url }) => `${method} ${new URL(url).pathname}`)
}

/** Presses a card's button and waits until its exchange matches. */
export async function pressFor(page, card, button, pattern) {
  await page.until(card, (card) => document.getElementById(card)?.ariaBusy === 'false', card)
  await page.click(`#${card} button`, button)
  await until(`${card}, “${button}”: ${pattern}`, async () => pattern.test(await exchange(page, card)))
}

/** The text of a card's panel. */
export function exchange(page, card) {
  return page.text(`#${card} .exchange`)
}

/** The causes that a card's advice names, the likely one first. */
export function causes(page, card) {
  return page.evaluate(
    (card) => [...document.querySelectorAll(`#${card} [data-cause]`)].map(({ dataset }) => dataset.cause),
    card,
  )
}

/** Reports whether the page is wider than the window. */
export function overflows(page) {
  return page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)
}

/** The accessibility violations that axe finds. */
export async function axeFindings(page) {
  await page.evaluate(axe)
  return page.evaluate(async () => {
    const { violations } = await window.axe.run()
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join('  ')}`)
  })
}

/** A script that lets every browser's console report what a Content-Security-Policy blocks. */
export const reportViolations = `addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
  console.error('Content-Security-Policy: ' + effectiveDirective + ' blocks ' + blockedURI))`

/** Calls the API from any page, and returns the status and the body, or the error's name. */
export function call(page, method, url, json) {
  const send = async ({ method, url, body }) => {
    try {
      const headers = body ? { 'Content-Type': 'application/json' } : {}
      const response = await fetch(url, { method, credentials: 'include', headers, body })
      return { status: response.status, body: await response.json() }
    } catch (error) {
      return { error: error.name }
    }
  }
  return page.evaluate(send, { method, url, body: json && JSON.stringify(json) })
}
