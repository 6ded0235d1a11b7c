import { Run } from '../Run'
import { useClient } from '../useClient'
import { Card } from './Card'

export function BlockedHeader() {
  const { exchange, busy, run } = useClient()
  return (
    <Card
      id="blocked-header"
      exchange={exchange}
      busy={busy}
      sample={`# .env of the API, which must start anew
CORS_ALLOWED_HEADERS=Authorization,Content-Type,X-Request-ID,X-Not-Listed`}
      why={
        <>
          The preflight’s answer lists what is allowed, and the browser does not send a request that needs more; methods
          are compared letter by letter, so <code>'patch'</code> is not <code>'PATCH'</code>.
        </>
      }
    >
      <div className="actions">
        <Run
          policy="default"
          busy={busy}
          onRun={() => run((api) => api.request('GET', '/api/hello', { headers: { 'X-Not-Listed': '1' } }))}
        >
          GET with X-Not-Listed
        </Run>
        <Run
          policy="default"
          busy={busy}
          onRun={() => run((api) => api.request('patch', '/api/items/1', { json: { note: '' } }))}
        >
          'patch' in lower case
        </Run>
      </div>
    </Card>
  )
}
