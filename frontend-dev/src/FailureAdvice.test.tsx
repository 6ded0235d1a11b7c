import { act } from 'react'
import { createRoot } from 'react-dom/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { NetworkError, TimeoutError, type Exchange } from './api/client'
import { recordStatus } from './apiStatus'
import { FailureAdvice } from './FailureAdvice'
import { apiBase } from './page'

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
})

afterEach(() => {
  vi.unstubAllGlobals()
})

const url = `${apiBase}/api/session`
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

test('once the API has responded, a failed preflight is the likely cause', () => {
  const page = show(failed)
  expect(causes(page)).toEqual(['api-down', 'origin', 'preflight'])
  const { error: _, ...exchange } = failed
  const response = { status: 200, statusText: 'OK', headers: new Headers(), body: {} }
  act(() => recordStatus({ ...exchange, response }))
  expect(causes(page)).toEqual(['preflight', 'interrupted'])
  expect(page.textContent).toContain('the header content-type')

  expect(causes(show({ ...failed, url: 'http://localhost:8079/api/session' }))).toContain('api-down')
})

test('a timeout is not a network error: the API may have carried out the request', () => {
  const page = show({ ...failed, error: new TimeoutError('POST', url, 10_000) })
  expect(page.textContent).toMatch(/^No response within 10 s\. The API may still have carried out the request/)
  expect(page.textContent).not.toContain('The browser hides')
})
