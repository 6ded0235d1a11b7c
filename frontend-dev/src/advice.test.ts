import { expect, test } from 'vitest'
import { advise } from './advice'

const failure = {
  pageOrigin: 'http://localhost:5174',
  apiOrigin: 'http://localhost:8080',
  reachable: false,
  method: undefined,
  headers: [],
}
const preflighted = { ...failure, method: 'PATCH', headers: ['content-type', 'x-not-listed'] }

const causes = (...args: Parameters<typeof advise>) => advise(...args).map(({ cause }) => cause)

test('lists every possible cause, the likely one first', () => {
  expect(causes(failure)).toEqual(['api-down', 'origin'])
  expect(causes(failure, 'origin')).toEqual(['origin', 'api-down'])
  expect(causes(preflighted)).toEqual(['api-down', 'origin', 'preflight'])
})

test('rules out the API and the origin when this page can read other responses', () => {
  expect(causes({ ...failure, reachable: true })).toEqual(['interrupted'])
  expect(causes({ ...preflighted, reachable: true }, 'origin')).toEqual(['preflight', 'interrupted'])
})

test('rules out CORS for a same-origin call', () => {
  expect(causes({ ...preflighted, apiOrigin: failure.pageOrigin })).toEqual(['api-down'])
})

test('names the setting to change and the log line to look for', () => {
  const [origin] = advise(failure, 'origin')
  expect(origin!.check).toContain('ALLOWED_ORIGINS=…,http://localhost:5174')
  expect(origin!.log).toContain('cors_denied')
})

test.each([
  ['PATCH', [], 'the method PATCH', 'CORS_ALLOWED_METHODS, which is case-sensitive'],
  [undefined, ['content-type'], 'the header content-type', 'CORS_ALLOWED_HEADERS=…,content-type'],
  [
    'PUT',
    ['content-type', 'x-a'],
    'the method PUT or the header content-type or the header x-a',
    'CORS_ALLOWED_METHODS, which is case-sensitive; CORS_ALLOWED_HEADERS=…,content-type,x-a',
  ],
])('names what the preflight asks for: %s %j', (method, headers, asked, check) => {
  const [preflight] = advise({ ...failure, reachable: true, method, headers })
  expect(preflight).toMatchObject({ summary: `The response to the preflight does not allow ${asked}.`, check })
})
