import type { ReactNode } from 'react'
import type { Exchange } from '../api/client'
import { thisBrowser, type Answer, type Message } from './ask'

/** The exchange as a sequence, page → browser → API → browser → page, with what each side sees. */
export function Sequence({ exchange, answer: { check } }: { exchange: Exchange; answer: Answer }) {
  const browser = thisBrowser(check)
  const { method, url, credentials, mode = 'cors', response } = exchange
  return (
    <ol className="sequence" aria-label="The exchange, step by step">
      <Step who="Page">
        <p className="line">
          <b>{method}</b> {url}
        </p>
        <p className="soft">
          mode {mode}, credentials {credentials}
        </p>
      </Step>
      {check.exchanges.map((message, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the list does not change
        <Messages key={index} message={message} />
      ))}
      {browser && (
        <Step who="Browser">
          <ul className="checks">
            {browser.checks.map(({ ok, title, detail, section }, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the list does not change
              <li key={index} data-ok={ok}>
                {title}
                {detail && `: ${detail}`} {!ok && section && <a href={section}>standard</a>}
              </li>
            ))}
          </ul>
        </Step>
      )}
      <Step who="Page">
        {response ? (
          <p>
            {`${response.status} ${response.statusText}`.trim()}, and {[...response.headers].length} headers that it may
            read
          </p>
        ) : (
          <p>
            {exchange.error?.name === 'TimeoutError'
              ? 'nothing, until it gave up waiting'
              : 'a TypeError without a reason'}
          </p>
        )}
      </Step>
    </ol>
  )
}

function Messages({ message }: { message: Message }) {
  const { preflight, method, url, sent, stand_in: standIn, status, came, broken } = message
  const { pathname, search } = new URL(url)
  return (
    <>
      <Step who="Browser → API">
        <p className="line">
          <b>{method}</b> {pathname + search}
          {preflight && <span className="soft"> preflight</span>}
        </p>
        {standIn && <p className="soft">{standIn} was sent instead, so that nothing is changed twice.</p>}
        <HeaderList pairs={sent} />
      </Step>
      <Step who="API → browser">
        {status === 0 ? <p>no response</p> : <p className="line">{status}</p>}
        <HeaderList pairs={came} />
        {broken && <p>The body broke off: {broken}</p>}
      </Step>
    </>
  )
}

/** The headers that CORS is about, and the others folded. */
function HeaderList({ pairs }: { pairs: [string, string][] }) {
  const decides = ([name]: [string, string]) =>
    /^(access-control-|origin$|vary$|location$|cross-origin-resource-policy$|set-cookie$|retry-after$)/i.test(name)
  const others = pairs.filter((pair) => !decides(pair))
  return (
    <>
      <Pairs pairs={pairs.filter(decides)} />
      {others.length > 0 && (
        <details>
          <summary>
            {others.length} more {others.length === 1 ? 'header' : 'headers'}
          </summary>
          <Pairs pairs={others} />
        </details>
      )}
    </>
  )
}

function Pairs({ pairs }: { pairs: [string, string][] }) {
  return (
    <dl className="headers">
      {pairs.map(([name, value], index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the list does not change
        <div key={index}>
          <dt>{name.toLowerCase()}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function Step({ who, children }: { who: string; children: ReactNode }) {
  return (
    <li data-who={who}>
      <span className="who">{who}</span>
      <div>{children}</div>
    </li>
  )
}
