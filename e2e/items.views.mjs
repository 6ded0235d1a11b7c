/** What screenshots.mjs shows of the items. */
import { press } from './support/page.mjs'
import { pause } from './support/processes.mjs'

const items = [
  ['Charter of the reading room', 'Quiet from nine to five, coffee afterwards'],
  ['Invoice 2041', 'Sent in May, paid in June'],
  ['Lab notebook', ''],
  ['Travel plan', 'Two trains and a ferry; the ferry does not run on Sundays'],
]

export async function seed(api) {
  for (const [name, note] of items) {
    await fetch(`${api.url}/api/items`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name, note }),
    })
  }
}

/** Puts responses on the cards in the lab. */
export async function pressCards(page) {
  await press(page, 'write-item', 'POST')
  await page.fill('#search input', 'the')
  await pause(500)
}

export async function shootViews(page, origin, shoot) {
  await page.goto(`${origin}/#items`)
  await page.click('.item-form button', 'Create')
  await pause(300)
  await shoot('items')
  await page.click('.rows button', 'Edit')
  await pause(100)
  await shoot('edit')
}
