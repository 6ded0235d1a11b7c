import { useRef } from 'react'
import { FormatError, type Exchange, type ReceivedResponse } from './api/client'
import { CopyButton } from './CopyButton'
import { useSecondsSince } from './countdown'
import { adviseResponse } from './advice'
import { Failure, Whole } from './exchange/Explained'
import { FailureAdvice } from './FailureAdvice'
import { isOwnApi, pageOrigin } from './page'
import { preflightReasons } from './preflight'
import { asCurl, asFetch } from './snippets'
import type { Pending } from './useClient'

/** Whether the development server can say what the browser hides. A build drops what depends on it. */
const isToldMore = import.meta.env.DEV && import.meta.env.VITE_EXCHANGE !== undefined

/**
 * A request and its response, as the browser shows them to JavaScript. While a
 * call is pending, the last ones are invisible but keep their place, so that
 * nothing moves twice.
 */
export function ExchangePanel({ exchange, pending }: { exchange: Exchange | undefined; pending: Pending | undefined }) {
  const detail = useRef<HTMLDivElement>(null)
  return (
    <div className="exchange" data-outcome={outcome(exchange)}>
      <div className="exchange-status">
        <p role="status">{pending ? 'Sending…' : exchange ? summary(exchange) : 'Nothing sent yet'}</p>
        {pending ? (
          <PendingTime
            pending={pending}
            onCancel={() => {
              pending.cancel()
              detail.current!.focus() // The button that has the focus disappears.
            }}
          />
        ) : (
          exchange && <span>{Math.round(exchange.milliseconds)} ms</span>
        )}
      </div>
      <div
        ref={detail}
        className="exchange-detail"
        role="group"
        aria-label="Request and response"
        tabIndex={-1} // Only Cancel moves the focus here.
      >
        {exchange && (
          <div className={pending && 'invisible'}>
            {outcome(exchange) === 'failed' ? (
              isToldMore ? (
                <Failure exchange={exchange}>
                  <Request exchange={exchange} />
                </Failure>
              ) : (
                <>
                  <Request exchange={exchange} />
                  <FailureAdvice exchange={exchange} />
                </>
              )
            ) : (
              <>
                {exchange.response && <Reason exchange={exchange} />}
                <Request exchange={exchange} />
                {exchange.error instanceof FormatError && isOwnApi(exchange.url) && (
                  <p className="response">{exchange.error.message}.</p>
                )}
                {exchange.response && <Response response={exchange.response} />}
                {exchange.response && isToldMore && <Whole exchange={exchange} />}
              </>
            )}
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

function Request({ exchange }: { exchange: Exchange }) {
  const { method, url, credentials, requestHeaders, requestBody } = exchange
  const crossOrigin = new URL(url).origin !== pageOrigin
  const preflight = preflightReasons(exchange)
  return (
    <>
      <p className="line">
        <b>{method}</b> {url}
      </p>
      <dl className="headers">
        {crossOrigin && <Header name="origin" value={pageOrigin} />}
        {[...requestHeaders].map(([name, value]) => (
          <Header key={name} name={name} value={value} />
        ))}
        <Header name="cookies" value={credentials === 'omit' ? 'not sent' : 'sent if there are any'} />
        <Header
          name="preflight"
          value={!crossOrigin ? 'none: same origin' : preflight.length > 0 ? `needed: ${preflight.join(', ')}` : 'none'}
        />
      </dl>
      {requestBody !== undefined && (
        <pre>{typeof requestBody === 'string' ? excerpt(requestBody) : [...requestBody].map(part).join('\n')}</pre>
      )}
      <p className="caption">
        <CopyButton text={asCurl(exchange, pageOrigin)} label="Copy as curl" />
        <CopyButton text={asFetch(exchange)} label="Copy as fetch" />
      </p>
    </>
  )
}

/** Why the response is an error, if the page can tell. */
function Reason({ exchange }: { exchange: Exchange }) {
  const reason = adviseResponse(exchange, pageOrigin)
  if (!reason) return null
  return (
    <div className="explained">
      <p className="cause" data-cause={reason.cause}>
        <strong>{reason.summary}</strong>
      </p>
      <p>{reason.fix}</p>
    </div>
  )
}

function Response({ response: { headers, body } }: { response: ReceivedResponse }) {
  return (
    <div className="response">
      {body !== undefined && <Body text={typeof body === 'string' ? body : JSON.stringify(body, null, 2)} />}
      <p className="caption">Headers that this page may read</p>
      <dl className="headers">
        {[...headers].map(([name, value]) => (
          <Header key={name} name={name} value={value} />
        ))}
      </dl>
    </div>
  )
}

/** A body of any length. One that is too long for the panel scrolls by itself, so the keyboard must reach it. */
function Body({ text }: { text: string }) {
  const isLong = text.length > 3000
  return isLong ? (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must reach what scrolls
    <pre className="long" tabIndex={0} role="group" aria-label="Body">
      {text}
    </pre>
  ) : (
    <pre>{text}</pre>
  )
}

function Header({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  )
}

function part([name, value]: [string, FormDataEntryValue]): string {
  return typeof value === 'string'
    ? `${name}=${value}`
    : `${name}: ${value.name}, ${value.size.toLocaleString('en')} bytes`
}

function excerpt(text: string): string {
  return text.length > 500 ? `${text.slice(0, 500)}… (${text.length.toLocaleString('en')} characters)` : text
}
