import { isBlockedPage, pageOrigin, pages } from '../page'
import { Run } from '../Run'
import { useClient } from '../useClient'
import { Card } from './Card'

export function BlockedOrigin() {
  const { exchange, busy, run } = useClient()
  return (
    <Card
      id="blocked-origin"
      exchange={exchange}
      busy={busy}
      sample={`# .env of the API, which must start anew
ALLOWED_ORIGINS=${pages.allowed},${pages.blocked}`}
      likely="origin"
      why={
        <>
          The API answers an origin that <code>ALLOWED_ORIGINS</code> does not list with 403 and without CORS headers,
          so the browser withholds even the 403 from the page.
        </>
      }
    >
      <div className="actions">
        <Run policy="default" busy={busy} onRun={() => run((api) => api.hello())}>
          GET hello
        </Run>
        <Run policy="default" busy={busy} onRun={() => run((api) => api.createItem({ name: 'Lab item' }))}>
          POST an item
        </Run>
      </div>
      <p className="hint">
        This page’s origin, {pageOrigin}, is {isBlockedPage ? 'not allowed' : 'allowed'}.{' '}
        {isBlockedPage ? (
          <a href={`${pages.allowed}#blocked-origin`}>Open it where it is allowed</a>
        ) : (
          <a href={`${pages.blocked}#blocked-origin`}>Open it where it is not</a>
        )}
      </p>
    </Card>
  )
}
