import { isSecondPage, pageOrigin, pages } from '../page'
import { useReach } from '../reach'
import { Run } from '../Run'
import { useClient } from '../useClient'
import { Card } from './Card'

export function BlockedOrigin() {
  const { exchange, busy, run } = useClient()
  const reach = useReach()
  const other = isSecondPage ? pages.first : pages.second
  return (
    <Card
      id="blocked-origin"
      exchange={exchange}
      busy={busy}
      sample={`# .env of the API, which must start anew
ALLOWED_ORIGINS=${Object.values(pages).join()}`}
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
        This page’s origin, {pageOrigin},{' '}
        {{ unknown: 'asks', reached: 'is allowed', failed: 'gets no readable answer' }[reach]}.{' '}
        <a href={`${other}#blocked-origin`}>Open it at {other}</a>
      </p>
    </Card>
  )
}
