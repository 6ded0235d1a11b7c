/** What the tests do with the documentation page. */
import { pause } from './processes.mjs'

/** Opens the page and waits until it shows every operation of the description. */
export async function openDocs(browser, api) {
  const description = await (await fetch(`${api.url}/openapi.yaml`)).text()
  const operations = description.match(/^ +operationId:/gm).length
  const page = await browser.newPage()
  await page.goto(`${api.url}/docs`)
  await page.until('the operations', (count) => document.querySelectorAll('.opblock').length >= count, operations)
  return page
}

/** Opens one operation, executes it with its example, and returns the status. */
export async function tryIt(page, method, path) {
  const block = `.opblock-${method}:has([data-path="${path}"])`
  // By the DOM, because the block unfolds in an animation and a pointer would
  // miss. The pause is the time that a person would read: Swagger UI resolves
  // an open block in the background, shows no sign of it, and fails when the
  // button is pressed before.
  await page.evaluate((block) => document.querySelector(`${block} .opblock-summary-control`).click(), block)
  await pause(2000)
  await page.evaluate((block) => document.querySelector(`${block} button.execute`).click(), block)
  await page.until('the response', (block) => Boolean(document.querySelector(`${block} .live-responses-table`)), block)
  return page.evaluate(
    (block) =>
      Number.parseInt(
        document.querySelector(`${block} .live-responses-table tbody .response-col_status`).textContent,
        10,
      ),
    block,
  )
}
