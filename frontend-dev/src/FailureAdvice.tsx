import { advise } from './advice'
import { TimeoutError, type Exchange } from './api/client'
import { useApiStatus } from './apiStatus'
import { CopyButton } from './CopyButton'
import './exchange.css'
import { needsPermission, placeOf } from './localNetwork'
import { apiOrigin, isBlockedPort, pageOrigin } from './page'
import { preflightRequest } from './preflight'

/** What to check after a failed request, since the browser hides the reason from JavaScript. */
export function FailureAdvice({ exchange }: { exchange: Exchange }) {
  const status = useApiStatus()
  if (exchange.error instanceof TimeoutError) {
    return (
      <p className="advice response">
        No response within {Math.round(exchange.milliseconds / 1000)} s. The API may still have carried out the request:
        check its log before you send it again.
        {needsPermission(pageOrigin, exchange.url) &&
          ` If the browser asks whether this page may call ${placeOf(exchange.url)}, permit it: the call waits for that.`}
      </p>
    )
  }
  const origin = new URL(exchange.url).origin
  const { method, headers } = preflightRequest(exchange)
  const advice = advise(
    {
      pageOrigin,
      apiOrigin: origin,
      reachable: origin === apiOrigin && status === 'reachable',
      method,
      headers: headers.map(([name]) => name),
    },
    isBlockedPort && origin === apiOrigin ? 'origin' : undefined,
  )
  return (
    <div className="advice response">
      <p>The browser hides the reason from JavaScript. Check these in order:</p>
      <ol>
        {advice.map(({ cause, summary, check, paste, console, log }) => (
          <li key={cause} data-cause={cause}>
            <strong>{summary}</strong>
            <p>{check}</p>
            {paste && (
              <div className="paste">
                <pre>{paste}</pre>
                <CopyButton text={paste} label="Copy" />
              </div>
            )}
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
