import { expect, test } from 'vitest'
import { advise } from './advice'

const failure = {
  pageOrigin: 'http://localhost:5174',
  apiOrigin: 'http://localhost:8080',
  method: 'GET',
  preflighted: false,
  headers: [],
}

const causes = (...args: Parameters<typeof advise>) => advise(...args).map(({ cause }) => cause)

test('names every cause that the request can have, the likely one first', () => {
  expect(causes(failure)).toEqual(['api-down', 'origin'])
  expect(causes(failure, 'origin')).toEqual(['origin', 'api-down'])
  expect(causes({ ...failure, preflighted: true, headers: ['x-not-listed', 'content-type'] })).toEqual([
    'header',
    'api-down',
    'origin',
  ])
  expect(causes({ ...failure, method: 'patch', preflighted: true })).toEqual(['method', 'api-down', 'origin'])
})

test('does not suspect the origin of a same-origin call', () => {
  expect(causes({ ...failure, apiOrigin: failure.pageOrigin })).toEqual(['api-down'])
})

test('says what to write and which line to look for', () => {
  const [origin] = advise(failure, 'origin')
  expect(origin!.check).toContain('ALLOWED_ORIGINS=…,http://localhost:5174')
  expect(origin!.log).toContain('cors_denied')
})
