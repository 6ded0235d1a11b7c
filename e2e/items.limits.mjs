/** What limits.test.mjs does with the limit of the search. */
import assert from 'node:assert/strict'
import { exchange } from './support/page.mjs'
import { until } from './support/processes.mjs'

export const settings = { RATE_LIMIT_SEARCH: '6-M' }

/** After a 429, the search continues by itself once the wait is over. */
export async function searchAfter429(page, api) {
  for (let status; status !== 429; ) ({ status } = await fetch(`${api.url}/api/search?q=lab`))
  await page.fill('#search input', 'engine')
  await until('the wait', async () => /continues in \d+ s/.test(await page.text('[data-search-state]')))
  const started = performance.now()
  const [, seconds] = /continues in (\d+) s/.exec(await page.text('[data-search-state]'))
  assert.match(await page.text('[data-policy=search]'), /^search0 \/ 6wait \d+ s/)
  await until('the search continues', async () => (await exchange(page, 'search')).startsWith('200'), 80)
  const waited = (performance.now() - started) / 1000
  assert.ok(waited > seconds - 2, `said ${seconds} s, took ${waited} s`)
  assert.match(await exchange(page, 'search'), /q=engine/)
  assert.match(await page.text('[data-search-state]'), /found$/)
}
