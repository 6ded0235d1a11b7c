import { CallButton } from '../CallButton'
import { lineWith } from '../settings'
import { useClient } from '../useClient'
import { Card, type CardProps } from './Card'

export function BlockedHeader(card: CardProps) {
  const { exchange, pending, busy, run } = useClient()
  return (
    <Card
      {...card}
      exchange={exchange}
      pending={pending}
      sample={lineWith('CORS_ALLOWED_HEADERS', ['X-Not-Listed'])}
      why={
        <>
          The response to the preflight lists what is allowed, and the browser does not send a request that needs more.
          Methods are case-sensitive, so <code>'patch'</code> is not <code>'PATCH'</code>.
        </>
      }
    >
      <div className="actions">
        <CallButton
          policy="default"
          busy={busy}
          onCall={() => run((api) => api.request('GET', '/api/hello', { headers: { 'X-Not-Listed': '1' } }))}
        >
          GET with X-Not-Listed
        </CallButton>
        <CallButton
          policy="default"
          busy={busy}
          onCall={() => run((api) => api.send('patch', '/api/session', { json: { name: 'Ada' } }))}
        >
          'patch' in lower case
        </CallButton>
      </div>
    </Card>
  )
}
