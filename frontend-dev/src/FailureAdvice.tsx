import { advise } from './advice'
import { TimeoutError, type Exchange } from './api/client'
import { apiOrigin, isSecondPage, pageOrigin } from './page'
import { preflightAsks } from './preflight'
import { useReach } from './reach'

/** What the browser does not tell JavaScript about a failed request. */
export function FailureAdvice({ exchange }: { exchange: Exchange }) {
  const reach = useReach()
  if (exchange.error instanceof TimeoutError) {
    return (
      <p className="advice response">
        No answer in {Math.round(exchange.milliseconds / 1000)} s. The API may still have carried out the request: look
        in its log before you send it again.
      </p>
    )
  }
  const origin = new URL(exchange.url).origin
  const { method, headers } = preflightAsks(exchange)
  const advice = advise(
    {
      pageOrigin,
      apiOrigin: origin,
      reached: origin === apiOrigin && reach === 'reached',
      method,
      headers: headers.map(([name]) => name),
    },
    isSecondPage && origin === apiOrigin ? 'origin' : undefined,
  )
  return (
    <div className="advice response">
      <p>The browser hides the reason from JavaScript. Check, in this order:</p>
      <ol>
        {advice.map(({ cause, suspicion, check, console, log }) => (
          <li key={cause} data-cause={cause}>
            <strong>{suspicion}</strong>
            <code className="check">{check}</code>
            <dl>
              <dt>Console</dt>
              <dd>{console}</dd>
              <dt>API log</dt>
              <dd>{log}</dd>
            </dl>
          </li>
        ))}
      </ol>
    </div>
  )
}
