import { useEffect, useMemo, useState, type ReactNode } from 'react'
import type { Exchange } from '../api/client'
import { CopyButton } from '../CopyButton'
import { FailureAdvice } from '../FailureAdvice'
import { recordLimit } from '../limits'
import { isBlockedPort, isOwnApi, pageOrigin } from '../page'
import { ask, thisBrowser, type Answer, type Browser } from './ask'
import { diagnose, type Diagnosis } from './diagnosis'
import { Sequence } from './Sequence'

/** Asks once about each exchange. */
function useAnswer(exchange: Exchange, ended: number, origin?: string): Answer | 'asking' | undefined {
  const [state, setState] = useState<{ of: Exchange; answer: Answer | undefined }>()
  useEffect(() => {
    const controller = new AbortController()
    void ask(exchange, ended, controller.signal, origin).then((answer) => {
      if (controller.signal.aborted) return
      setState({ of: exchange, answer })
      if (answer) recordQuota(exchange, answer)
    })
    return () => controller.abort()
  }, [exchange, ended, origin])
  return state?.of === exchange ? state.answer : 'asking'
}

/** Asking about a call may have cost a request of its limit, which the gauges must show. */
function recordQuota(exchange: Exchange, { check }: Answer) {
  const last = check.exchanges.at(-1)
  if (!last || !isOwnApi(exchange.url)) return
  const headers = new Headers(last.came.filter(([name]) => /^(ratelimit|retry-after)/i.test(name)))
  recordLimit({ ...exchange, response: { status: last.status, statusText: '', headers, body: undefined } })
}

/** When an exchange was first rendered, on the clock of Date.now(). */
function useEnd(exchange: Exchange): number {
  // biome-ignore lint/correctness/useExhaustiveDependencies: each exchange has a time of its own
  return useMemo(() => Date.now(), [exchange])
}

/**
 * The cause of a failed call, then the request, which are the children, then
 * what each side saw. Without a development server to ask, advice.
 */
export function Failure({ exchange, children }: { exchange: Exchange; children: ReactNode }) {
  const answer = useAnswer(exchange, useEnd(exchange))
  const isAsking = answer === 'asking'
  const known = isAsking ? undefined : answer
  const diagnosis = known && diagnose(exchange, known, pageOrigin, isBlockedPort)
  return (
    <div className="explained">
      {/* Always rendered, so that a screen reader announces the cause. */}
      <div role="status">
        {isAsking && <p className="caption">Looking for the cause, outside the browser…</p>}
        {diagnosis && <Cause diagnosis={diagnosis} />}
      </div>
      {diagnosis && <Remedy diagnosis={diagnosis} isOwn={known?.settings !== undefined} />}
      {known && <Log lines={known.log} />}
      <div className={diagnosis && 'response'}>{children}</div>
      {known && <Sequence exchange={exchange} answer={known} />}
      {!answer && <FailureAdvice exchange={exchange} />}
    </div>
  )
}

function Cause({ diagnosis: { cause, summary, fix } }: { diagnosis: Diagnosis }) {
  return (
    <>
      <p className="cause" data-cause={cause}>
        <strong>{summary}</strong>
      </p>
      <p>{fix}</p>
    </>
  )
}

/** What to paste, and where, if the API is this project's. */
function Remedy({ diagnosis: { lines = [], note }, isOwn }: { diagnosis: Diagnosis; isOwn: boolean }) {
  const text = lines.join('\n')
  return (
    <>
      {text && (
        <div className="paste">
          <pre>{text}</pre>
          <CopyButton text={text} label={isOwn ? 'Copy the line for .env' : 'Copy'} />
        </div>
      )}
      {note && <p className="hint">{note}</p>}
    </>
  )
}

/**
 * What a browser would do with the call of a page on another origin. Nothing is sent
 * from this page, which cannot take another origin.
 */
export function Supposed({ exchange, origin }: { exchange: Exchange; origin: string }) {
  const answer = useAnswer(exchange, useEnd(exchange), origin)
  const known = answer === 'asking' ? undefined : answer
  const browser = known && thisBrowser(known.check)
  const allowed = browser?.allowed === true
  const diagnosis = known && !allowed ? diagnose(exchange, known, origin) : undefined
  return (
    <div
      className="exchange"
      data-outcome={known ? (allowed ? 'ok' : 'failed') : 'none'}
      aria-busy={answer === 'asking'}
    >
      <div className="exchange-status">
        <p role="status">
          {answer === 'asking' && 'Asking outside the browser…'}
          {!answer && 'The development server does not respond'}
          {known && (
            <strong>{allowed ? `A page on ${origin} may make this call` : `Blocked for a page on ${origin}`}</strong>
          )}
        </p>
      </div>
      {known && (
        <div className="exchange-detail explained">
          {diagnosis && <Cause diagnosis={diagnosis} />}
          {diagnosis && <Remedy diagnosis={diagnosis} isOwn={known.settings !== undefined} />}
          <Sequence exchange={allowed ? received(exchange, browser) : exchange} answer={known} />
        </div>
      )}
    </div>
  )
}

/** The exchange with what the page on the other origin would see of the response. */
function received(exchange: Exchange, { status = 0, readable = [] }: Browser): Exchange {
  const headers = new Headers(readable.map((name): [string, string] => [name, '']))
  return { ...exchange, response: { status, statusText: '', headers, body: undefined } }
}

/** The whole exchange of a call that succeeded, on demand, because it sends the request once more. */
export function Whole({ exchange }: { exchange: Exchange }) {
  const [shown, setShown] = useState<Exchange>()
  const ended = useEnd(exchange)
  if (shown === exchange) return <WholeAnswer exchange={exchange} ended={ended} />
  const safe = ['GET', 'HEAD'].includes(exchange.method)
  return (
    <p className="caption">
      <button type="button" className="link" onClick={() => setShown(exchange)}>
        Show what the browser hides
      </button>{' '}
      {safe
        ? `Sends ${exchange.method} once more, outside the browser.`
        : 'Sends the preflight and a GET, outside the browser.'}
    </p>
  )
}

function WholeAnswer({ exchange, ended }: { exchange: Exchange; ended: number }) {
  const answer = useAnswer(exchange, ended)
  if (answer === 'asking') return <p className="caption">Asking outside the browser…</p>
  if (!answer)
    return (
      <p className="caption">The development server does not respond. It responds only to pages on this machine.</p>
    )
  const { cookies = [], warnings = [] } = answer.check
  return (
    <div className="explained">
      {[...cookies.filter(({ ok }) => !ok).map(({ text }) => text), ...warnings].map((text) => (
        <p key={text} className="hint">
          {text}
        </p>
      ))}
      <Log lines={answer.log} />
      <Sequence exchange={exchange} answer={answer} />
    </div>
  )
}

function Log({ lines }: { lines: string[] }) {
  if (lines.length === 0) return null
  return (
    <>
      <p className="caption">The API’s log</p>
      <pre className="log">{lines.join('\n')}</pre>
    </>
  )
}
