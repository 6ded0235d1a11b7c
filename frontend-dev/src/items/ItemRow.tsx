import { useState } from 'react'
import { CallButton } from '../CallButton'
import { ItemForm } from './ItemForm'
import type { Item, ItemPatch } from './types'

interface Props {
  item: Item
  onSave: (changes: ItemPatch) => Promise<void>
  onDelete: () => Promise<void>
}

export function ItemRow({ item, onSave, onDelete }: Props) {
  const [mode, setMode] = useState<'view' | 'edit' | 'confirmDelete'>('view')
  /** Whether the row was edited before, and so had the focus in a control that no longer exists. */
  const [returned, setReturned] = useState(false)
  const [error, setError] = useState('')

  const leave = () => {
    setMode('view')
    setReturned(true)
  }

  if (mode === 'edit') {
    return (
      <li>
        <ItemForm
          item={item}
          label="Save"
          onSave={async (draft) => {
            await onSave(draft)
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
        <b dir="auto">{item.name}</b>
        <span dir="auto">{item.note}</span>
        <time dateTime={item.updated_at}>{new Date(item.updated_at).toLocaleString()}</time>
      </div>
      <div className="actions">
        {mode === 'view' ? (
          <>
            <button
              type="button"
              autoFocus={returned}
              aria-label={`Edit ${item.name}`}
              onClick={() => setMode('edit')}
            >
              Edit
            </button>
            <button type="button" aria-label={`Delete ${item.name}`} onClick={() => setMode('confirmDelete')}>
              Delete
            </button>
          </>
        ) : (
          <>
            <CallButton
              policy="default"
              danger
              onCall={() => {
                onDelete().catch((error: Error) => setError(error.message))
              }}
            >
              Delete permanently
            </CallButton>
            <button type="button" autoFocus onClick={leave}>
              Cancel
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
