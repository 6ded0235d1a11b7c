import { useEffect, useMemo, useState } from 'react'
import { CallButton } from '../CallButton'
import { useSecondsUntil } from '../countdown'
import { Card, type CardProps } from '../lab/Card'
import { useClient } from '../useClient'
import './search.css'
import { createSearcher, type SearchState } from './searcher'
import { useRetry } from './useRetry'

/** The number of results that fit without moving the page. */
const PAGE_SIZE = 4

export function Search(card: CardProps) {
  const { client, exchange } = useClient()
  const [state, setState] = useState<SearchState>({ sent: 0, aborted: 0 })
  const searcher = useMemo(
    () =>
      createSearcher(
        (q, cursor, signal) =>
          client.request('GET', '/api/search', { query: { q, limit: PAGE_SIZE, ...(cursor && { cursor }) }, signal }),
        setState,
      ),
    [client],
  )
  useEffect(() => searcher.stop, [searcher])
  useRetry(state.error, searcher.retry)
  const wait = useSecondsUntil(state.resumesAt ?? 0)
  const { result, error } = state

  return (
    <Card
      {...card}
      exchange={exchange}
      why={
        <>
          It waits for a pause in the typing, aborts a request when a newer one replaces it, and continues by itself
          after an outage, or after a 429 once <code>Retry-After</code> has passed.
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
          : `${state.sent} sent, ${state.aborted} aborted${error ? `, failed: ${error.message}` : found(result)}`}
      </p>
      <ul className="results">
        {result?.items.map((item) => (
          <li key={item.id}>
            <b>{item.name}</b> {item.note}
          </li>
        ))}
      </ul>
      {result?.next_cursor && (
        <div className="actions">
          <CallButton policy="search" onCall={searcher.more}>
            More
          </CallButton>
        </div>
      )}
    </Card>
  )
}

function found(result: SearchState['result']): string {
  if (!result) return ''
  return `, ${result.items.length} ${result.next_cursor ? 'shown, and there may be more' : 'found'}`
}
