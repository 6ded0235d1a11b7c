import { act } from 'react'
import { createRoot } from 'react-dom/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Gauges } from './Gauges'
import { recordLimit } from './limits'
import { Run } from './Run'

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('a 429 disables the button until Retry-After has passed, and the gauge says so', () => {
  const onRun = vi.fn()
  const page = document.createElement('div')
  act(() =>
    createRoot(page).render(
      <>
        <Gauges />
        <Run policy="search" onRun={onRun}>
          Search
        </Run>
        <Run policy="upload" onRun={onRun}>
          Upload
        </Run>
      </>,
    ),
  )
  const [search, upload] = [...page.querySelectorAll('button')] as [HTMLButtonElement, HTMLButtonElement]
  const gauge = page.querySelector('[data-policy="search"]')!
  expect(gauge.textContent).toContain('not called yet')

  act(() => search.click())
  expect(onRun).toHaveBeenCalledTimes(1)

  act(() => recordLimit(tooMany('search', 3)))
  expect(search.getAttribute('aria-disabled')).toBe('true')
  expect(search.textContent).toContain('wait 3 s')
  expect(gauge.textContent).toContain('wait 3 s')
  expect(gauge.querySelector('[role=meter]')!.getAttribute('aria-valuenow')).toBe('0')
  act(() => search.click())
  expect(onRun).toHaveBeenCalledTimes(1)

  // A policy that was not exceeded goes on.
  act(() => upload.click())
  expect(onRun).toHaveBeenCalledTimes(2)

  for (const left of [2, 1]) {
    act(() => void vi.advanceTimersByTime(1_001))
    expect(search.textContent).toContain(`wait ${left} s`)
  }
  act(() => void vi.advanceTimersByTime(1_001))
  expect(search.getAttribute('aria-disabled')).toBe('false')
  expect(gauge.textContent).toContain('full')
  act(() => search.click())
  expect(onRun).toHaveBeenCalledTimes(3)
})

function tooMany(policy: string, seconds: number) {
  return {
    method: 'GET',
    url: 'http://localhost:8080/api/search?q=a',
    credentials: 'include' as const,
    requestHeaders: new Headers(),
    requestBody: undefined,
    progress: false,
    milliseconds: 1,
    response: {
      status: 429,
      statusText: 'Too Many Requests',
      body: undefined,
      headers: new Headers({
        RateLimit: `"${policy}";r=0;t=${seconds}`,
        'RateLimit-Policy': `"${policy}";q=30;w=60`,
        'Retry-After': String(seconds),
      }),
    },
  }
}
