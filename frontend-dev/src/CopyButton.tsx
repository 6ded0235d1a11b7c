import { useEffect, useState } from 'react'

/** How long the button says that it has copied, in milliseconds. */
const FEEDBACK = 2_000

/** Copies a text. Pages on plain http have no clipboard, except on localhost; there is no button then. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false)

  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), FEEDBACK)
    return () => clearTimeout(timer)
  }, [copied])

  if (!navigator.clipboard) return null
  return (
    <button
      type="button"
      className="link copy"
      aria-live="polite"
      onClick={() => {
        navigator.clipboard.writeText(text).then(
          () => setCopied(true),
          () => {}, // The browser asked, and the user declined.
        )
      }}
    >
      {copied ? 'Copied' : label}
    </button>
  )
}
