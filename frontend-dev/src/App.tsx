import { Suspense, useEffect, useSyncExternalStore } from 'react'
import { checkApi, useApiStatus } from './apiStatus'
import { Gauges } from './Gauges'
import { Items } from './items/LazyItems'
import { Contents, Lab } from './lab/LazyLab'
import { apiOrigin, isBlockedPort, pageOrigin, pages, sameOrigin } from './page'

const lab = { id: 'lab', title: 'Lab', View: Lab }
const views = [
  lab,
  { id: 'items', title: 'Items', View: Items },
]

/** The fragment names a view, or a card of the lab. */
function useFragment(): string {
  return useSyncExternalStore(
    (changed) => {
      addEventListener('hashchange', changed)
      return () => removeEventListener('hashchange', changed)
    },
    () => location.hash.slice(1),
  )
}

export function App() {
  const fragment = useFragment()
  const status = useApiStatus()
  const view = views.find(({ id }) => id === fragment) ?? lab

  useEffect(() => {
    document.title = view === lab ? 'Cross-origin lab' : `${view.title} · Cross-origin lab`
  }, [view])

  // Coming from another view, the card has only just been rendered.
  useEffect(() => {
    if (view === lab && fragment) document.getElementById(fragment)?.scrollIntoView()
  }, [view, fragment])

  return (
    <>
      <a className="skip" href="#main" onClick={(event) => focusMain(event)}>
        Skip to content
      </a>
      <header className="head">
        <h1>Cross-origin lab</h1>
        <Origins />
        {views.length > 1 && (
          <nav aria-label="Views">
            {views.map(({ id, title }) => (
              <a key={id} href={`#${id}`} aria-current={id === view.id ? 'page' : undefined}>
                {title}
              </a>
            ))}
          </nav>
        )}
      </header>
      <Gauges />
      {view === lab && (
        <nav className="contents" aria-label="Cards">
          <Suspense>
            <Contents />
          </Suspense>
        </nav>
      )}
      <main id="main" tabIndex={-1}>
        {status === 'unreachable' && (
          <p className="banner">
            No call below gets a readable response: the API is not running, or{' '}
            {sameOrigin ? (
              'nothing forwards the calls to it'
            ) : (
              <>
                it does not allow this origin, <b>{pageOrigin}</b>
              </>
            )}
            . {isBlockedPort && <a href={pages.allowed}>Go to {pages.allowed}</a>}
          </p>
        )}
        {sameOrigin && (
          <p className="note">
            Through Vite’s proxy the page and the API share one origin: there are no preflights, every header is
            readable, and nothing is blocked. <code>npm run dev</code> shows the rules at work.
          </p>
        )}
        {/* The lab stays, so that its responses are still there when the user returns from another view. */}
        <div hidden={view !== lab}>
          <Suspense>
            <Lab />
          </Suspense>
        </div>
        <Suspense>{view !== lab && <view.View />}</Suspense>
      </main>
    </>
  )
}

/** The two origins, and whether the page can read the API's responses. */
function Origins() {
  const status = useApiStatus()

  useEffect(() => {
    void checkApi()
  }, [])

  return (
    <div className="origins">
      <dl>
        <dt>Page</dt>
        <dd>{pageOrigin}</dd>
        <dt>API</dt>
        <dd>{sameOrigin ? 'same origin, through Vite’s proxy' : apiOrigin}</dd>
      </dl>
      <p role="status" data-api={status}>
        {{ unknown: 'Checking…', reachable: 'The API responds', unreachable: 'No readable response' }[status]}
      </p>
      <button type="button" className="link" onClick={() => void checkApi()}>
        Retry
      </button>
    </div>
  )
}

function focusMain(event: React.MouseEvent) {
  event.preventDefault()
  document.getElementById('main')!.focus()
}
