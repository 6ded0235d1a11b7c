import { ProblemError } from './api/client'
import type { SearchResult } from './api/types'

export interface SearchState {
  /** Requests sent, and those of them given up because the user typed on. */
  sent: number
  aborted: number
  result?: SearchResult
  error?: Error
  /** After a 429: when the search goes on by itself, as performance.now() tells it. */
  resumesAt?: number
}

/** Milliseconds without a key pressed before a request is sent. */
const DEBOUNCE = 250

/**
 * A search as you type that lives with its rate limit: it waits for a pause,
 * gives up the request that a newer one replaces, and after a 429 waits as
 * long as Retry-After says, then asks once, for what stands there by then.
 */
export function createSearcher(
  search: (q: string, options: { signal: AbortSignal }) => Promise<SearchResult>,
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
      const result = await search(query, { signal: request.signal })
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
