import { useState } from 'react'
import { CallButton } from '../CallButton'
import { Card, type CardProps } from '../lab/Card'
import { apiOrigin } from '../page'
import { useClient } from '../useClient'
import type { Item } from './types'

export function WriteItem(card: CardProps) {
  const { exchange, pending, busy, run } = useClient()
  const [item, setItem] = useState<Item>()
  const disabledReason = !item && 'POST first: it creates the item'
  const path = { id: item?.id ?? '' }
  return (
    <Card
      {...card}
      exchange={exchange}
      pending={pending}
      sample={`await fetch('${apiOrigin}/api/items', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ name: 'Lab item' }),
})`}
      why={
        <>
          The browser keeps the response to a preflight for each URL, and it allows several methods: after{' '}
          <code>PUT</code>, the browser sends <code>PATCH</code> and <code>DELETE</code> to the same URL at once.
        </>
      }
    >
      <div className="actions">
        <CallButton
          policy="default"
          busy={busy}
          onCall={() =>
            run(async (api) =>
              setItem(await api.request('POST', '/api/items', { json: { name: 'Lab item', note: 'made by POST' } })),
            )
          }
        >
          POST
        </CallButton>
        <CallButton
          policy="default"
          busy={busy}
          disabledReason={disabledReason}
          onCall={() =>
            run((api) =>
              api.request('PUT', '/api/items/{id}', { path, json: { name: 'Lab item, replaced', note: 'by PUT' } }),
            )
          }
        >
          PUT
        </CallButton>
        <CallButton
          policy="default"
          busy={busy}
          disabledReason={disabledReason}
          onCall={() =>
            run((api) => api.request('PATCH', '/api/items/{id}', { path, json: { note: 'changed by PATCH' } }))
          }
        >
          PATCH
        </CallButton>
        <CallButton
          policy="default"
          busy={busy}
          disabledReason={disabledReason}
          onCall={() =>
            run(async (api) => {
              await api.request('DELETE', '/api/items/{id}', { path })
              setItem(undefined)
            })
          }
        >
          DELETE
        </CallButton>
      </div>
      <div className="actions">
        <CallButton
          policy="default"
          busy={busy}
          disabledReason={disabledReason}
          onCall={() => run((api) => api.request('GET', '/api/items/{id}', { path }))}
        >
          GET, which needs no preflight
        </CallButton>
      </div>
      <p className="hint">{item ? `Item ${item.id} exists.` : 'POST creates the item that the others need.'}</p>
    </Card>
  )
}
