import { useState } from 'react'
import type { Item } from '../api/types'
import { apiOrigin } from '../page'
import { Run } from '../Run'
import { useClient } from '../useClient'
import { Card } from './Card'

export function Preflighted() {
  const { exchange, busy, run } = useClient()
  const [item, setItem] = useState<Item>()
  const unless = !item && 'POST first: it makes the item'
  return (
    <Card
      id="preflighted"
      exchange={exchange}
      busy={busy}
      sample={`await fetch('${apiOrigin}/api/items', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ name: 'Lab item' }),
})`}
      why={
        <>
          A form cannot send JSON, <code>PUT</code>, <code>PATCH</code> or <code>DELETE</code>, so the browser first
          asks with <code>OPTIONS</code> and keeps the API’s answer for as long as <code>Access-Control-Max-Age</code>{' '}
          says.
        </>
      }
    >
      <div className="actions">
        <Run
          policy="default"
          busy={busy}
          onRun={() => run(async (api) => setItem(await api.createItem({ name: 'Lab item', note: 'made by POST' })))}
        >
          POST
        </Run>
        <Run
          policy="default"
          busy={busy}
          unless={unless}
          onRun={() => run((api) => api.replaceItem(item!.id, { name: 'Lab item, replaced', note: 'by PUT' }))}
        >
          PUT
        </Run>
        <Run
          policy="default"
          busy={busy}
          unless={unless}
          onRun={() => run((api) => api.changeItem(item!.id, { note: 'changed by PATCH' }))}
        >
          PATCH
        </Run>
        <Run
          policy="default"
          busy={busy}
          unless={unless}
          onRun={() =>
            run(async (api) => {
              await api.deleteItem(item!.id)
              setItem(undefined)
            })
          }
        >
          DELETE
        </Run>
      </div>
      <div className="actions">
        <Run policy="default" busy={busy} unless={unless} onRun={() => run((api) => api.getItem(item!.id))}>
          GET, which needs no preflight
        </Run>
      </div>
      <p className="hint">{item ? `Item ${item.id} is there.` : 'POST makes the item that the others need.'}</p>
    </Card>
  )
}
