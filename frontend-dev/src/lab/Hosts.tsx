import { apiUrl } from '../api/client'
import { otherHost, pages } from '../page'
import { Run } from '../Run'
import { useClient } from '../useClient'
import { Card } from './Card'

const otherApi = apiUrl(import.meta.env.VITE_API_PORT, otherHost)

export function Hosts() {
  const { exchange, busy, run } = useClient(otherApi)
  return (
    <Card
      id="hosts"
      exchange={exchange}
      busy={busy}
      sample="const api = createClient({ baseUrl: apiUrl() })"
      why={
        <>
          <code>localhost</code> and <code>127.0.0.1</code> reach one server but are two sites: CORS lets the call pass,
          yet the browser neither keeps nor sends a <code>SameSite=Lax</code> cookie across sites.
        </>
      }
    >
      <div className="actions">
        <Run policy="session" busy={busy} onRun={() => run((api) => api.signIn('Ada'))}>
          Sign in at {otherHost}
        </Run>
        <Run policy="default" busy={busy} onRun={() => run((api) => api.session())}>
          Who am I at {otherHost}
        </Run>
      </div>
      <p className="hint">
        The client calls the API under the host name of the page, so both work:{' '}
        <a href={`${pages.firstAtOtherHost}#hosts`}>this page at {otherHost}</a>
      </p>
    </Card>
  )
}
