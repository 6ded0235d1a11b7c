import { apiOrigin } from '../page'
import { Run } from '../Run'
import { useClient } from '../useClient'
import { Card } from './Card'

export function Simple() {
  const { exchange, busy, run } = useClient()
  return (
    <Card
      id="simple"
      exchange={exchange}
      busy={busy}
      sample={`await fetch('${apiOrigin}/api/hello')`}
      why={
        <>
          A plain <code>GET</code> is what a link or an image could send, so the browser sends it at once, and hands the
          answer to this page only because <code>Access-Control-Allow-Origin</code> names the page’s origin.
        </>
      }
    >
      <div className="actions">
        <Run policy="default" busy={busy} onRun={() => run((api) => api.hello())}>
          GET hello
        </Run>
      </div>
    </Card>
  )
}
