import type { Item, ItemPage } from './types'

export const PAGE_SIZE = 8

/** The pages that one request passes over: as many as fit the API's maximum of 100 items. */
const STRIDE = 12

/** How many requests may look for one page. */
const MAX_STRIDES = 20

export interface Page {
  number: number
  items: Item[]
  /** Whether no page follows. */
  isLast: boolean
}

type List = (query: { limit: number; cursor?: string }) => Promise<ItemPage>

/**
 * Numbers the pages of a list that the API reads by cursor, and remembers the
 * cursors. To reach a page whose cursor it does not know, it passes over the
 * pages in between with a few large requests.
 */
export function createPager(list: List) {
  const cursors = new Map<number, string>()

  function read(from: number, pages: number): Promise<ItemPage> {
    const cursor = cursors.get(from)
    return list({ limit: pages * PAGE_SIZE, ...(cursor && { cursor }) })
  }

  /**
   * Returns the page with that number, or the last one if the list ends before;
   * Infinity asks for the last one. In a very long list it may return an
   * earlier page; calling it again continues from there.
   */
  async function load(wanted: number): Promise<Page> {
    let number = Math.max(1, ...[...cursors.keys()].filter((known) => known <= wanted))
    for (let strides = 0; number < wanted && strides < MAX_STRIDES; strides++) {
      const pages = Math.min(STRIDE, wanted - number)
      const { items, next_cursor } = await read(number, pages)
      if (next_cursor) {
        number += Math.ceil(items.length / PAGE_SIZE) // fewer than asked for if their texts are long
        cursors.set(number, next_cursor)
      } else {
        wanted = number + Math.max(0, Math.ceil(items.length / PAGE_SIZE) - 1)
      }
    }
    const { items, next_cursor } = await read(number, 1)
    if (items.length === 0 && number > 1) {
      forget(number - 1)
      return load(number - 1)
    }
    if (next_cursor) cursors.set(number + 1, next_cursor)
    return { number, items, isLast: !next_cursor }
  }

  /** Forgets where the pages after that one begin. */
  function forget(after: number) {
    for (const number of cursors.keys()) if (number > after) cursors.delete(number)
  }

  return { load, forget }
}
