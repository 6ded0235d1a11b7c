import { advise, type Cause } from './advice'
import type { Exchange } from './api/client'
import { isBlockedPage, pageOrigin } from './page'
import { preflightReasons } from './preflight'

/** What the browser does not tell JavaScript about a failed request. */
export function FailureAdvice({ exchange, likely }: { exchange: Exchange; likely?: Cause | undefined }) {
  const advice = advise(
    {
      pageOrigin,
      apiOrigin: new URL(exchange.url).origin,
      method: exchange.method,
      preflighted: preflightReasons(exchange).length > 0,
      headers: [...exchange.requestHeaders.keys()],
    },
    isBlockedPage ? 'origin' : likely,
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
