import { expect, test, vi } from 'vitest'
import { createPager, PAGE_SIZE } from './pager'
import type { Item } from './types'

/** A list of that length, whose cursors are the index of the next item. A response holds at most `fitting` items. */
function setUp(length: number, fitting = 100) {
  const all = Array.from({ length }, (_, i) => ({ id: String(i) }) as Item)
  const list = vi.fn(async ({ limit, cursor = '0' }: { limit: number; cursor?: string }) => {
    if (limit > 100) throw new Error(`limit ${limit}`)
    const end = Number(cursor) + Math.min(limit, fitting)
    return { items: all.slice(Number(cursor), end), ...(end < all.length && { next_cursor: String(end) }) }
  })
  return { all, list, pager: createPager(list) }
}

const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => String(from + i))

test.each([
  // items, wanted, shown, requests
  [0, 1, 1, 1],
  [0, Infinity, 1, 2],
  [8, Infinity, 1, 2],
  [9, Infinity, 2, 3],
  [127, 1, 1, 1],
  [127, 2, 2, 2],
  [127, 13, 13, 2],
  [127, 16, 16, 3],
  [127, Infinity, 16, 4],
  [127, 99, 16, 4],
  [96, Infinity, 12, 3],
  [97, Infinity, 13, 3],
  [10_000, Infinity, 241, 21],
])('%i items, page %d: shows page %i after %i requests', async (length, wanted, shown, requests) => {
  const { list, pager } = setUp(length)
  const page = await pager.load(wanted)
  const end = Math.min(length, shown * PAGE_SIZE)
  expect(page.number).toBe(shown)
  expect(page.items.map(({ id }) => id)).toEqual(ids((shown - 1) * PAGE_SIZE, end))
  expect(page.isLast).toBe(end === length)
  expect(list).toHaveBeenCalledTimes(requests)
})

test('the next and the previous page take one request each, and the search for the end continues', async () => {
  const { list, pager } = setUp(10_000)
  await pager.load(5)
  list.mockClear()
  for (const number of [6, 5, 6]) expect((await pager.load(number)).number).toBe(number)
  expect(list).toHaveBeenCalledTimes(3)
  expect((await pager.load(Infinity)).number).toBe(247)
  expect((await pager.load(Infinity)).number).toBe(488)
})

test('passes over no page where a response holds fewer items than asked for, because their texts are long', async () => {
  const { all, pager } = setUp(50, 20)
  expect(await pager.load(Infinity)).toMatchObject({ number: 8, items: all.slice(48), isLast: true })
  expect(await pager.load(7)).toMatchObject({ number: 7, items: all.slice(40, 48), isLast: false })
})

test('once the last item of a page is deleted, the page before is the last one', async () => {
  const { all, pager } = setUp(17)
  expect(await pager.load(3)).toMatchObject({ number: 3, items: [{ id: '16' }], isLast: true })
  all.pop()
  expect(await pager.load(3)).toMatchObject({ number: 2, isLast: true })
})

test('what it forgets it looks for again', async () => {
  const { all, pager } = setUp(24)
  await pager.load(3)
  all.shift()
  pager.forget(1)
  expect((await pager.load(3)).items.map(({ id }) => id)).toEqual(ids(17, 24))
})
