// @vitest-environment node -- its Headers class lower-cases names, as browsers do
import { expect, test } from 'vitest'
import type { Exchange } from './api/client'
import { preflightRequest, preflightReasons } from './preflight'

function exchange(method: string, headers: Record<string, string> = {}, progress = false): Exchange {
  return {
    method,
    url: 'http://localhost:8080/',
    credentials: 'include',
    requestHeaders: new Headers(headers),
    requestBody: undefined,
    progress,
    milliseconds: 0,
  }
}

test.each([
  ['GET', exchange('GET')],
  ['POST of a form', exchange('POST', { 'Content-Type': 'application/x-www-form-urlencoded;charset=UTF-8' })],
  ['POST of plain text', exchange('POST', { 'Content-Type': 'text/plain' })],
])('%s needs no preflight', (_, exchange) => {
  expect(preflightReasons(exchange)).toEqual([])
})

test.each([
  ['DELETE', exchange('DELETE'), 'the method is DELETE'],
  ['JSON', exchange('POST', { 'Content-Type': 'application/json' }), 'the content type is application/json'],
  ['a header', exchange('GET', { 'X-Not-Listed': '1' }), 'the header x-not-listed is not safelisted'],
  ['progress', exchange('POST', {}, true), 'the upload has progress listeners'],
])('%s needs a preflight', (_, exchange, reason) => {
  expect(preflightReasons(exchange)).toEqual([reason])
})

test('a preflight asks for whatever is not safelisted', () => {
  const headers = { Accept: '*/*', 'Content-Type': 'application/json', 'X-Not-Listed': '1' }
  expect(preflightRequest(exchange('patch', headers))).toEqual({
    method: 'patch',
    headers: [
      ['content-type', 'application/json'],
      ['x-not-listed', '1'],
    ],
  })
  expect(preflightRequest(exchange('POST', { 'Content-Type': 'text/plain' }, true))).toEqual({
    method: undefined,
    headers: [],
  })
})
