import { act } from 'react'
import { createRoot } from 'react-dom/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CallButton } from './CallButton'
import { Gauges } from './Gauges'
import { recordLimit } from './limits'

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('a 429 disables the buttons of its policy until Retry-After has passed, and the gauge shows the wait', () => {
  const onCall = vi.fn()
  const page = document.createElement('div')
  act(() =>
    createRoot(page).render(
      <>
        <Gauges />
        <CallButton policy="session" onCall={onCall}>
          Sign in
        </CallButton>
        <CallButton policy="upload" onCall={onCall}>
          Upload
        </CallButton>
      </>,
    ),
  )
  const [signIn, upload] = [...page.querySelectorAll('button')] as [HTMLButtonElement, HTMLButtonElement]
  const gauge = page.querySelector('[data-policy="session"]')!
  expect(gauge.textContent).toContain('not called yet')

  act(() => signIn.click())
  expect(onCall).toHaveBeenCalledTimes(1)

  act(() => recordLimit(tooMany('session', 3)))
  expect(signIn.getAttribute('aria-disabled')).toBe('true')
  expect(signIn.firstChild!.textContent).toBe('Sign in · 3 s')
  expect(gauge.textContent).toContain('wait 3 s')
  expect(gauge.querySelector('[role=meter]')!.getAttribute('aria-valuenow')).toBe('0')
  act(() => signIn.click())
  expect(onCall).toHaveBeenCalledTimes(1)

  // Other policies are not affected.
  act(() => upload.click())
  expect(onCall).toHaveBeenCalledTimes(2)

  for (const left of [2, 1]) {
    act(() => void vi.advanceTimersByTime(1_001))
    expect(signIn.firstChild!.textContent).toBe(`Sign in · ${left} s`)
  }
  act(() => void vi.advanceTimersByTime(1_001))
  expect(signIn.getAttribute('aria-disabled')).toBe('false')
  expect(gauge.textContent).toContain('available')
  act(() => signIn.click())
  expect(onCall).toHaveBeenCalledTimes(3)

  act(() => void vi.advanceTimersByTime(70_000))
  expect(gauge.textContent).toContain('full')
})

function tooMany(policy: string, seconds: number) {
  return {
    method: 'POST',
    url: 'http://localhost:8080/api/session',
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
