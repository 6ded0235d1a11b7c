import { useState } from 'react'
import { CallButton } from '../CallButton'
import type { Item, ItemDraft } from './types'

interface Props {
  /** The version that somebody else has saved. */
  theirs: Item
  yours: Required<ItemDraft>
  onEdit: () => void
  /** Replaces their version. Rejects with the API's or the network's error. */
  onSave: () => Promise<void>
  onKeepTheirs: () => void
}

/** Two versions of one item. The user chooses. */
export function Conflict({ theirs, yours, onEdit, onSave, onKeepTheirs }: Props) {
  const [error, setError] = useState('')
  const [saving, setSaving] = useState(false)

  // A second call would conflict with the first one.
  async function save() {
    setSaving(true)
    await onSave().catch((error: Error) => setError(error.message))
    setSaving(false)
  }

  return (
    <div className="conflict">
      <p role="alert">
        <strong>Somebody changed this item while you edited it.</strong> Nothing was saved; choose a version.
      </p>
      <dl>
        {[
          { whose: `Theirs, saved ${new Date(theirs.updated_at).toLocaleTimeString()}`, version: theirs },
          { whose: 'Yours, not saved', version: yours },
        ].map(({ whose, version: { name, note } }) => (
          <div key={whose} className="row-text">
            <dt>{whose}</dt>
            <dd>
              <b dir="auto">{name}</b>
            </dd>
            <dd>
              <span dir="auto">{note || 'no note'}</span>
            </dd>
          </div>
        ))}
      </dl>
      <div className="actions">
        <button type="button" autoFocus onClick={onEdit}>
          Edit yours
        </button>
        <CallButton policy="default" busy={saving} onCall={() => void save()}>
          Save yours
        </CallButton>
        <button type="button" onClick={onKeepTheirs}>
          Keep theirs
        </button>
      </div>
      <p className="field-error" role="alert">
        {error}
      </p>
    </div>
  )
}
