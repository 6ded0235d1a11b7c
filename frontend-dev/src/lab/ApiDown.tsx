import { nowhere } from '../page'
import { Run } from '../Run'
import { useClient } from '../useClient'
import { Card } from './Card'

export function ApiDown() {
  const { exchange, busy, run } = useClient(nowhere)
  return (
    <Card
      id="api-down"
      exchange={exchange}
      busy={busy}
      sample="make dev"
      why="To JavaScript, a server that does not answer and one that refuses this origin fail alike, so that no page can find out what runs on your machine or in your network."
    >
      <div className="actions">
        <Run policy="default" busy={busy} onRun={() => run((api) => api.hello())}>
          Call {new URL(nowhere).host}
        </Run>
      </div>
      <p className="hint">Nothing listens there.</p>
    </Card>
  )
}
