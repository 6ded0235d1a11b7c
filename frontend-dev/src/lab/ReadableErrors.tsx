import type { Client } from '../api/client'
import { CallButton } from '../CallButton'
import { useClient } from '../useClient'
import { Card, type CardProps } from './Card'

/** Ends the loop if the limit is off or too high to reach by hand. */
const MAX_REQUESTS = 50

async function exceedUploadLimit(api: Client) {
  for (let sent = 0; sent < MAX_REQUESTS; sent++) await api.upload(new File(['lab'], 'lab.txt'))
}

export function ReadableErrors(card: CardProps) {
  const { exchange, pending, busy, run } = useClient()
  return (
    <Card
      {...card}
      exchange={exchange}
      pending={pending}
      sample={`if (!response.ok) {
  const { status, detail, errors } = await response.json()
}`}
      why={
        <>
          An error is a response like any other. This page can read it because the API adds its CORS headers before
          anything can reject the request; without them, a 404 or 429 would look like a dead network.
        </>
      }
    >
      <div className="actions">
        <CallButton policy="default" busy={busy} onCall={() => run((api) => api.send('GET', '/api/nowhere'))}>
          404
        </CallButton>
        <CallButton
          policy="session"
          busy={busy}
          onCall={() => run((api) => api.send('POST', '/api/session', { body: 'a name in plain text' }))}
        >
          415
        </CallButton>
        <CallButton
          policy="session"
          busy={busy}
          onCall={() => run((api) => api.request('POST', '/api/session', { json: { name: '' } }))}
        >
          422
        </CallButton>
        <CallButton policy="upload" busy={busy} onCall={() => run(exceedUploadLimit)}>
          429
        </CallButton>
      </div>
      <p className="hint">
        429 uploads small files until its policy’s limit is used up. Its button, and every other button of the same
        policy, then waits for as long as <code>Retry-After</code> says.
      </p>
    </Card>
  )
}
