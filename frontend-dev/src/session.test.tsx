import { act } from 'react'
import { createRoot } from 'react-dom/client'
import { afterEach, expect, test, vi } from 'vitest'
import { askIfSignedInBefore, recordSession, useGuest } from './session'

afterEach(() => {
  vi.unstubAllGlobals()
  localStorage.clear()
})

function Guest() {
  return String(useGuest())
}

function exchange(
  method: string,
  status: number,
  changes: { path?: string; credentials?: RequestCredentials; body?: unknown } = {},
) {
  const { path = '/api/session', credentials = 'include', body = { name: 'Ada' } } = changes
  return {
    method,
    url: `http://localhost:8080${path}`,
    credentials,
    requestHeaders: new Headers(),
    requestBody: undefined,
    progress: false,
    milliseconds: 1,
    response: { status, statusText: '', headers: new Headers(), body },
  }
}

test('learns from each call who is signed in', () => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  const page = document.createElement('div')
  act(() => createRoot(page).render(<Guest />))
  expect(page.textContent).toBe('undefined')
  for (const [call, want] of [
    [exchange('GET', 401), 'null'],
    [exchange('POST', 201), 'Ada'],
    [exchange('GET', 401, { credentials: 'omit' }), 'Ada'],
    [exchange('GET', 401, { path: '/api/other' }), 'Ada'],
    [exchange('GET', 503), 'Ada'],
    [exchange('POST', 422), 'Ada'],
    [exchange('DELETE', 204), 'null'],
    [exchange('HEAD', 200, { body: null }), 'null'],
    [exchange('GET', 200, { body: '<!doctype html>' }), 'null'],
    [exchange('GET', 200), 'Ada'],
    [exchange('GET', 401), 'null'],
  ] as const) {
    act(() => recordSession(call))
    expect(page.textContent).toBe(want)
  }
})

test('asks at the start only if somebody has signed in, so that others get no 401', () => {
  const fetchMock = vi.fn<typeof fetch>(() => new Promise(() => {}))
  vi.stubGlobal('fetch', fetchMock)
  askIfSignedInBefore()
  expect(fetchMock).not.toHaveBeenCalled()
  recordSession(exchange('POST', 201))
  askIfSignedInBefore()
  expect(fetchMock).toHaveBeenCalledTimes(1)
  recordSession(exchange('DELETE', 204))
  askIfSignedInBefore()
  expect(fetchMock).toHaveBeenCalledTimes(1)
})

test('a full storage, which throws, does not fail the sign-in', () => {
  const full = () => {
    throw new DOMException('full', 'QuotaExceededError')
  }
  vi.stubGlobal('localStorage', { setItem: full, removeItem() {}, clear() {} })
  expect(() => recordSession(exchange('POST', 201))).not.toThrow()
})
