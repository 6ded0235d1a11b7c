/** Whether this page can read the API's responses. */
import { createClient, type Exchange } from './api/client'
import { apiBase } from './page'
import { createStore } from './store'

export type ApiStatus = 'unknown' | 'reachable' | 'unreachable'

/** How often the built page checks an API that did not respond, in milliseconds. */
const RECHECK = 2_000

const status = createStore<ApiStatus>('unknown')
/** Whether the API responds to the development server, which no rule about origins blocks. */
const running = createStore<boolean | undefined>(undefined)
const api = createClient({ baseUrl: apiBase, observe: recordStatus })
let check = new AbortController()

/**
 * Calls /healthz, which costs no quota and which no rule but the origin's can
 * block. It replaces a check that is still waiting, because an API that hangs
 * may be killed and started again meanwhile.
 */
export async function checkApi(): Promise<void> {
  check.abort()
  check = new AbortController()
  await api.request('GET', '/healthz', { signal: check.signal }).catch(() => {})
}

/** Learns from any call. A failed call may have a cause of its own, so /healthz decides. */
export function recordStatus(exchange: Exchange): void {
  if (exchange.error?.name === 'AbortError') return
  if (isFromApi(exchange)) status.set('reachable')
  else if (new URL(exchange.url).pathname === '/healthz') status.set('unreachable')
  else void checkApi()
}

/**
 * Follows the API until the returned function is called. In development the
 * page's server watches the API and reports each change: if the page called the
 * API all the time, its calls would fill the browser's console and the API's
 * log. The built page checks again only while the API does not respond.
 */
export function followApi(): () => void {
  const recheck = () => {
    if (!document.hidden) void checkApi()
  }
  const report = ({ up }: { up: boolean }) => {
    running.set(up)
    if (!up) status.set('unreachable')
    else if (status.get() !== 'reachable') void checkApi()
  }
  const timer = import.meta.hot
    ? undefined
    : setInterval(() => {
        if (status.get() === 'unreachable') recheck()
      }, RECHECK)

  void checkApi()
  import.meta.hot?.on('api:status', report)
  import.meta.hot?.send('api:status')
  for (const type of ['online', 'offline', 'focus']) addEventListener(type, recheck)
  return () => {
    clearInterval(timer)
    import.meta.hot?.off('api:status', report)
    for (const type of ['online', 'offline', 'focus']) removeEventListener(type, recheck)
  }
}

/** A proxy's own 502 is not the API's response: every error of the API is a problem. */
function isFromApi({ response, error }: Exchange): boolean {
  if (!response || !error) return response !== undefined
  return response.headers.get('Content-Type')?.startsWith('application/problem+json') ?? false
}

export const useApiStatus = status.use
export const useApiRuns = running.use
