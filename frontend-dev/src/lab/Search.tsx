import { useEffect, useMemo, useState } from 'react'
import { useSecondsUntil } from '../countdown'
import { createSearcher, type SearchState } from '../searcher'
import { useClient } from '../useClient'
import { Card } from './Card'

/** How many results fit without moving the page. */
const SHOWN = 4

export function Search() {
  const { client, exchange } = useClient()
  const [state, setState] = useState<SearchState>({ sent: 0, aborted: 0 })
  const searcher = useMemo(() => createSearcher(client.search, setState), [client])
  useEffect(() => searcher.stop, [searcher])
  const wait = useSecondsUntil(state.resumesAt ?? 0)
  const { result } = state

  return (
    <Card
      id="search"
      exchange={exchange}
      why={
        <>
          It waits for a pause in the typing, aborts the request that a newer one replaces, and after a 429 goes on by
          itself once <code>Retry-After</code> is over.
        </>
      }
    >
      <div className="actions">
        <label className="wide">
          Find items
          <input
            type="search"
            autoComplete="off"
            placeholder="lab"
            onChange={(event) => searcher.type(event.target.value)}
          />
        </label>
      </div>
      <p className="hint" data-search-state>
        {wait > 0
          ? `Over the limit: goes on in ${wait} s`
          : `${state.sent} sent, ${state.aborted} given up${result ? `, ${result.items.length} found` : ''}`}
      </p>
      <ul className="results">
        {result?.items.slice(0, SHOWN).map((item) => (
          <li key={item.id}>
            <b>{item.name}</b> {item.note}
          </li>
        ))}
      </ul>
    </Card>
  )
}
