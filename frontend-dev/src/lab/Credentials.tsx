import { useState } from 'react'
import { CallButton } from '../CallButton'
import { apiOrigin } from '../page'
import { useClient } from '../useClient'
import { Card, type CardProps } from './Card'

export function Credentials(card: CardProps) {
  const { exchange, pending, busy, run } = useClient()
  const [name, setName] = useState('Ada')
  return (
    <Card
      {...card}
      exchange={exchange}
      pending={pending}
      sample={`await fetch('${apiOrigin}/api/session', { credentials: 'include' })`}
      why={
        <>
          Cookies cross origins only if the page asks for it (<code>credentials: 'include'</code>) and the API agrees (
          <code>Access-Control-Allow-Credentials: true</code>). This cookie is <code>HttpOnly</code>, so no script can
          read it.
        </>
      }
    >
      <form
        className="actions"
        onSubmit={(event) => {
          event.preventDefault()
          void run((api) => api.request('POST', '/api/session', { json: { name } }))
        }}
      >
        <label>
          Guest name
          <input value={name} autoComplete="off" onChange={(event) => setName(event.target.value)} />
        </label>
        <CallButton policy="session" busy={busy} submit>
          Sign in
        </CallButton>
      </form>
      <div className="actions">
        <CallButton policy="default" busy={busy} onCall={() => run((api) => api.request('GET', '/api/session'))}>
          Who am I
        </CallButton>
        <CallButton
          policy="default"
          busy={busy}
          onCall={() => run((api) => api.request('GET', '/api/session', { credentials: 'omit' }))}
        >
          Who am I, without cookies
        </CallButton>
        <CallButton policy="default" busy={busy} onCall={() => run((api) => api.request('DELETE', '/api/session'))}>
          Sign out
        </CallButton>
      </div>
    </Card>
  )
}
