import { act } from 'react'
import { createRoot } from 'react-dom/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createClient } from './api/client'
import { recordStatus, useApiStatus } from './apiStatus'
import { apiBase } from './page'

const fetchMock = vi.fn<typeof fetch>()
let page: Element
const api = createClient({ baseUrl: apiBase, observe: recordStatus })

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  vi.stubGlobal('fetch', fetchMock)
  page = document.createElement('div')
  act(() => createRoot(page).render(<Status />))
})

afterEach(() => {
  vi.unstubAllGlobals()
  fetchMock.mockReset()
})

function Status() {
  return useApiStatus()
}

function respond(status: number, type: string) {
  return new Response(type.endsWith('json') ? '{}' : 'text', { status, headers: { 'Content-Type': type } })
}

/** Calls the API once and returns the paths that were requested. */
async function call(
  first: () => Promise<Response>,
  then: () => Promise<Response>,
  signal?: AbortSignal,
): Promise<string[]> {
  fetchMock.mockReset().mockImplementationOnce(first).mockImplementation(then)
  await act(() => api.request('GET', '/api/hello', { signal }).catch(() => {}))
  return fetchMock.mock.calls.map(([url]) => new URL(String(url)).pathname)
}

const down = () => Promise.reject(new TypeError('Failed to fetch'))
const up = async () => respond(200, 'application/json')

test('a failed call checks /healthz once, and that decides', async () => {
  expect(await call(up, down)).toEqual(['/api/hello'])
  expect(page.textContent).toBe('reachable')

  expect(await call(down, down)).toEqual(['/api/hello', '/healthz'])
  expect(page.textContent).toBe('unreachable')

  expect(await call(down, up)).toEqual(['/api/hello', '/healthz'])
  expect(page.textContent).toBe('reachable')
})

test.each([
  [429, 'application/problem+json', 'reachable'],
  [502, 'text/plain', 'unreachable'],
  [504, 'text/html', 'unreachable'],
  [200, 'text/html', 'unreachable'],
])('%i with %s: %s', async (status, type, want) => {
  const same = async () => respond(status, type)
  await call(want === 'reachable' ? down : up, want === 'reachable' ? down : up)
  await call(same, same)
  expect(page.textContent).toBe(want)
})

test('an aborted call says nothing about the API', async () => {
  await call(up, up)
  expect(await call(down, down, AbortSignal.abort())).toEqual(['/api/hello'])
  expect(page.textContent).toBe('reachable')
})
