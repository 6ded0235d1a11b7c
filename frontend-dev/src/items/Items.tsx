import { useCallback, useEffect, useRef, useState } from 'react'
import { ProblemError, type Exchange } from '../api/client'
import type { ItemPage } from '../api/types'
import { FailureAdvice } from '../FailureAdvice'
import { Run } from '../Run'
import { useClient } from '../useClient'
import { ItemForm } from './ItemForm'
import { ItemRow } from './ItemRow'

const PAGE_SIZE = 8

export function Items() {
  const { client, exchange, busy, run } = useClient()
  const [page, setPage] = useState<ItemPage>()
  /** The cursors of the pages up to this one; the first page has none. */
  const [cursors, setCursors] = useState<(string | undefined)[]>([undefined])
  const [error, setError] = useState<Error>()
  const [news, setNews] = useState('')
  const cursor = cursors.at(-1)
  const heading = useRef<HTMLHeadingElement>(null)
  const rows = useRef<HTMLOListElement>(null)
  /** The place of a row that is deleted, until the page without it is shown. */
  const deleted = useRef<number>(undefined)

  const load = useCallback(async () => {
    setError(await run(async () => setPage(await client.listItems({ limit: PAGE_SIZE, cursor }))))
  }, [client, cursor])

  useEffect(() => {
    void load()
  }, [load])

  // The focus went with the row: the next one gets it.
  useEffect(() => {
    if (deleted.current === undefined) return
    const next = rows.current!.children[deleted.current]?.querySelector('button')
    ;(next ?? heading.current!).focus()
    deleted.current = undefined
  }, [page])

  const changed = async (what: string) => {
    setNews(what)
    await load()
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
          onSave={async (input) => {
            const { name } = await client.createItem(input)
            await changed(`“${name}” is there, at the end of the list.`)
          }}
        />
      </section>

      <p className="news" role="status">
        {news}
      </p>
      {error && <LoadError error={error} exchange={exchange} />}

      <ol ref={rows} className="rows" aria-label="Items" aria-busy={busy}>
        {page?.items.map((item, place) => (
          <ItemRow
            key={item.id}
            item={item}
            onSave={async (changes) => {
              const { name } = await client.changeItem(item.id, changes)
              await changed(`“${name}” is saved.`)
            }}
            onDelete={async () => {
              await client.deleteItem(item.id)
              deleted.current = place
              await changed(`“${item.name}” is gone.`)
            }}
          />
        ))}
      </ol>
      {page?.items.length === 0 && <p className="hint">{cursor ? 'No items on this page.' : 'No items yet.'}</p>}

      <nav className="pager" aria-label="Pages">
        <Run
          policy="default"
          busy={busy}
          unless={cursors.length === 1 && 'This is the first page'}
          onRun={() => setCursors(cursors.slice(0, -1))}
        >
          Previous
        </Run>
        <span>Page {cursors.length}</span>
        <Run
          policy="default"
          busy={busy}
          unless={!page?.next_cursor && 'This is the last page'}
          onRun={() => setCursors([...cursors, page!.next_cursor])}
        >
          Next
        </Run>
        <Run policy="default" busy={busy} onRun={() => void load()}>
          Reload
        </Run>
      </nav>
    </div>
  )
}

function LoadError({ error, exchange }: { error: Error; exchange: Exchange | undefined }) {
  return (
    <div className="banner" role="alert">
      {error.message}
      {error instanceof ProblemError && error.requestId && <small> Request {error.requestId}</small>}
      {exchange && !exchange.response && <FailureAdvice exchange={exchange} />}
    </div>
  )
}
