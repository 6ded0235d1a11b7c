import { act } from 'react'
import { createRoot } from 'react-dom/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { NetworkError, TimeoutError, type Exchange } from './api/client'
import { FailureAdvice } from './FailureAdvice'
import { apiBase } from './page'
import { recordReach } from './reach'

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
})

afterEach(() => {
  vi.unstubAllGlobals()
})

const url = `${apiBase}/api/items`
const failed: Exchange = {
  method: 'POST',
  url,
  credentials: 'include',
  requestHeaders: new Headers({ 'content-type': 'application/json' }),
  requestBody: '{}',
  progress: false,
  milliseconds: 10_003,
  error: new NetworkError('POST', url),
}

function show(exchange: Exchange) {
  const page = document.createElement('div')
  act(() => createRoot(page).render(<FailureAdvice exchange={exchange} />))
  return page
}

const causes = (page: Element) => [...page.querySelectorAll('li')].map(({ dataset }) => dataset.cause)

test('once the API has answered, a failed preflight is the likely cause', () => {
  const page = show(failed)
  expect(causes(page)).toEqual(['api-down', 'origin', 'preflight'])
  const { error: _, ...exchange } = failed
  const response = { status: 200, statusText: 'OK', headers: new Headers(), body: {} }
  act(() => recordReach({ ...exchange, response }))
  expect(causes(page)).toEqual(['preflight', 'broken'])
  expect(page.textContent).toContain('the header content-type')

  expect(causes(show({ ...failed, url: 'http://localhost:8079/api/items' }))).toContain('api-down')
})

test('a time-out is told apart: the request may have been carried out', () => {
  const page = show({ ...failed, error: new TimeoutError('POST', url, 10_000) })
  expect(page.textContent).toMatch(/^No answer in 10 s\. The API may still have carried out the request/)
  expect(page.textContent).not.toContain('The browser hides')
})
