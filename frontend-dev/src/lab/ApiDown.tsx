import { CallButton } from '../CallButton'
import { deadAddress } from '../page'
import { useClient } from '../useClient'
import { Card, type CardProps } from './Card'

export function ApiDown(card: CardProps) {
  const { exchange, pending, busy, run } = useClient(deadAddress)
  return (
    <Card
      {...card}
      exchange={exchange}
      pending={pending}
      sample="make dev"
      why="To JavaScript, a server that does not respond looks the same as one that does not allow this origin, so no page can find out what runs on your machine or in your network."
    >
      <div className="actions">
        <CallButton policy="default" busy={busy} onCall={() => run((api) => api.request('GET', '/api/hello'))}>
          Call {new URL(deadAddress).host}
        </CallButton>
      </div>
      <p className="hint">Nothing listens there.</p>
    </Card>
  )
}
