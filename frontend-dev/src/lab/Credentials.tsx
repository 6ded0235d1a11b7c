import { useState } from 'react'
import { apiOrigin } from '../page'
import { Run } from '../Run'
import { useClient } from '../useClient'
import { Card } from './Card'

export function Credentials() {
  const { exchange, busy, run } = useClient()
  const [name, setName] = useState('Ada')
  return (
    <Card
      id="credentials"
      exchange={exchange}
      busy={busy}
      sample={`await fetch('${apiOrigin}/api/session', { credentials: 'include' })`}
      why={
        <>
          Cookies cross origins only if the page asks (<code>credentials: 'include'</code>) and the API agrees (
          <code>Access-Control-Allow-Credentials: true</code>); this one is <code>HttpOnly</code>, so no script reads
          it.
        </>
      }
    >
      <form
        className="actions"
        onSubmit={(event) => {
          event.preventDefault()
          void run((api) => api.signIn(name))
        }}
      >
        <label>
          Guest name
          <input value={name} autoComplete="off" onChange={(event) => setName(event.target.value)} />
        </label>
        <Run policy="session" busy={busy} submit>
          Sign in
        </Run>
      </form>
      <div className="actions">
        <Run policy="default" busy={busy} onRun={() => run((api) => api.session())}>
          Who am I
        </Run>
        <Run
          policy="default"
          busy={busy}
          onRun={() => run((api) => api.request('GET', '/api/session', { credentials: 'omit' }))}
        >
          Who am I, without cookies
        </Run>
        <Run policy="default" busy={busy} onRun={() => run((api) => api.signOut())}>
          Sign out
        </Run>
      </div>
    </Card>
  )
}
