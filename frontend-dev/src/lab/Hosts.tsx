import { apiUrl } from '../api/client'
import { CallButton } from '../CallButton'
import { otherHost, pages } from '../page'
import { useClient } from '../useClient'
import { Card, type CardProps } from './Card'

const otherApi = apiUrl(import.meta.env.VITE_API_PORT, otherHost)

export function Hosts(card: CardProps) {
  const { exchange, pending, busy, run } = useClient(otherApi)
  return (
    <Card
      {...card}
      exchange={exchange}
      pending={pending}
      sample="const api = createClient({ baseUrl: apiUrl() })"
      why={
        <>
          <code>localhost</code> and <code>127.0.0.1</code> lead to one server but are two sites. CORS allows the call,
          yet the browser neither stores nor sends a <code>SameSite=Lax</code> cookie across sites.
        </>
      }
    >
      <div className="actions">
        <CallButton
          policy="session"
          busy={busy}
          onCall={() => run((api) => api.request('POST', '/api/session', { json: { name: 'Ada' } }))}
        >
          Sign in at {otherHost}
        </CallButton>
        <CallButton policy="default" busy={busy} onCall={() => run((api) => api.request('GET', '/api/session'))}>
          Who am I at {otherHost}
        </CallButton>
      </div>
      <p className="hint">
        The client calls the API under the host name of the page, so signing in works under either name:{' '}
        <a href={`${pages.allowedAtOtherHost}#${card.id}`}>this page at {otherHost}</a>
      </p>
    </Card>
  )
}
