import { adviseResponse } from './advice'
import { FormatError, type Exchange, type ReceivedResponse } from './api/client'
import { CopyButton } from './CopyButton'
import { Failure, Whole } from './exchange/Explained'
import './exchange.css'
import { FailureAdvice } from './FailureAdvice'
import { isOwnApi, pageOrigin } from './page'
import { preflightReasons } from './preflight'
import { asCurl, asFetch } from './snippets'

/** Whether the development server can say what the browser hides. A build drops what depends on it. */
const isToldMore = import.meta.env.DEV && import.meta.env.VITE_EXCHANGE !== undefined

/** The request and its response, or why there is none. */
export function ExchangeDetail({ exchange, hasFailed }: { exchange: Exchange; hasFailed: boolean }) {
  const { response, error, url } = exchange
  const request = <Request exchange={exchange} />
  if (hasFailed) {
    if (isToldMore) return <Failure exchange={exchange}>{request}</Failure>
    return (
      <>
        {request}
        <FailureAdvice exchange={exchange} />
      </>
    )
  }
  return (
    <>
      {response && <Reason exchange={exchange} />}
      {request}
      {error instanceof FormatError && isOwnApi(url) && <p className="response">{error.message}.</p>}
      {response && <Response response={response} />}
      {response && isToldMore && <Whole exchange={exchange} />}
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
