import { ProblemError } from '../api/client'
import type { SearchResult } from './types'

export interface SearchState {
  /** The requests sent, and how many of them were aborted because the user kept typing. */
  sent: number
  aborted: number
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
  search: (q: string, signal: AbortSignal) => Promise<SearchResult>,
  changed: (state: SearchState) => void,
) {
  let state: SearchState = { sent: 0, aborted: 0 }
  let timer: ReturnType<typeof setTimeout> | undefined
  let running: AbortController | undefined
  let query = ''

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

  function schedule(milliseconds: number) {
    clearTimeout(timer)
    timer = setTimeout(send, milliseconds)
  }

  async function send() {
    const { resumesAt: _over, error: _old, ...rest } = state
    state = rest
    if (query === '') return changed(state)
    const request = (running = new AbortController())
    set({ sent: state.sent + 1 })
    try {
      const result = await search(query, request.signal)
      if (running === request) set({ result })
    } catch (error) {
      if (running !== request) return
      if (error instanceof ProblemError && error.retryAfter !== undefined) {
        const wait = error.retryAfter * 1000
        set({ resumesAt: performance.now() + wait })
        schedule(wait)
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
      stop()
      if (query === '') {
        const { result: _old, ...rest } = state
        state = rest
        changed(state)
      }
      const wait = state.resumesAt === undefined ? 0 : state.resumesAt - performance.now()
      schedule(Math.max(DEBOUNCE, wait))
    },
    stop,
  }
}
