import { useEffect, useState } from 'react'

/** The seconds left until a moment on the clock of performance.now(), rounded up; 0 after it. */
export function secondsUntil(moment: number, now = performance.now()): number {
  return Math.max(0, Math.ceil((moment - now) / 1000))
}

/** Counts down to a moment on the clock of performance.now(), rendering once a second. */
export function useSecondsUntil(moment: number): number {
  const [, tick] = useState(0)
  const seconds = secondsUntil(moment)
  useEffect(() => {
    if (seconds === 0) return
    // One millisecond after the change, so that a timer that fires early does
    // not show the same second twice.
    const untilNext = moment - performance.now() - (seconds - 1) * 1000 + 1
    const timer = setTimeout(() => tick((n) => n + 1), untilNext)
    return () => clearTimeout(timer)
  })
  return seconds
}

/** The whole seconds since a moment on the clock of performance.now(), rendering once a second. */
export function useSecondsSince(moment: number): number {
  const [, tick] = useState(0)
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new moment starts a new second
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 1000)
    return () => clearInterval(timer)
  }, [moment])
  return Math.max(0, Math.round((performance.now() - moment) / 1000))
}
