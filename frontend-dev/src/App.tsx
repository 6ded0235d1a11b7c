import { useEffect, useSyncExternalStore } from 'react'
import { Gauges } from './Gauges'
import { Items } from './items/Items'
import { cards } from './lab/cards'
import { Lab } from './lab/Lab'
import { apiOrigin, isSecondPage, pageOrigin, pages, sameOrigin } from './page'
import { askReach, useReach } from './reach'

/** `#items` shows the items; every other fragment names a card of the lab. */
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
  const reach = useReach()
  const view = fragment === 'items' ? 'items' : 'lab'

  useEffect(() => {
    document.title = view === 'items' ? 'Items · Cross-origin lab' : 'Cross-origin lab'
  }, [view])

  // Going from the items to a card: the card exists only now.
  useEffect(() => {
    if (view === 'lab' && fragment) document.getElementById(fragment)?.scrollIntoView()
  }, [view, fragment])

  return (
    <>
      <a className="skip" href="#main" onClick={(event) => focusMain(event)}>
        Skip to content
      </a>
      <header className="head">
        <h1>Cross-origin lab</h1>
        <Place />
        <nav aria-label="Views">
          <a href="#lab" aria-current={view === 'lab' ? 'page' : undefined}>
            Lab
          </a>
          <a href="#items" aria-current={view === 'items' ? 'page' : undefined}>
            Items
          </a>
        </nav>
      </header>
      <Gauges />
      {view === 'lab' && (
        <nav className="contents" aria-label="Cards">
          <ol>
            {cards.map(({ id, title, refused }) => (
              <li key={id} data-refused={refused}>
                <a href={`#${id}`}>{title}</a>
              </li>
            ))}
          </ol>
        </nav>
      )}
      <main id="main" tabIndex={-1}>
        {reach === 'failed' && (
          <p className="banner">
            No call below gets a readable answer: the API does not run, or{' '}
            {sameOrigin ? (
              'nothing passes the calls on to it'
            ) : (
              <>
                it does not allow this origin, <b>{pageOrigin}</b>
              </>
            )}
            . {isSecondPage && <a href={pages.first}>Go to {pages.first}</a>}
          </p>
        )}
        {sameOrigin && (
          <p className="note">
            Through Vite’s proxy the page and the API share one origin: no preflights, every header readable, nothing
            refused. <code>npm run dev</code> shows the rules at work.
          </p>
        )}
        {view === 'items' ? <Items /> : <Lab />}
      </main>
    </>
  )
}

/** The two origins, and whether one reaches the other. */
function Place() {
  const reach = useReach()

  useEffect(() => {
    void askReach()
  }, [])

  return (
    <div className="place">
      <dl>
        <dt>Page</dt>
        <dd>{pageOrigin}</dd>
        <dt>API</dt>
        <dd>{sameOrigin ? 'same origin, through Vite’s proxy' : apiOrigin}</dd>
      </dl>
      <p role="status" data-reach={reach}>
        {{ unknown: 'Asking…', reached: 'The API answers', failed: 'No readable answer' }[reach]}
      </p>
      <button type="button" className="link" onClick={() => void askReach()}>
        Ask again
      </button>
    </div>
  )
}

function focusMain(event: React.MouseEvent) {
  event.preventDefault()
  document.getElementById('main')!.focus()
}
