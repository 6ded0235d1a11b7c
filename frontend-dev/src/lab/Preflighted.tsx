import { CallButton } from '../CallButton'
import { apiOrigin } from '../page'
import { useClient } from '../useClient'
import { Card, type CardProps } from './Card'

export function Preflighted(card: CardProps) {
  const { exchange, pending, busy, run } = useClient()
  return (
    <Card
      {...card}
      exchange={exchange}
      pending={pending}
      sample={`await fetch('${apiOrigin}/api/session', {
  method: 'POST',
  credentials: 'include',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ name: 'Ada' }),
})`}
      why={
        <>
          A form cannot send JSON, <code>PUT</code>, <code>PATCH</code> or <code>DELETE</code>, so the browser asks
          first with <code>OPTIONS</code>, and keeps the API’s response for as long as{' '}
          <code>Access-Control-Max-Age</code> says.
        </>
      }
    >
      <div className="actions">
        <CallButton
          policy="session"
          busy={busy}
          onCall={() => run((api) => api.request('POST', '/api/session', { json: { name: 'Ada' } }))}
        >
          POST
        </CallButton>
        <CallButton policy="default" busy={busy} onCall={() => run((api) => api.send('PUT', '/api/session'))}>
          PUT
        </CallButton>
        <CallButton policy="default" busy={busy} onCall={() => run((api) => api.send('PATCH', '/api/session'))}>
          PATCH
        </CallButton>
        <CallButton policy="default" busy={busy} onCall={() => run((api) => api.request('DELETE', '/api/session'))}>
          DELETE
        </CallButton>
      </div>
      <div className="actions">
        <CallButton policy="default" busy={busy} onCall={() => run((api) => api.request('GET', '/api/session'))}>
          GET, which needs no preflight
        </CallButton>
      </div>
      <p className="hint">
        POST signs in and DELETE signs out. PUT and PATCH pass the preflight as well; then this route responds with a
        405, which the page can read.
      </p>
    </Card>
  )
}
