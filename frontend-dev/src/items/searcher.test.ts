import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ProblemError } from '../api/client'
import { createSearcher, type SearchState } from './searcher'
import type { SearchResult } from './types'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

function overLimit(seconds: number) {
  return new ProblemError(
    { type: 'about:blank', title: 'Quota Exceeded', status: 429 },
    new Headers({ 'Retry-After': String(seconds) }),
  )
}

function setUp() {
  const search = vi.fn<(q: string, cursor: string | undefined, signal: AbortSignal) => Promise<SearchResult>>()
  search.mockImplementation(async (query) => ({ query, items: [] }))
  let state: SearchState | undefined
  const searcher = createSearcher(search, (next) => (state = next))
  return { search, searcher, state: () => state, queries: () => search.mock.calls.map(([q]) => q) }
}

test('sends one request for a burst of keystrokes', async () => {
  const { searcher, queries, state } = setUp()
  for (const q of ['a', 'ab', 'abc']) searcher.type(q)
  await vi.advanceTimersByTimeAsync(249)
  expect(queries()).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(queries()).toEqual(['abc'])
  expect(state()).toMatchObject({ sent: 1, aborted: 0, result: { query: 'abc' } })
})

test('aborts a request when a newer one replaces it, and ignores its response', async () => {
  const { search, searcher, queries, state } = setUp()
  let respond: (result: SearchResult) => void = () => {}
  search.mockImplementationOnce(() => new Promise((resolve) => (respond = resolve)))
  searcher.type('old')
  await vi.advanceTimersByTimeAsync(250)
  searcher.type('new')
  expect(search.mock.calls[0]![2].aborted).toBe(true)
  await vi.advanceTimersByTimeAsync(250)
  respond({ query: 'old', items: [] })
  await vi.advanceTimersByTimeAsync(0)
  expect(queries()).toEqual(['old', 'new'])
  expect(state()).toMatchObject({ sent: 2, aborted: 1, result: { query: 'new' } })
})

test('after a 429 waits for Retry-After, then sends one request for the text typed by then', async () => {
  const { search, searcher, queries, state } = setUp()
  search.mockRejectedValueOnce(overLimit(10))
  searcher.type('first')
  await vi.advanceTimersByTimeAsync(250)
  expect(state()!.resumesAt).toBe(performance.now() + 10_000)

  await vi.advanceTimersByTimeAsync(4_000)
  searcher.type('second')
  await vi.advanceTimersByTimeAsync(5_999)
  expect(queries()).toEqual(['first'])
  await vi.advanceTimersByTimeAsync(1)
  expect(queries()).toEqual(['first', 'second'])
  expect(state()!.resumesAt).toBeUndefined()
})

test('sends nothing for an empty query, and clears the last results', async () => {
  const { searcher, queries, state } = setUp()
  searcher.type('a')
  await vi.advanceTimersByTimeAsync(250)
  expect(state()).toMatchObject({ result: { query: 'a' } })
  searcher.type('  ')
  expect(state()).toEqual({ sent: 1, aborted: 0 })
  await vi.advanceTimersByTimeAsync(1_000)
  expect(queries()).toEqual(['a'])
})

test('more adds the next page, and a new text starts from the first', async () => {
  const { search, searcher, state } = setUp()
  const item = (id: string) => ({ id, name: id, note: '', created_at: '', updated_at: '' })
  search.mockResolvedValueOnce({ query: 'a', items: [item('1')], next_cursor: 'after 1' })
  searcher.type('a')
  await vi.advanceTimersByTimeAsync(250)

  search.mockRejectedValueOnce(overLimit(10))
  search.mockResolvedValueOnce({ query: 'a', items: [item('2')] })
  searcher.more()
  await vi.advanceTimersByTimeAsync(0)
  searcher.more() // waits as well
  await vi.advanceTimersByTimeAsync(10_000)
  expect(search.mock.calls.map(([, cursor]) => cursor)).toEqual([undefined, 'after 1', 'after 1'])
  expect(state()!.result).toEqual({ query: 'a', items: [item('1'), item('2')] })

  searcher.type('b')
  await vi.advanceTimersByTimeAsync(250)
  expect(search.mock.calls.at(-1)!.slice(0, 2)).toEqual(['b', undefined])
})

test('a retry repeats the request that failed', async () => {
  const { search, searcher, queries, state } = setUp()
  search.mockRejectedValueOnce(new Error('no response'))
  searcher.type('a')
  await vi.advanceTimersByTimeAsync(250)
  expect(state()!.error!.message).toBe('no response')
  searcher.retry()
  await vi.advanceTimersByTimeAsync(0)
  expect(queries()).toEqual(['a', 'a'])
  expect(state()).toEqual({ sent: 2, aborted: 0, result: { query: 'a', items: [] } })
})

test('never asks for more of a newly typed text with the cursor of the text before', async () => {
  const { search, searcher } = setUp()
  search.mockImplementation(async (query) => ({ query, items: [], next_cursor: `after ${query}` }))
  searcher.type('old')
  await vi.advanceTimersByTimeAsync(250)
  searcher.type('new')
  searcher.more()
  await vi.advanceTimersByTimeAsync(250)
  searcher.more()
  await vi.advanceTimersByTimeAsync(0)
  expect(search.mock.calls.map(([q, cursor]) => [q, cursor])).toEqual([
    ['old', undefined],
    ['new', undefined],
    ['new', 'after new'],
  ])
})
