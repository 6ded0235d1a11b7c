import type { ReactNode } from 'react'
import { useSecondsUntil } from './countdown'
import { useLimit, type Policy } from './limits'

interface Props {
  policy: Policy
  busy?: boolean
  /** Why the button cannot be pressed now, apart from the rate limit. */
  disabledReason?: string | false
  submit?: boolean
  /** Whether the call destroys something. */
  danger?: boolean
  onCall?: () => void
  children: ReactNode
}

/**
 * A button that calls the API. After a 429 it counts Retry-After down and
 * cannot be pressed. It uses aria-disabled, not disabled, to keep the focus.
 */
export function CallButton({
  policy,
  busy = false,
  disabledReason = false,
  submit = false,
  danger = false,
  onCall,
  children,
}: Props) {
  const wait = useSecondsUntil(useLimit(policy)?.blockedUntil ?? 0)
  const disabled = wait > 0 || disabledReason !== false
  return (
    <button
      type={submit ? 'submit' : 'button'}
      className={danger ? 'call danger' : 'call'}
      aria-disabled={disabled}
      title={disabledReason || undefined}
      onClick={(event) => {
        if (disabled || busy) event.preventDefault()
        else onCall?.()
      }}
    >
      <span>
        {children}
        {wait > 0 && <small> · {wait} s</small>}
      </span>
      {/* In the same grid cell, so that the button keeps its width. */}
      <span className="invisible">
        {children}
        <small> · 60 s</small>
      </span>
    </button>
  )
}
