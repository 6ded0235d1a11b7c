import { expect, test } from 'vitest'
import { readLimit } from './limits'

test('reads the policy, what is left, and when more becomes available', () => {
  const headers = new Headers({ RateLimit: '"upload";r=4;t=60', 'RateLimit-Policy': '"upload";q=5;w=60' })
  expect(readLimit(headers, 1_000)).toEqual({
    policy: 'upload',
    limit: { limit: 5, remaining: 4, window: 60, moreAt: 61_000, fullAt: 67_000, blockedUntil: 0 },
  })
})

test('reads nothing if no limit applies or the headers are not exposed', () => {
  expect(readLimit(new Headers(), 0)).toBeUndefined()
  expect(readLimit(new Headers({ RateLimit: '"upload";r=4;t=60' }), 0)).toBeUndefined()
})
