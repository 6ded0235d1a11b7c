import { expect, test } from 'vitest'
import { advise } from './advice'

const failure = {
  pageOrigin: 'http://localhost:5174',
  apiOrigin: 'http://localhost:8080',
  reached: false,
  method: undefined,
  headers: [],
}
const preflighted = { ...failure, method: 'PATCH', headers: ['content-type', 'x-not-listed'] }

const causes = (...args: Parameters<typeof advise>) => advise(...args).map(({ cause }) => cause)

test('names every cause that the request can have, the likely one first', () => {
  expect(causes(failure)).toEqual(['api-down', 'origin'])
  expect(causes(failure, 'origin')).toEqual(['origin', 'api-down'])
  expect(causes(preflighted)).toEqual(['api-down', 'origin', 'preflight'])
})

test('suspects neither the API nor the origin where the API answers this page', () => {
  expect(causes({ ...failure, reached: true })).toEqual(['broken'])
  expect(causes({ ...preflighted, reached: true }, 'origin')).toEqual(['preflight', 'broken'])
})

test('suspects no rule of CORS behind a same-origin call', () => {
  expect(causes({ ...preflighted, apiOrigin: failure.pageOrigin })).toEqual(['api-down'])
})

test('says what to write and which line to look for', () => {
  const [origin] = advise(failure, 'origin')
  expect(origin!.check).toContain('ALLOWED_ORIGINS=…,http://localhost:5174')
  expect(origin!.log).toContain('cors_denied')
})

test.each([
  ['PATCH', [], 'the method PATCH', 'CORS_ALLOWED_METHODS, in which case matters'],
  [undefined, ['content-type'], 'the header content-type', 'CORS_ALLOWED_HEADERS=…,content-type'],
  [
    'PUT',
    ['content-type', 'x-a'],
    'the method PUT or the header content-type or the header x-a',
    'CORS_ALLOWED_METHODS, in which case matters; CORS_ALLOWED_HEADERS=…,content-type,x-a',
  ],
])('names what the preflight asks for: %s %j', (method, headers, asked, check) => {
  const [preflight] = advise({ ...failure, reached: true, method, headers })
  expect(preflight).toMatchObject({ suspicion: `The preflight’s answer does not list ${asked}.`, check })
})
