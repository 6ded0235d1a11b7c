import { useState } from 'react'
import type { Item, ItemInput } from '../api/types'
import { Run } from '../Run'
import { ItemForm } from './ItemForm'

interface Props {
  item: Item
  onSave: (changes: Partial<ItemInput>) => Promise<void>
  onDelete: () => Promise<void>
}

export function ItemRow({ item, onSave, onDelete }: Props) {
  const [mode, setMode] = useState<'shown' | 'edited' | 'deleting'>('shown')
  /** Shown again: the focus was in what is gone. */
  const [returned, setReturned] = useState(false)
  const [error, setError] = useState('')

  const leave = () => {
    setMode('shown')
    setReturned(true)
  }

  if (mode === 'edited') {
    return (
      <li>
        <ItemForm
          item={item}
          label="Save"
          onSave={async (input) => {
            await onSave(input)
            leave()
          }}
          onCancel={leave}
        />
      </li>
    )
  }

  return (
    <li>
      <div className="row-text">
        <b>{item.name}</b>
        <span>{item.note}</span>
        <time dateTime={item.updated_at}>{new Date(item.updated_at).toLocaleString()}</time>
      </div>
      <div className="actions">
        {mode === 'shown' ? (
          <>
            <button
              type="button"
              autoFocus={returned}
              aria-label={`Edit ${item.name}`}
              onClick={() => setMode('edited')}
            >
              Edit
            </button>
            <button type="button" aria-label={`Delete ${item.name}`} onClick={() => setMode('deleting')}>
              Delete
            </button>
          </>
        ) : (
          <>
            <Run
              policy="default"
              onRun={() => {
                onDelete().catch((error: Error) => setError(error.message))
              }}
            >
              Delete for good
            </Run>
            <button type="button" autoFocus onClick={leave}>
              Keep
            </button>
          </>
        )}
      </div>
      <p className="field-error" role="alert">
        {error}
      </p>
    </li>
  )
}
