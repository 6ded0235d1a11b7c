// @vitest-environment node -- its Headers class lower-cases names, as browsers do
import { expect, test } from 'vitest'
import type { Exchange } from './api/client'
import { asCurl, asFetch } from './snippets'

const exchange: Exchange = {
  method: 'POST',
  url: 'http://localhost:8080/api/session',
  credentials: 'include',
  requestHeaders: new Headers({ 'Content-Type': 'application/json' }),
  requestBody: `{"name":"O'Brien"}`,
  progress: false,
  milliseconds: 1,
}

const form = new FormData()
form.append('file', new File(['lab'], 'a "b".txt'))
const upload: Exchange = { ...exchange, requestHeaders: new Headers(), requestBody: form }
const get: Exchange = { ...upload, method: 'GET', requestBody: undefined }

test.each([
  [exchange, `-H 'content-type: application/json' --data-raw '{"name":"O'\\''Brien"}'`],
  [upload, `-F 'file=@"a \\"b\\".txt"'`],
  [get, ''],
])('as curl', (exchange, rest) => {
  const start = `curl -i -X ${exchange.method} 'http://localhost:8080/api/session' -H 'Origin: http://localhost:5173'`
  expect(asCurl(exchange, 'http://localhost:5173')).toBe(`${start} ${rest}`.trim())
})

test.each([
  [exchange, ['  headers: {"content-type":"application/json"},', `  body: "{\\"name\\":\\"O'Brien\\"}",`]],
  [upload, ['  body,']],
  [get, []],
  [{ ...get, mode: 'no-cors' as const }, ['  mode: "no-cors",']],
])('as fetch', (exchange, options) => {
  const before =
    exchange === upload ? ['const body = new FormData()', 'body.append("file", new File([], "a \\"b\\".txt"))'] : []
  expect(asFetch(exchange).split('\n')).toEqual([
    ...before,
    'await fetch("http://localhost:8080/api/session", {',
    `  method: "${exchange.method}",`,
    '  credentials: "include",',
    ...options,
    '})',
  ])
})
