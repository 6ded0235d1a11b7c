import { useEffect, useState, type ReactNode } from 'react'
import type { Exchange } from '../api/client'
import { CopyButton } from '../CopyButton'
import { FailureAdvice } from '../FailureAdvice'
import { pageOrigin } from '../page'
import { ask, type Answer } from './ask'
import { diagnose } from './diagnosis'
import { Sequence } from './Sequence'

/** Asks about an exchange once, and again when it is another one. */
function useAnswer(exchange: Exchange): Answer | 'asking' | undefined {
  const [state, setState] = useState<{ of: Exchange; answer: Answer | undefined }>()
  useEffect(() => {
    const controller = new AbortController()
    void ask(exchange, controller.signal).then((answer) => {
      if (!controller.signal.aborted) setState({ of: exchange, answer })
    })
    return () => controller.abort()
  }, [exchange])
  return state?.of === exchange ? state.answer : 'asking'
}

/** The cause of a failed call, and what each side saw. Without a development server to ask, advice. */
export function Failure({ exchange }: { exchange: Exchange }) {
  const answer = useAnswer(exchange)
  if (answer === 'asking') return <Asking />
  if (!answer) return <FailureAdvice exchange={exchange} />
  const { cause, summary, fix, lines = [], note } = diagnose(exchange, answer, pageOrigin)
  const isEnv = answer.settings !== undefined
  return (
    <div className="explained response">
      <p className="cause" data-cause={cause}>
        <strong>{summary}</strong>
      </p>
      <p>{fix}</p>
      {lines.length > 0 && (
        <div className="paste">
          <pre>{lines.join('\n')}</pre>
          <CopyButton text={lines.join('\n')} label={isEnv ? 'Copy the line for .env' : 'Copy'} />
        </div>
      )}
      {note && <p className="hint">{note}</p>}
      <Log lines={answer.log} />
      <Sequence exchange={exchange} answer={answer} />
    </div>
  )
}

/** The whole exchange of a call that succeeded, on demand, because it sends the request once more. */
export function Whole({ exchange }: { exchange: Exchange }) {
  const [shown, setShown] = useState<Exchange>()
  if (shown === exchange) return <WholeAnswer exchange={exchange} />
  const safe = ['GET', 'HEAD'].includes(exchange.method)
  return (
    <p className="caption">
      <button type="button" className="link" onClick={() => setShown(exchange)}>
        Show what the browser hides
      </button>{' '}
      {safe ? `Sends ${exchange.method} once more, outside the browser.` : 'Sends the preflight and a GET, outside the browser.'}
    </p>
  )
}

function WholeAnswer({ exchange }: { exchange: Exchange }) {
  const answer = useAnswer(exchange)
  if (answer === 'asking') return <Asking />
  if (!answer) return <p className="caption">The development server does not say: only a page on this machine may ask it.</p>
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

function Asking(): ReactNode {
  return <p className="caption response">Asking outside the browser…</p>
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

