import { useEffect, useEffectEvent, useState } from 'react'
import { ProblemError } from '../api/client'
import { useApiStatus } from '../apiStatus'

/** How long to wait, in milliseconds, before a call is repeated that failed while the API responded. */
const PAUSE = 1_000

/**
 * Repeats a call that failed: after Retry-After (429, 503), or as soon as the
 * API responds again. Any other error is an answer, and stays. Returns when the
 * call is repeated, on the clock of performance.now(), if that is known.
 */
export function useRetry(error: Error | undefined, retry: () => void): number | undefined {
  const status = useApiStatus()
  const [retryAt, setRetryAt] = useState<number>()
  const repeat = useEffectEvent(retry)

  useEffect(() => {
    setRetryAt(undefined)
    if (!error) return
    let wait = PAUSE
    if (error instanceof ProblemError) {
      if (error.retryAfter === undefined) return
      wait = error.retryAfter * 1000
      setRetryAt(performance.now() + wait)
    } else if (status !== 'reachable') {
      return
    }
    const timer = setTimeout(repeat, wait)
    return () => clearTimeout(timer)
  }, [error, status])

  return retryAt
}
