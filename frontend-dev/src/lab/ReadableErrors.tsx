import type { Client } from '../api/client'
import { Run } from '../Run'
import { useClient } from '../useClient'
import { Card } from './Card'

/** More than any limit worth trying by hand; ends the loop where limits are off. */
const MOST_REQUESTS = 200

async function exceedSearchLimit(api: Client) {
  for (let sent = 0; sent < MOST_REQUESTS; sent++) await api.search('lab')
}

export function ReadableErrors() {
  const { exchange, busy, run } = useClient()
  return (
    <Card
      id="errors"
      exchange={exchange}
      busy={busy}
      sample={`if (!response.ok) {
  const { status, detail, errors } = await response.json()
}`}
      why={
        <>
          An error is an answer like any other: this page can read it because the API adds its CORS headers before
          anything can refuse the request; without them a 404 or 429 would look like a dead network.
        </>
      }
    >
      <div className="actions">
        <Run policy="default" busy={busy} onRun={() => run((api) => api.request('GET', '/api/nowhere'))}>
          404
        </Run>
        <Run
          policy="default"
          busy={busy}
          onRun={() => run((api) => api.request('POST', '/api/items', { body: 'a note in plain text' }))}
        >
          415
        </Run>
        <Run policy="default" busy={busy} onRun={() => run((api) => api.createItem({ name: '' }))}>
          422
        </Run>
        <Run policy="search" busy={busy} onRun={() => run(exceedSearchLimit)}>
          429
        </Run>
      </div>
      <p className="hint">
        429 searches until the limit of its policy is used up. Then its button, and each that shares the policy, waits
        as long as <code>Retry-After</code> says.
      </p>
    </Card>
  )
}
