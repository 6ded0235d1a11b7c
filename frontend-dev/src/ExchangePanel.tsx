import { useEffect, useRef, type ComponentProps, type ComponentType } from 'react'
import { FormatError, type Exchange } from './api/client'
import { useSecondsSince } from './countdown'
import type { ExchangeDetail } from './ExchangeDetail'
import { NotLoaded } from './NotLoaded'
import { isOwnApi } from './page'
import { createStore } from './store'
import type { Pending } from './useClient'

/** What shows an exchange. A browser loads it with the first call, because until then it has nothing to show. */
const detail = createStore<ComponentType<ComponentProps<typeof ExchangeDetail>> | undefined>(undefined)

function loadDetail() {
  import('./ExchangeDetail').then(
    ({ ExchangeDetail }) => detail.set(ExchangeDetail),
    () => detail.set(NotLoaded),
  )
}

// The development server sends many small files, for which no call should wait.
if (import.meta.env.DEV) loadDetail()

/**
 * A request and its response, as the browser shows them to JavaScript. While a
 * call is pending, the last ones are invisible but keep their place, so that
 * nothing moves twice.
 */
export function ExchangePanel({ exchange, pending }: { exchange: Exchange | undefined; pending: Pending | undefined }) {
  const panel = useRef<HTMLDivElement>(null)
  const Detail = detail.use()

  useEffect(() => {
    if ((pending || exchange) && !Detail) loadDetail()
  }, [pending, exchange, Detail])

  return (
    <div className="exchange" data-outcome={outcome(exchange)}>
      <div className="exchange-status">
        <p role="status">{pending ? 'Sending…' : exchange ? summary(exchange) : 'Nothing sent yet'}</p>
        {pending ? (
          <PendingTime
            pending={pending}
            onCancel={() => {
              pending.cancel()
              panel.current!.focus() // The button that has the focus disappears.
            }}
          />
        ) : (
          exchange && <span>{Math.round(exchange.milliseconds)} ms</span>
        )}
      </div>
      <div
        ref={panel}
        className="exchange-detail"
        role="group"
        aria-label="Request and response"
        tabIndex={-1} // Only Cancel moves the focus here.
      >
        {exchange && Detail && (
          <div className={pending && 'invisible'}>
            <Detail exchange={exchange} hasFailed={outcome(exchange) === 'failed'} />
          </div>
        )}
      </div>
    </div>
  )
}

function outcome(exchange: Exchange | undefined): 'none' | 'ok' | 'problem' | 'failed' {
  if (!exchange || isAbort(exchange)) return 'none'
  if (!exchange.response) return 'failed'
  if (exchange.response.status === 0) return 'ok'
  if (exchange.error instanceof FormatError && !isOwnApi(exchange.url)) return 'ok'
  return exchange.error ? 'problem' : 'ok'
}

/** The page itself aborted the request, which is not a failure. */
function isAbort({ error }: Exchange): boolean {
  return error?.name === 'AbortError'
}

function summary(exchange: Exchange) {
  const { response, error } = exchange
  if (isAbort(exchange)) return 'Cancelled'
  if (response?.status === 0) return <strong>Opaque: JavaScript sees neither the status nor the body</strong>
  if (response) return <strong>{`${response.status} ${response.statusText}`}</strong>
  return <strong>{error?.cause instanceof Error ? String(error.cause) : error?.name}</strong>
}

function PendingTime({ pending, onCancel }: { pending: Pending; onCancel: () => void }) {
  const seconds = useSecondsSince(pending.started)
  return (
    <span>
      {seconds} s{' '}
      <button type="button" className="link" onClick={onCancel}>
        Cancel
      </button>
    </span>
  )
}
