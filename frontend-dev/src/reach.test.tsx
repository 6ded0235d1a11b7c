import { act } from 'react'
import { createRoot } from 'react-dom/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createClient } from './api/client'
import { apiBase } from './page'
import { recordReach, useReach } from './reach'

const fetchMock = vi.fn<typeof fetch>()
let page: Element
const api = createClient({ baseUrl: apiBase, observe: recordReach })

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  vi.stubGlobal('fetch', fetchMock)
  page = document.createElement('div')
  act(() => createRoot(page).render(<Reach />))
})

afterEach(() => {
  vi.unstubAllGlobals()
  fetchMock.mockReset()
})

function Reach() {
  return useReach()
}

function answer(status: number, type: string) {
  return new Response(type.endsWith('json') ? '{}' : 'text', { status, headers: { 'Content-Type': type } })
}

/** Calls the API once and returns the paths that were asked for. */
async function call(
  first: () => Promise<Response>,
  then: () => Promise<Response>,
  ask: () => Promise<unknown> = api.hello,
): Promise<string[]> {
  fetchMock.mockReset().mockImplementationOnce(first).mockImplementation(then)
  await act(() => ask().catch(() => {}))
  return fetchMock.mock.calls.map(([url]) => new URL(String(url)).pathname)
}

const down = () => Promise.reject(new TypeError('Failed to fetch'))
const up = async () => answer(200, 'application/json')

test('a failed call asks /healthz once, and that decides', async () => {
  expect(await call(up, down)).toEqual(['/api/hello'])
  expect(page.textContent).toBe('reached')

  expect(await call(down, down)).toEqual(['/api/hello', '/healthz'])
  expect(page.textContent).toBe('failed')

  expect(await call(down, up)).toEqual(['/api/hello', '/healthz'])
  expect(page.textContent).toBe('reached')
})

test.each([
  [429, 'application/problem+json', 'reached'],
  [502, 'text/plain', 'failed'],
  [504, 'text/html', 'failed'],
  [200, 'text/html', 'failed'],
])('%i with %s: %s', async (status, type, want) => {
  const same = async () => answer(status, type)
  await call(want === 'reached' ? down : up, want === 'reached' ? down : up)
  await call(same, same)
  expect(page.textContent).toBe(want)
})

test('a call that is given up tells nothing', async () => {
  await call(up, up)
  const signal = AbortSignal.abort()
  expect(await call(down, down, () => api.search('x', { signal }))).toEqual(['/api/search'])
  expect(page.textContent).toBe('reached')
})
