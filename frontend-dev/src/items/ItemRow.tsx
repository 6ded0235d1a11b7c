import { useState } from 'react'
import { ProblemError } from '../api/client'
import { CallButton } from '../CallButton'
import { Conflict } from './Conflict'
import { ItemForm } from './ItemForm'
import type { Item, ItemDraft, ItemPatch, ItemVersion } from './types'

interface Props {
  item: Item
  /** Reads the item as it is now. */
  onRead: () => Promise<ItemVersion>
  /** Changes that version of the item; rejects with a 412 if there is a newer one. */
  onSave: (changes: ItemPatch, etag: string) => Promise<void>
  onDelete: (etag: string) => Promise<void>
  /** Called when the user drops their changes for a newer version. */
  onKeepTheirs: (item: Item) => void
}

type State =
  | { mode: 'view' }
  | { mode: 'edit'; version: ItemVersion; draft?: Required<ItemDraft> }
  | { mode: 'conflict'; version: ItemVersion; draft: Required<ItemDraft> }
  | { mode: 'confirmDelete'; version: ItemVersion }

export function ItemRow({ item, onRead, onSave, onDelete, onKeepTheirs }: Props) {
  const [state, setState] = useState<State>({ mode: 'view' })
  /** Whether the row was edited before, and so had the focus in a control that no longer exists. */
  const [returned, setReturned] = useState(false)
  const [error, setError] = useState('')
  const [deleting, setDeleting] = useState(false)

  const leave = () => {
    setState({ mode: 'view' })
    setReturned(true)
    setError('')
  }

  /** Starts with the newest version: the list may be older. Reports whether it could be read. */
  const begin = async (mode: 'edit' | 'confirmDelete'): Promise<boolean> => {
    try {
      const version = await onRead()
      setError('')
      setState({ mode, version })
      return true
    } catch (error) {
      setError((error as Error).message)
      return false
    }
  }

  const save = async (draft: Required<ItemDraft>, etag: string) => {
    try {
      await onSave(draft, etag)
      leave()
    } catch (error) {
      if (!isConflict(error)) throw error
      setState({ mode: 'conflict', version: await onRead(), draft })
    }
  }

  const remove = async (etag: string) => {
    setDeleting(true)
    try {
      await onDelete(etag)
    } catch (error) {
      if (!isConflict(error)) setError((error as Error).message)
      else if (await begin('confirmDelete')) setError('This item was changed meanwhile. This is how it is now.')
    } finally {
      setDeleting(false)
    }
  }

  if (state.mode === 'edit') {
    const { version, draft } = state
    return (
      <li>
        <ItemForm
          item={{ ...version.item, ...draft }}
          label="Save"
          onSave={(draft) => save(draft, version.etag)}
          onCancel={leave}
        />
      </li>
    )
  }
  if (state.mode === 'conflict') {
    const { version, draft } = state
    return (
      <li>
        <Conflict
          theirs={version.item}
          yours={draft}
          onEdit={() => setState({ mode: 'edit', version, draft })}
          onSave={() => save(draft, version.etag)}
          onKeepTheirs={() => {
            leave()
            onKeepTheirs(version.item)
          }}
        />
      </li>
    )
  }

  const { name, note, updated_at } = state.mode === 'confirmDelete' ? state.version.item : item
  return (
    <li>
      <div className="row-text">
        <b dir="auto">{name}</b>
        <Note text={note} />
        <time dateTime={updated_at}>{new Date(updated_at).toLocaleString()}</time>
      </div>
      <div className="actions">
        {state.mode === 'view' ? (
          <>
            <button type="button" autoFocus={returned} aria-label={`Edit ${name}`} onClick={() => begin('edit')}>
              Edit
            </button>
            <button type="button" aria-label={`Delete ${name}`} onClick={() => begin('confirmDelete')}>
              Delete
            </button>
          </>
        ) : (
          <>
            <CallButton policy="default" busy={deleting} danger onCall={() => void remove(state.version.etag)}>
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

function isConflict(error: unknown): boolean {
  return error instanceof ProblemError && error.status === 412
}

/** How much of a long note a row shows at first. */
const MAX_LINES = 3
const MAX_CHARACTERS = 160

function Note({ text }: { text: string }) {
  const [open, setOpen] = useState(false)
  const beginning = [...text.split('\n').slice(0, MAX_LINES).join('\n')].slice(0, MAX_CHARACTERS).join('')
  return (
    <div>
      <span dir="auto">{open || beginning === text ? text : `${beginning}…`}</span>{' '}
      {beginning !== text && (
        <button type="button" className="link" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? 'Show less' : 'Show all'}
        </button>
      )}
    </div>
  )
}
