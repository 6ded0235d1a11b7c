/** What the rate limit headers of the answers so far say, per policy. */
import { retryAfterSeconds, type Exchange } from './api/client'
import { createStore } from './store'

export type Policy = 'default' | 'search' | 'upload' | 'session'

export interface Limit {
  limit: number
  remaining: number
  /** Seconds that the limit is counted over. */
  window: number
  /** When the whole limit is granted again, as performance.now() tells it. */
  resetAt: number
  /** After a 429: when the next request is worth sending, else 0. */
  blockedUntil: number
}

/**
 * Reads `RateLimit: "search";r=29;t=60` and `RateLimit-Policy: "search";q=30;w=60`.
 * `t` counts from now, so unlike X-RateLimit-Reset it does not depend on this
 * machine's clock being right.
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
      resetAt: now + Number(state.reset) * 1000,
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
