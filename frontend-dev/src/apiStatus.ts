/** Whether this page can read the API's responses. */
import { createClient, type Exchange } from './api/client'
import { apiBase } from './page'
import { createStore } from './store'

export type ApiStatus = 'unknown' | 'reachable' | 'unreachable'

const status = createStore<ApiStatus>('unknown')
const api = createClient({ baseUrl: apiBase, observe: recordStatus })
let checking = false

/** Calls /healthz, which costs no quota and which no rule but the origin's can block. */
export async function checkApi(): Promise<void> {
  if (checking) return
  checking = true
  await api.request('GET', '/healthz').catch(() => {})
  checking = false
}

/** Learns from any call. A failed call may have a cause of its own, so /healthz decides. */
export function recordStatus(exchange: Exchange): void {
  if (exchange.error?.name === 'AbortError') return
  if (isFromApi(exchange)) status.set('reachable')
  else if (new URL(exchange.url).pathname === '/healthz') status.set('unreachable')
  else void checkApi()
}

/** A proxy's own 502 is not the API's response: every error of the API is a problem. */
function isFromApi({ response, error }: Exchange): boolean {
  if (!response || !error) return response !== undefined
  return response.headers.get('Content-Type')?.startsWith('application/problem+json') ?? false
}

export const useApiStatus = status.use
