import { useId, useRef, useState } from 'react'
import { ProblemError } from '../api/client'
import { CallButton } from '../CallButton'
import type { Item, ItemDraft } from './types'

interface Props {
  /** The item to edit, or none for a new item. */
  item?: Item
  label: string
  /** Rejects with the API's or the network's error. The form shows a ProblemError's fields next to its own. */
  onSave: (draft: Required<ItemDraft>) => Promise<void>
  /** Escape calls it as well. */
  onCancel?: () => void
}

/** Validates nothing itself: the API's rules are the only ones, and each of its errors is shown at its field. */
export function ItemForm({ item, label, onSave, onCancel }: Props) {
  const form = useRef<HTMLFormElement>(null)
  const [error, setError] = useState<Error>()
  const [saving, setSaving] = useState(false)
  const fields = error instanceof ProblemError ? error.fields : {}
  const formError = error && Object.keys(fields).every((field) => field !== 'name' && field !== 'note')

  async function save(data: FormData) {
    setSaving(true)
    try {
      await onSave({ name: String(data.get('name')), note: String(data.get('note')) })
      setError(undefined)
      if (!item && form.current) clear(form.current, data)
    } catch (error) {
      setError(error as Error)
      const field = error instanceof ProblemError && Object.keys(error.fields)[0]
      const input = field && form.current?.elements.namedItem(field)
      if (input instanceof HTMLElement) input.focus()
    } finally {
      setSaving(false)
    }
  }

  return (
    <form
      ref={form}
      className="item-form"
      noValidate
      onKeyDown={(event) => {
        // While an input method composes a character, Escape is its own.
        if (event.key === 'Escape' && !event.nativeEvent.isComposing) onCancel?.()
      }}
      onSubmit={(event) => {
        event.preventDefault()
        void save(new FormData(event.currentTarget))
      }}
    >
      <Field label="Name" name="name" value={item?.name} error={fields.name} focus={item !== undefined} />
      <Field label="Note" name="note" value={item?.note} error={fields.note} multiline />
      <div className="actions">
        <CallButton policy="default" busy={saving} submit>
          {label}
        </CallButton>
        {onCancel && (
          <button type="button" onClick={onCancel}>
            Cancel
          </button>
        )}
      </div>
      <p className="field-error" role="alert">
        {formError ? error.message : ''}
      </p>
    </form>
  )
}

/** Empties the fields that still hold what was saved. What the user has typed since stays. */
function clear(form: HTMLFormElement, saved: FormData) {
  const current = new FormData(form)
  for (const [name, value] of saved) {
    const input = form.elements.namedItem(name)
    if (input && 'value' in input && current.get(name) === value) input.value = ''
  }
}

interface FieldProps {
  label: string
  name: string
  value: string | undefined
  error: string | undefined
  focus?: boolean
  multiline?: boolean
}

function Field({ label, name, value = '', error, focus = false, multiline = false }: FieldProps) {
  const id = useId()
  const Control = multiline ? 'textarea' : 'input'
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <Control
        id={id}
        name={name}
        dir="auto"
        {...(multiline && { rows: 1 })}
        defaultValue={value}
        autoComplete="off"
        autoFocus={focus}
        aria-invalid={error !== undefined}
        aria-describedby={`${id}-error`}
      />
      <p className="field-error" id={`${id}-error`}>
        {error}
      </p>
    </div>
  )
}
