import type { ReactNode } from 'react'
import { useSecondsUntil } from './countdown'
import { useLimit, type Policy } from './limits'

interface Props {
  policy: Policy
  busy?: boolean
  /** Why it cannot be pressed now, besides the rate limit. */
  unless?: string | false
  submit?: boolean
  onRun?: () => void
  children: ReactNode
}

/**
 * A button that calls the API. After a 429 it counts Retry-After down and
 * cannot be pressed. aria-disabled instead of disabled: the focus stays on it.
 */
export function Run({ policy, busy = false, unless = false, submit = false, onRun, children }: Props) {
  const wait = useSecondsUntil(useLimit(policy)?.blockedUntil ?? 0)
  const disabled = wait > 0 || unless !== false
  return (
    <button
      type={submit ? 'submit' : 'button'}
      className="run"
      aria-disabled={disabled}
      title={unless || undefined}
      onClick={(event) => {
        if (disabled || busy) event.preventDefault()
        else onRun?.()
      }}
    >
      {/* Both texts share one grid cell, so the button keeps its width. */}
      <span className={wait > 0 ? 'unseen' : undefined}>{children}</span>
      <span className={wait > 0 ? undefined : 'unseen'}>wait {wait || 60} s</span>
    </button>
  )
}
