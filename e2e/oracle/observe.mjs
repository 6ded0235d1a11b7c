/**
 * Shows seeded cases to real browsers and writes down what each did:
 *
 *     node observe.mjs --seed 1 --cases 200 --out observations [--engine chromium|firefox|both]
 *                      [--only CASE] [--third-party-cookies allow|block]
 *
 * It writes OUT/SEED.jsonl, in the format of FORMAT.md; with --only, OUT/SEED-CASE.jsonl.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { makeCase, makeCases } from './cases.mjs'
import { makeCertificate } from './certificate.mjs'
import { openChromium } from './chromium.mjs'
import { openFirefox } from './firefox.mjs'
import { ports } from './origins.mjs'
import { startServer } from './server.mjs'

/** Both browsers forget cookies of a host that has more than 180, so the jar is emptied between batches. */
const batchSize = 100
/** How long a browser may take to tell why a request failed, after it has failed. */
const explanationMilliseconds = 2000

const open = { chromium: openChromium, firefox: openFirefox }

let options
try {
  options = readArguments()
} catch (error) {
  console.error(error.message)
  process.exit(2)
}
const { seed, only, count, engines, thirdPartyCookies } = options
const cases = only === undefined ? makeCases(seed, count, thirdPartyCookies) : [makeCase(seed, only, thirdPartyCookies)]
const started = performance.now()
const server = await startServer({ cases, ports, certificate: makeCertificate() })
const observed = new Map(cases.map((each) => [each.case, {}]))
for (const engine of engines) await observe(engine)
await server.close()

mkdirSync(options.out, { recursive: true })
const file = path.join(options.out, only === undefined ? `${seed}.jsonl` : `${seed}-${only}.jsonl`)
writeFileSync(file, cases.map((each) => `${JSON.stringify({ ...each, observed: observed.get(each.case) })}\n`).join(''))
summarise()

/** Shows all cases to one browser. */
async function observe(engine) {
  const browser = await open[engine]({ thirdPartyCookies })
  try {
    const pages = new Map()
    for (let first = 0; first < cases.length; first += batchSize) {
      await observeBatch(browser, pages, cases.slice(first, first + batchSize))
    }
  } finally {
    await browser.close()
  }
}

async function observeBatch(browser, pages, batch) {
  await browser.setCookies(batch.flatMap(({ cookies }) => cookies))
  const results = new Map()
  const urls = [...new Set(batch.map(({ page }) => page.url))]
  await Promise.all(
    urls.map(async (url) => {
      if (!pages.has(url)) pages.set(url, await browser.newPage(url))
      const here = batch.filter(({ page }) => page.url === url)
      const outcomes = await pages.get(url).call(here.map(({ request }) => request))
      for (const [index, each] of here.entries()) results.set(each.case, outcomes[index])
    }),
  )
  const told = await explanations(browser, batch, results)
  const jar = await browser.cookies()
  await browser.clearCookies()
  for (const { case: number } of batch) {
    const own = jar.filter(({ path }) => path === `/c/${number}`).map(({ host, name }) => ({ host, name }))
    observed.get(number)[browser.name] = {
      version: browser.version,
      arrived: server.take(number),
      result: results.get(number),
      console: [],
      ...told.get(number),
      stored: own.sort((a, b) => compare(a.host, b.host) || compare(a.name, b.name)),
    }
  }
}

/** What the browser told of each case. Its events about a failure may come after the page has seen it. */
async function explanations(browser, batch, results) {
  const all = new Map()
  const deadline = performance.now() + explanationMilliseconds
  for (;;) {
    for (const [number, told] of await browser.take()) all.set(number, merge(all.get(number), told))
    const silent = batch.filter(({ case: number }) => {
      return results.get(number).outcome === 'rejected' && !browser.explained(number)
    })
    if (silent.length === 0 || performance.now() > deadline) return all
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Messages are added; anything else is replaced. */
function merge(before, after) {
  const merged = { ...before, ...after }
  for (const list of ['console', 'consoleCategories']) {
    if (before?.[list]) merged[list] = [...before[list], ...(after[list] ?? [])]
  }
  return merged
}

function compare(a, b) {
  return a < b ? -1 : Number(a > b)
}

function summarise() {
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const counts = engines.map((engine) => {
    const outcomes = [...observed.values()].map((each) => each[engine].result.outcome)
    const count = (outcome) => outcomes.filter((each) => each === outcome).length
    return `${engine} ${count('resolved')} allowed, ${count('rejected')} blocked, ${count('timeout')} timed out`
  })
  console.log(`seed ${seed}: ${cases.length} cases in ${seconds} s; ${counts.join('; ')}; ${file}`)
  for (const [number, each] of observed) {
    for (const engine of engines.filter((engine) => each[engine].result.outcome === 'timeout')) {
      console.error(`seed ${seed}, case ${number}: ${engine} gave no result; replay it with --only ${number}`)
      process.exitCode = 1
    }
  }
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      cases: { type: 'string', default: '200' },
      only: { type: 'string' },
      out: { type: 'string', default: 'observations' },
      engine: { type: 'string', default: 'both' },
      'third-party-cookies': { type: 'string', default: 'allow' },
    },
  })
  const number = (name) => {
    if (/^\d{1,9}$/.test(values[name])) return Number(values[name])
    throw new Error(`--${name} ${values[name]}: want a whole number below 1,000,000,000`)
  }
  const oneOf = (name, allowed) => {
    if (allowed.includes(values[name])) return values[name]
    throw new Error(`--${name} ${values[name]}: want ${allowed.join(', ')}`)
  }
  const engine = oneOf('engine', ['chromium', 'firefox', 'both'])
  return {
    seed: number('seed'),
    count: number('cases'),
    only: values.only && number('only'),
    out: values.out,
    engines: engine === 'both' ? ['chromium', 'firefox'] : [engine],
    thirdPartyCookies: oneOf('third-party-cookies', ['allow', 'block']),
  }
}
