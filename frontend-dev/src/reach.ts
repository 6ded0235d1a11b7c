/** Whether this page can read the API's answers. */
import { createClient, type Exchange } from './api/client'
import { apiBase } from './page'
import { createStore } from './store'

export type Reach = 'unknown' | 'reached' | 'failed'

const reach = createStore<Reach>('unknown')
const api = createClient({ baseUrl: apiBase, observe: recordReach })
let asking = false

/** Asks /healthz, which costs no quota and can fail by no rule but the origin's. */
export async function askReach(): Promise<void> {
  if (asking) return
  asking = true
  await api.request('GET', '/healthz').catch(() => {})
  asking = false
}

/** A failure of another call may be its own, so that /healthz decides. */
export function recordReach(exchange: Exchange): void {
  if (exchange.error?.name === 'AbortError') return
  if (isAnswered(exchange)) reach.set('reached')
  else if (new URL(exchange.url).pathname === '/healthz') reach.set('failed')
  else void askReach()
}

/** A proxy's own 502 is no answer of the API, whose errors are all problems. */
function isAnswered({ response, error }: Exchange): boolean {
  if (!response || !error) return response !== undefined
  return response.headers.get('Content-Type')?.startsWith('application/problem+json') ?? false
}

export const useReach = reach.use
