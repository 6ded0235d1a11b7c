import { useApiStatus } from '../apiStatus'
import { CallButton } from '../CallButton'
import { isBlockedPort, pageOrigin, pages } from '../page'
import { useClient } from '../useClient'
import { Card, type CardProps } from './Card'

export function BlockedOrigin(card: CardProps) {
  const { exchange, pending, busy, run } = useClient()
  const status = useApiStatus()
  const other = isBlockedPort ? pages.allowed : pages.blocked
  return (
    <Card
      {...card}
      exchange={exchange}
      pending={pending}
      sample={`ALLOWED_ORIGINS=${Object.values(pages).join()}`}
      why={
        <>
          When <code>ALLOWED_ORIGINS</code> does not list an origin, the API responds to it with 403 and without CORS
          headers, so the browser hides even the 403 from the page.
        </>
      }
    >
      <div className="actions">
        <CallButton policy="default" busy={busy} onCall={() => run((api) => api.request('GET', '/api/hello'))}>
          GET hello
        </CallButton>
        <CallButton
          policy="session"
          busy={busy}
          onCall={() => run((api) => api.request('POST', '/api/session', { json: { name: 'Ada' } }))}
        >
          POST a session
        </CallButton>
      </div>
      <p className="hint">
        This page’s origin, {pageOrigin},{' '}
        {{ unknown: 'is being checked', reachable: 'is allowed', unreachable: 'gets no readable response' }[status]}.{' '}
        <a href={`${other}#${card.id}`}>Open this card at {other}</a>
      </p>
    </Card>
  )
}
