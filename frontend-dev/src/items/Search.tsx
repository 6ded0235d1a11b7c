import { useEffect, useMemo, useState } from 'react'
import { useSecondsUntil } from '../countdown'
import { Card, type CardProps } from '../lab/Card'
import { useClient } from '../useClient'
import './items.css'
import { createSearcher, type SearchState } from './searcher'

/** The number of results that fit without moving the page. */
const MAX_SHOWN = 4

export function Search(card: CardProps) {
  const { client, exchange } = useClient()
  const [state, setState] = useState<SearchState>({ sent: 0, aborted: 0 })
  const searcher = useMemo(() => {
    const search = (q: string, signal: AbortSignal) => client.request('GET', '/api/search', { query: { q }, signal })
    return createSearcher(search, setState)
  }, [client])
  useEffect(() => searcher.stop, [searcher])
  const wait = useSecondsUntil(state.resumesAt ?? 0)
  const { result } = state

  return (
    <Card
      {...card}
      exchange={exchange}
      why={
        <>
          It waits for a pause in the typing, aborts a request when a newer one replaces it, and after a 429 continues by
          itself once <code>Retry-After</code> has passed.
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
          ? `Over the limit: continues in ${wait} s`
          : `${state.sent} sent, ${state.aborted} aborted${result ? `, ${result.items.length} found` : ''}`}
      </p>
      <ul className="results">
        {result?.items.slice(0, MAX_SHOWN).map((item) => (
          <li key={item.id}>
            <b>{item.name}</b> {item.note}
          </li>
        ))}
      </ul>
    </Card>
  )
}
