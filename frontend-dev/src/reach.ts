/** Whether this page can read the API's answers. */
import type { Exchange } from './api/client'
import { createStore } from './store'

export type Reach = 'unknown' | 'reached' | 'failed'

const reach = createStore<Reach>('unknown')

/** A failure says so only where no rule but the origin's can have caused it. */
export function recordReach({ url, response }: Exchange): void {
  if (response) reach.set('reached')
  else if (url.endsWith('/healthz')) reach.set('failed')
}

export const useReach = reach.use
