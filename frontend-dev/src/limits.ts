/** The API's rate limits, as the headers of its latest responses describe them. */
import { retryAfterSeconds, type Exchange } from './api/client'
import { searchPolicy } from './items/policy'
import { createStore } from './store'

/** The API's policies. A gauge shows each one, in this order. */
export const policies = [
  { policy: 'default', covers: 'all other routes' },
  searchPolicy,
  { policy: 'upload', covers: 'POST /api/upload' },
  { policy: 'session', covers: 'POST /api/session' },
] as const

export type Policy = (typeof policies)[number]['policy']

export interface Limit {
  limit: number
  remaining: number
  /** The period that the limit applies to, in seconds. */
  window: number
  /** When more requests become available, on the clock of performance.now(). */
  moreAt: number
  /** When the whole limit is available again if no request is sent until then. */
  fullAt: number
  /** After a 429, when to send the next request; otherwise 0. */
  blockedUntil: number
}

/**
 * Reads `RateLimit: "upload";r=4;t=60` and `RateLimit-Policy: "upload";q=5;w=60`.
 * `t` counts from now, so unlike X-RateLimit-Reset it does not depend on this
 * machine's clock.
 */
export function readLimit(headers: Headers, now: number): { policy: Policy; limit: Limit } | undefined {
  const state = /^"(?<policy>\w+)";r=(?<remaining>\d+);t=(?<reset>\d+)/.exec(headers.get('RateLimit') ?? '')?.groups
  const policy = /;q=(?<limit>\d+);w=(?<window>\d+)/.exec(headers.get('RateLimit-Policy') ?? '')?.groups
  if (!state || !policy) return undefined
  return {
    policy: state.policy as Policy,
    limit: {
      limit: Number(policy.limit),
      window: Number(policy.window),
      remaining: Number(state.remaining),
      moreAt: now + Number(state.reset) * 1000,
      // The API may count a request for up to a tenth of the period longer.
      fullAt: now + Number(policy.window) * 1100,
      blockedUntil: 0,
    },
  }
}

const limits = createStore<Partial<Record<Policy, Limit>>>({})

export function recordLimit({ response }: Exchange, now = performance.now()): void {
  const read = response && readLimit(response.headers, now)
  if (!read) return
  const wait = response.status === 429 ? retryAfterSeconds(response.headers.get('Retry-After')) : undefined
  if (wait !== undefined) read.limit.blockedUntil = now + wait * 1000
  limits.set({ ...limits.get(), [read.policy]: read.limit })
}

export function useLimit(policy: Policy): Limit | undefined {
  return limits.use()[policy]
}
