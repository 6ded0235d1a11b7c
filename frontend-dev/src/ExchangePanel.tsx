import { FormatError, type Exchange, type ReceivedResponse } from './api/client'
import { FailureAdvice } from './FailureAdvice'
import { pageOrigin } from './page'
import { preflightReasons } from './preflight'

/** A request and its response, as the browser shows them to JavaScript. The panel's height never changes. */
export function ExchangePanel({ exchange }: { exchange: Exchange | undefined }) {
  return (
    <div className="exchange" data-outcome={outcome(exchange)}>
      <p className="exchange-status" role="status">
        {exchange ? <Summary exchange={exchange} /> : 'Nothing sent yet'}
      </p>
      <div className="exchange-detail" role="group" aria-label="Request and response" tabIndex={0}>
        {exchange && <Request exchange={exchange} />}
        {exchange?.error instanceof FormatError && <p className="response">{exchange.error.message}.</p>}
        {exchange?.response && <Response response={exchange.response} />}
        {exchange && outcome(exchange) === 'failed' && <FailureAdvice exchange={exchange} />}
      </div>
    </div>
  )
}

function outcome(exchange: Exchange | undefined): 'none' | 'ok' | 'problem' | 'failed' {
  if (!exchange || isAbort(exchange)) return 'none'
  if (!exchange.response) return 'failed'
  return exchange.error ? 'problem' : 'ok'
}

/** The page itself aborted the request, which is not a failure. */
function isAbort({ error }: Exchange): boolean {
  return error?.name === 'AbortError'
}

function Summary({ exchange: { response, error, milliseconds } }: { exchange: Exchange }) {
  const cause = error?.cause
  return (
    <>
      <strong>
        {response ? `${response.status} ${response.statusText}` : cause instanceof Error ? String(cause) : error?.name}
      </strong>
      <span>{Math.round(milliseconds)} ms</span>
    </>
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
    </>
  )
}

function Response({ response: { headers, body } }: { response: ReceivedResponse }) {
  return (
    <div className="response">
      {body !== undefined && <pre>{typeof body === 'string' ? body : JSON.stringify(body, null, 2)}</pre>}
      <p className="caption">Headers that this page may read</p>
      <dl className="headers">
        {[...headers].map(([name, value]) => (
          <Header key={name} name={name} value={value} />
        ))}
      </dl>
    </div>
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
