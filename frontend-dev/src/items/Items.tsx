import { useCallback, useEffect, useRef, useState } from 'react'
import { ProblemError, type Exchange } from '../api/client'
import { CallButton } from '../CallButton'
import { FailureAdvice } from '../FailureAdvice'
import { useClient } from '../useClient'
import { ItemForm } from './ItemForm'
import { ItemRow } from './ItemRow'
import './items.css'
import type { ItemPage } from './types'

const PAGE_SIZE = 8

export function Items() {
  const { client, exchange, busy, run } = useClient()
  const [page, setPage] = useState<ItemPage>()
  /** The cursors of the pages up to the current one. The first page has none. */
  const [cursors, setCursors] = useState<(string | undefined)[]>([undefined])
  const [error, setError] = useState<Error>()
  const [message, setMessage] = useState('')
  const cursor = cursors.at(-1)
  const heading = useRef<HTMLHeadingElement>(null)
  const rows = useRef<HTMLOListElement>(null)
  /** The index of a deleted row, until the page without it is shown. */
  const deletedRow = useRef<number>(undefined)

  const load = useCallback(async () => {
    const query = { limit: PAGE_SIZE, ...(cursor && { cursor }) }
    setError(await run(async () => setPage(await client.request('GET', '/api/items', { query }))))
  }, [client, cursor])

  useEffect(() => {
    void load()
  }, [load])

  // The deleted row had the focus, so move it to the next row.
  useEffect(() => {
    if (deletedRow.current === undefined) return
    const next = rows.current!.children[deletedRow.current]?.querySelector('button')
    ;(next ?? heading.current!).focus()
    deletedRow.current = undefined
  }, [page])

  const changed = async (what: string) => {
    setMessage(what)
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
          onSave={async (draft) => {
            const { name } = await client.request('POST', '/api/items', { json: draft })
            await changed(`“${name}” created, at the end of the list.`)
          }}
        />
      </section>

      <p className="message" role="status">
        {message}
      </p>
      {error && <LoadError error={error} exchange={exchange} />}

      <ol ref={rows} className="rows" aria-label="Items" aria-busy={busy}>
        {page?.items.map((item, index) => (
          <ItemRow
            key={item.id}
            item={item}
            onSave={async (changes) => {
              const { name } = await client.request('PATCH', '/api/items/{id}', {
                path: { id: item.id },
                json: changes,
              })
              await changed(`“${name}” saved.`)
            }}
            onDelete={async () => {
              await client.request('DELETE', '/api/items/{id}', { path: { id: item.id } })
              deletedRow.current = index
              await changed(`“${item.name}” deleted.`)
            }}
          />
        ))}
      </ol>
      {page?.items.length === 0 && (
        <p className="hint">
          {cursor ? 'No items on this page.' : 'No items yet.'}
          {!cursor && import.meta.env.DEV && (
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
          disabledReason={cursors.length === 1 && 'This is the first page'}
          onCall={() => setCursors(cursors.slice(0, -1))}
        >
          Previous
        </CallButton>
        <span>Page {cursors.length}</span>
        <CallButton
          policy="default"
          busy={busy}
          disabledReason={!page?.next_cursor && 'This is the last page'}
          onCall={() => setCursors([...cursors, page!.next_cursor])}
        >
          Next
        </CallButton>
        <CallButton policy="default" busy={busy} onCall={() => void load()}>
          Reload
        </CallButton>
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
