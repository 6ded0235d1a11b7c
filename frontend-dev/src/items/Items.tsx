import { useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from 'react'
import { ProblemError, type Exchange } from '../api/client'
import { CallButton } from '../CallButton'
import { useSecondsUntil } from '../countdown'
import { FailureAdvice } from '../FailureAdvice'
import { useFragment } from '../fragment'
import { useClient } from '../useClient'
import { ItemForm } from './ItemForm'
import { ItemRow } from './ItemRow'
import './items.css'
import { createPager, PAGE_SIZE, type Page } from './pager'
import type { ItemVersion } from './types'
import { useRetry } from './useRetry'

const LAST = '#items/last'

/** The number of the page that a fragment such as `items/3` names; Infinity for `items/last`. */
function pageNumber(fragment: string): number {
  const [, page = '1'] = fragment.split('/')
  return page === 'last' ? Infinity : Math.max(1, Number.parseInt(page, 10) || 1)
}

export function Items() {
  const { client, exchange, busy, run } = useClient()
  const wanted = pageNumber(useFragment())
  const pager = useMemo(() => createPager((query) => client.request('GET', '/api/items', { query })), [client])
  const [page, setPage] = useState<Page>()
  const [error, setError] = useState<Error>()
  const [message, setMessage] = useState<ReactNode>()
  const heading = useRef<HTMLHeadingElement>(null)
  const rows = useRef<HTMLOListElement>(null)
  /** The number of the page that is shown or being loaded. */
  const latest = useRef<number>(undefined)
  /** The index of a deleted row, until the page without it is shown. */
  const deletedRow = useRef<number>(undefined)

  // biome-ignore lint/correctness/useExhaustiveDependencies: run is another function each time, and does the same
  const load = useCallback(
    async (number: number) => {
      latest.current = number
      let loaded: Page | undefined
      const error = await run(async () => {
        loaded = await pager.load(number)
      })
      if (latest.current !== number) return // The user has gone on to another page or view.
      setError(error)
      if (!loaded) return
      setPage(loaded)
      if (loaded.number === number) return
      latest.current = loaded.number
      location.replace(`#items/${loaded.number}`)
    },
    [pager],
  )
  const reload = () => load(latest.current!)

  useEffect(
    () => () => {
      latest.current = undefined
    },
    [],
  )
  useEffect(() => {
    if (latest.current !== wanted) void load(wanted)
  }, [load, wanted])

  const noPrevious = (!page || page.number === 1) && 'No page comes before'
  const noNext = (!page || page.isLast) && 'No page follows'
  const retryAt = useRetry(error, () => void reload())

  // The deleted row had the focus, so move it to the next row.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the next row is there only once the page is shown
  useEffect(() => {
    if (deletedRow.current === undefined) return
    const next = rows.current!.children[deletedRow.current]?.querySelector('button')
    ;(next ?? heading.current!).focus()
    deletedRow.current = undefined
  }, [page])

  const changed = async (what: ReactNode) => {
    setMessage(what)
    await reload()
  }

  const read = async (id: string): Promise<ItemVersion> => {
    let etag = ''
    const item = await client.request('GET', '/api/items/{id}', {
      path: { id },
      onHeaders: (headers) => (etag = headers.get('ETag') ?? ''),
    })
    return { item, etag }
  }

  return (
    <div className="items">
      <h2 ref={heading} tabIndex={-1}>
        Items
      </h2>
      <section className="panel" aria-labelledby="new-item">
        <h3 id="new-item">New item</h3>
        <ItemForm
          label="Create"
          onSave={async (draft) => {
            const { name } = await client.request('POST', '/api/items', { json: draft })
            await changed(
              <>
                {quoted(name)} created, at the end of the list. <a href={LAST}>Show it</a>
              </>,
            )
          }}
        />
      </section>

      <p className="message" role="status">
        {message}
      </p>
      {error && <LoadError error={error} exchange={exchange} retryAt={retryAt} />}

      <ol ref={rows} className="rows" aria-label="Items" aria-busy={busy}>
        {page?.items.map((item, index) => (
          <ItemRow
            key={item.id}
            item={item}
            onRead={() => read(item.id)}
            onSave={async (changes, etag) => {
              const { name } = await client.request('PATCH', '/api/items/{id}', {
                path: { id: item.id },
                json: changes,
                headers: ifMatch(etag),
              })
              await changed(<>{quoted(name)} saved.</>)
            }}
            onDelete={async (etag) => {
              await client.request('DELETE', '/api/items/{id}', { path: { id: item.id }, headers: ifMatch(etag) })
              deletedRow.current = index
              pager.forget(page.number)
              await changed(<>{quoted(item.name)} deleted.</>)
            }}
            onKeepTheirs={({ name }) => changed(<>{quoted(name)} left as the other editor saved it.</>)}
          />
        ))}
      </ol>
      {page?.items.length === 0 && (
        <p className="hint">
          No items yet.
          {import.meta.env.DEV && (
            <>
              {' '}
              <code>make seed</code> adds some examples.
            </>
          )}
        </p>
      )}

      <nav className="pager" aria-label="Pages">
        <CallButton
          policy="default"
          busy={busy}
          disabledReason={noPrevious}
          onCall={() => (location.hash = `#items/${page!.number - 1}`)}
        >
          Previous
        </CallButton>
        <span>{page && position(page)}</span>
        <CallButton
          policy="default"
          busy={busy}
          disabledReason={noNext}
          onCall={() => (location.hash = `#items/${page!.number + 1}`)}
        >
          Next
        </CallButton>
        <CallButton policy="default" busy={busy} disabledReason={noNext} onCall={() => (location.hash = LAST)}>
          Last
        </CallButton>
        <CallButton
          policy="default"
          busy={busy}
          onCall={() => {
            pager.forget(1)
            void reload()
          }}
        >
          Reload
        </CallButton>
      </nav>
    </div>
  )
}

/** A name may be written from right to left, and must not turn the sentence around. */
function quoted(name: string) {
  return (
    <>
      “<bdi>{name}</bdi>”
    </>
  )
}

/** The last page shows how many there are; the API does not count them before. */
function position({ number, items, isLast }: Page): string {
  if (!isLast) return `Page ${number}`
  const count = (number - 1) * PAGE_SIZE + items.length
  return `Page ${number} of ${number}, ${count} ${count === 1 ? 'item' : 'items'}`
}

/** Without an ETag, which CORS_EXPOSED_HEADERS may hide, the last editor wins. */
function ifMatch(etag: string): Record<string, string> {
  return etag ? { 'If-Match': etag } : {}
}

interface LoadErrorProps {
  error: Error
  exchange: Exchange | undefined
  retryAt: number | undefined
}

function LoadError({ error, exchange, retryAt = 0 }: LoadErrorProps) {
  const seconds = useSecondsUntil(retryAt)
  return (
    <div className="banner" role="alert">
      {error.message}
      {error instanceof ProblemError && error.requestId && <small> Request {error.requestId}</small>}
      {(retryAt > 0 || !(error instanceof ProblemError)) && (
        <p>{retryAt > 0 ? `The page loads again in ${seconds} s.` : 'The page loads again once the API responds.'}</p>
      )}
      {exchange && !exchange.response && <FailureAdvice exchange={exchange} />}
    </div>
  )
}
