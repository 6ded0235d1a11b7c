import { useId, useRef, useState } from 'react'
import { ProblemError } from '../api/client'
import type { Item, ItemInput } from '../api/types'
import { Run } from '../Run'

interface Props {
  /** The item to change; none: a new one. */
  item?: Item
  label: string
  /** Rejects with what the API or the network says; a ProblemError's fields are shown at the fields. */
  onSave: (input: Required<ItemInput>) => Promise<void>
  /** Escape does it, too. */
  onCancel?: () => void
}

/** Checks nothing itself: the API's rules are the only ones, and its errors stand at their fields. */
export function ItemForm({ item, label, onSave, onCancel }: Props) {
  const form = useRef<HTMLFormElement>(null)
  const [error, setError] = useState<Error>()
  const [saving, setSaving] = useState(false)
  const fields = error instanceof ProblemError ? error.fields : {}
  const elsewhere = error && Object.keys(fields).every((field) => field !== 'name' && field !== 'note')

  async function save(data: FormData) {
    setSaving(true)
    try {
      await onSave({ name: String(data.get('name')), note: String(data.get('note')) })
      setError(undefined)
      if (!item) form.current?.reset()
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
        if (event.key === 'Escape') onCancel?.()
      }}
      onSubmit={(event) => {
        event.preventDefault()
        void save(new FormData(event.currentTarget))
      }}
    >
      <Field label="Name" name="name" value={item?.name} error={fields.name} focus={item !== undefined} />
      <Field label="Note" name="note" value={item?.note} error={fields.note} />
      <div className="actions">
        <Run policy="default" busy={saving} submit>
          {label}
        </Run>
        {onCancel && (
          <button type="button" onClick={onCancel}>
            Cancel
          </button>
        )}
      </div>
      <p className="field-error" role="alert">
        {elsewhere ? error.message : ''}
      </p>
    </form>
  )
}

interface FieldProps {
  label: string
  name: string
  value: string | undefined
  error: string | undefined
  focus?: boolean
}

function Field({ label, name, value = '', error, focus = false }: FieldProps) {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        name={name}
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
