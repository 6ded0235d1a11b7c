import { expect, test } from 'vitest'
import { readLimit } from './limits'

test('reads the policy, what is left and when it resets', () => {
  const headers = new Headers({ RateLimit: '"search";r=29;t=60', 'RateLimit-Policy': '"search";q=30;w=60' })
  expect(readLimit(headers, 1_000)).toEqual({
    policy: 'search',
    limit: { limit: 30, remaining: 29, window: 60, resetAt: 61_000, blockedUntil: 0 },
  })
})

test('reads nothing where no limit applies, or the headers are not exposed', () => {
  expect(readLimit(new Headers(), 0)).toBeUndefined()
  expect(readLimit(new Headers({ RateLimit: '"search";r=29;t=60' }), 0)).toBeUndefined()
})
