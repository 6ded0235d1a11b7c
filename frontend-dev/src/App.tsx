import { Suspense, useEffect } from 'react'
import { checkApi, followApi, useApiRuns, useApiStatus } from './apiStatus'
import { useFragment } from './fragment'
import { Gauges } from './Gauges'
import { Items } from './items/LazyItems'
import { Contents, Lab } from './lab/Lab'
import { apiOrigin, docsAddress, isBlockedPort, pageOrigin, pages, repositoryFile, sameOrigin } from './page'
import { askIfSignedInBefore, askWhoIsSignedIn, useGuest } from './session'

const lab = { id: 'lab', title: 'Lab', View: Lab }
const views = [
  lab,
  // One row for each view.
  { id: 'items', title: 'Items', View: Items },
]

export function App() {
  const fragment = useFragment()
  const status = useApiStatus()
  const view = views.find(({ id }) => id === fragment.split('/')[0]) ?? lab

  useEffect(followApi, [])

  useEffect(() => {
    if (status === 'reachable') askIfSignedInBefore()
  }, [status])

  useEffect(() => {
    document.title = view === lab ? 'Cross-origin lab' : `${view.title} · Cross-origin lab`
  }, [view])

  // The browser looked for the card before it was rendered.
  useEffect(() => {
    if (view === lab && fragment) document.getElementById(fragment)?.scrollIntoView()
  }, [view, fragment])

  return (
    <>
      {/* biome-ignore lint/a11y/useValidAnchor: it leads to a place, but must leave the fragment, which names the view */}
      <a className="skip" href="#main" onClick={(event) => focusMain(event)}>
        Skip to content
      </a>
      <div className="side">
        <header className="head">
          <h1>Cross-origin lab</h1>
          <p className="intro">
            This page calls an API on another origin, and shows what the browser sends, what it lets the page read, and
            what it blocks.
          </p>
          <p className="links">
            <a href={docsAddress}>API documentation</a>
            {import.meta.env.DEV && <a href={repositoryFile('docs/refusals.md')}>Why a request is rejected</a>}
          </p>
          <Origins />
        </header>
        <div className="bar">
          <div className="bar-top">
            {views.length > 1 && (
              <nav aria-label="Views">
                {views.map(({ id, title }) => (
                  <a key={id} href={`#${id}`} aria-current={id === view.id ? 'page' : undefined}>
                    {title}
                  </a>
                ))}
              </nav>
            )}
            <Status />
          </div>
          <Gauges />
        </div>
        {view === lab && (
          <nav className="contents" aria-label="Cards">
            <Contents />
          </nav>
        )}
      </div>
      <main id="main" tabIndex={-1}>
        {status === 'unreachable' && <Unreachable />}
        {sameOrigin && (
          <p className="note">
            The page and the API share one origin, through a proxy: there are no preflights, every header is readable,
            and nothing is blocked. <code>npm run dev</code> shows the rules at work.
          </p>
        )}
        {/* The lab stays, so that its responses are still there when the user returns from another view. */}
        <div hidden={view !== lab}>
          <Lab />
        </div>
        <Suspense>{view !== lab && <view.View />}</Suspense>
      </main>
    </>
  )
}

/** The two origins, and who is signed in. */
function Origins() {
  const guest = useGuest()
  return (
    <dl className="origins">
      <dt>Page</dt>
      <dd>{pageOrigin}</dd>
      <dt>API</dt>
      <dd>{sameOrigin ? 'the same origin, through a proxy' : apiOrigin}</dd>
      <dt>Guest</dt>
      <dd className="guest">
        <bdi>{guest === undefined ? 'not asked yet' : (guest ?? 'nobody is signed in')}</bdi>
        <button
          type="button"
          className="link"
          aria-label="Ask who is signed in"
          onClick={() => void askWhoIsSignedIn()}
        >
          Ask
        </button>
      </dd>
    </dl>
  )
}

/** Whether the page can read the API's responses. */
function Status() {
  const status = useApiStatus()
  return (
    <div className="status">
      <p role="status" data-api={status}>
        {{ unknown: 'Checking…', reachable: 'The API responds', unreachable: 'No readable response' }[status]}
      </p>
      <button type="button" className="link" onClick={() => void checkApi()}>
        Retry
      </button>
    </div>
  )
}

/** Why nothing works. In development the page's server knows whether the API runs. */
function Unreachable() {
  const runs = useApiRuns()
  if (sameOrigin) {
    return (
      <p className="banner">
        No call below gets a response from the API: it is not running, or nothing forwards the calls to it.
      </p>
    )
  }
  return (
    <p className="banner">
      No call below gets a readable response: {runs !== true && 'the API is not running'}
      {runs === undefined && ', or '}
      {runs !== false && (
        <>
          the API does not allow this origin, <b>{pageOrigin}</b>
        </>
      )}
      . {runs !== false && isBlockedPort && <a href={pages.allowed}>Go to {pages.allowed}</a>}
    </p>
  )
}

function focusMain(event: React.MouseEvent) {
  event.preventDefault()
  document.getElementById('main')!.focus()
}
