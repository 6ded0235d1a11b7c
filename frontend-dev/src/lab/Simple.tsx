import { CallButton } from '../CallButton'
import { apiOrigin } from '../page'
import { useClient } from '../useClient'
import { Card, type CardProps } from './Card'

export function Simple(card: CardProps) {
  const { exchange, pending, busy, run } = useClient()
  return (
    <Card
      {...card}
      exchange={exchange}
      pending={pending}
      sample={`await fetch('${apiOrigin}/api/hello')`}
      why={
        <>
          A link or an image could cause a plain <code>GET</code>, so the browser sends it at once. It gives the
          response to this page only because <code>Access-Control-Allow-Origin</code> names the page’s origin.
        </>
      }
    >
      <div className="actions">
        <CallButton policy="default" busy={busy} onCall={() => run((api) => api.request('GET', '/api/hello'))}>
          GET hello
        </CallButton>
      </div>
    </Card>
  )
}
