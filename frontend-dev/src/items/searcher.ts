import { ProblemError } from '../api/client'
import type { SearchResult } from './types'

export interface SearchState {
  /** The requests sent, and how many of them were aborted because the user kept typing. */
  sent: number
  aborted: number
  /** The pages found so far, as one. */
  result?: SearchResult
  error?: Error
  /** After a 429, when the search continues by itself, on the clock of performance.now(). */
  resumesAt?: number
}

/** How long the user must pause before a request is sent, in milliseconds. */
const DEBOUNCE = 250

/**
 * A search as you type that respects its rate limit. It waits for a pause,
 * aborts a request when a newer one replaces it, and after a 429 waits as long
 * as Retry-After says, then sends one request for the text typed by then.
 */
export function createSearcher(
  search: (q: string, cursor: string | undefined, signal: AbortSignal) => Promise<SearchResult>,
  changed: (state: SearchState) => void,
) {
  let state: SearchState = { sent: 0, aborted: 0 }
  let timer: ReturnType<typeof setTimeout> | undefined
  let running: AbortController | undefined
  let query = ''
  /** The text whose result is shown. */
  let found = ''
  /** The cursor of the page to load, which is added to the result; undefined for the first page. */
  let cursor: string | undefined

  function set(next: Partial<SearchState>) {
    state = { ...state, ...next }
    changed(state)
  }

  function stop() {
    clearTimeout(timer)
    if (!running) return
    running.abort()
    running = undefined
    set({ aborted: state.aborted + 1 })
  }

  /** Sends the request after that time, or after the wait that a 429 has asked for. */
  function schedule(milliseconds: number) {
    const wait = state.resumesAt === undefined ? 0 : state.resumesAt - performance.now()
    clearTimeout(timer)
    timer = setTimeout(send, Math.max(milliseconds, wait))
  }

  async function send() {
    const { resumesAt: _over, error: _old, ...rest } = state
    state = rest
    if (query === '') return changed(state)
    const sought = query
    const request = new AbortController()
    running = request
    set({ sent: state.sent + 1 })
    try {
      const page = await search(sought, cursor, request.signal)
      if (running !== request) return
      found = sought
      set({ result: cursor && state.result ? { ...page, items: [...state.result.items, ...page.items] } : page })
    } catch (error) {
      if (running !== request) return
      if (error instanceof ProblemError && error.retryAfter !== undefined) {
        set({ resumesAt: performance.now() + error.retryAfter * 1000 })
        schedule(0)
      } else {
        set({ error: error as Error })
      }
    } finally {
      if (running === request) running = undefined
    }
  }

  return {
    type(q: string) {
      query = q.trim()
      cursor = undefined
      stop()
      if (query === '') {
        const { result: _old, ...rest } = state
        state = rest
        changed(state)
      }
      schedule(DEBOUNCE)
    },
    /** Adds the next page to the result, unless another text was typed since: the cursor is not one of its result. */
    more() {
      if (running || query !== found) return
      cursor = state.result?.next_cursor
      schedule(0)
    },
    /** Repeats the last request, which failed. */
    retry: () => schedule(0),
    stop,
  }
}
