import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ProblemError } from './api/client'
import type { SearchResult } from './api/types'
import { createSearcher, type SearchState } from './searcher'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

function overLimit(seconds: number) {
  return new ProblemError(
    { type: 'about:blank', title: 'Too Many Requests', status: 429 },
    new Headers({ 'Retry-After': String(seconds) }),
  )
}

function setUp() {
  const search = vi.fn<(q: string, options: { signal: AbortSignal }) => Promise<SearchResult>>()
  search.mockImplementation(async (query) => ({ query, items: [] }))
  let state: SearchState | undefined
  const searcher = createSearcher(search, (next) => (state = next))
  return { search, searcher, state: () => state, asked: () => search.mock.calls.map(([q]) => q) }
}

test('sends one request for a burst of keys', async () => {
  const { searcher, asked, state } = setUp()
  for (const q of ['a', 'ab', 'abc']) searcher.type(q)
  await vi.advanceTimersByTimeAsync(249)
  expect(asked()).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(asked()).toEqual(['abc'])
  expect(state()).toMatchObject({ sent: 1, aborted: 0, result: { query: 'abc' } })
})

test('gives up the request that a newer one replaces, and ignores its answer', async () => {
  const { search, searcher, asked, state } = setUp()
  let answer: (result: SearchResult) => void = () => {}
  search.mockImplementationOnce(() => new Promise((resolve) => (answer = resolve)))
  searcher.type('old')
  await vi.advanceTimersByTimeAsync(250)
  searcher.type('new')
  expect(search.mock.calls[0]![1].signal.aborted).toBe(true)
  await vi.advanceTimersByTimeAsync(250)
  answer({ query: 'old', items: [] })
  await vi.advanceTimersByTimeAsync(0)
  expect(asked()).toEqual(['old', 'new'])
  expect(state()).toMatchObject({ sent: 2, aborted: 1, result: { query: 'new' } })
})

test('after a 429 waits for Retry-After, then asks once for what stands there by then', async () => {
  const { search, searcher, asked, state } = setUp()
  search.mockRejectedValueOnce(overLimit(10))
  searcher.type('first')
  await vi.advanceTimersByTimeAsync(250)
  expect(state()!.resumesAt).toBe(performance.now() + 10_000)

  await vi.advanceTimersByTimeAsync(4_000)
  searcher.type('second')
  await vi.advanceTimersByTimeAsync(5_999)
  expect(asked()).toEqual(['first'])
  await vi.advanceTimersByTimeAsync(1)
  expect(asked()).toEqual(['first', 'second'])
  expect(state()!.resumesAt).toBeUndefined()
})

test('sends nothing for an empty query, and drops what the last one found', async () => {
  const { searcher, asked, state } = setUp()
  searcher.type('a')
  await vi.advanceTimersByTimeAsync(250)
  expect(state()).toMatchObject({ result: { query: 'a' } })
  searcher.type('  ')
  expect(state()).toEqual({ sent: 1, aborted: 0 })
  await vi.advanceTimersByTimeAsync(1_000)
  expect(asked()).toEqual(['a'])
})
