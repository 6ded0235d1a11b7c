import { act } from 'react'
import { createRoot } from 'react-dom/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ProblemError } from '../api/client'
import { ItemRow } from './ItemRow'

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
})

afterEach(() => {
  vi.unstubAllGlobals()
  document.body.replaceChildren()
})

const item = { id: '1', name: 'a', note: '', created_at: '2026-11-21T12:00:00Z', updated_at: '2026-11-21T12:00:00Z' }

async function show(props: Partial<Parameters<typeof ItemRow>[0]> = {}) {
  const list = document.body.appendChild(document.createElement('ol'))
  const row = (
    <ItemRow
      item={item}
      onRead={async () => ({ item, etag: '"1"' })}
      onSave={async () => {}}
      onDelete={async () => {}}
      onKeepTheirs={() => {}}
      {...props}
    />
  )
  await act(async () => createRoot(list).render(row))
  const press = (text: string) =>
    act(async () => [...list.querySelectorAll('button')].find((button) => button.textContent.startsWith(text))!.click())
  const pressEscape = () =>
    act(async () => {
      document.activeElement!.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))
    })
  return { list, press, pressEscape }
}

test('does not take the focus when it is first shown', async () => {
  await show()
  expect(document.activeElement).toBe(document.body)
})

test.each([
  ['Edit', 'Save'],
  ['Edit', 'Cancel'],
  ['Edit', 'Escape'],
  ['Delete', 'Cancel'],
])('%s, then %s: the focus returns to Edit', async (first, then) => {
  const { list, press, pressEscape } = await show()
  await press(first)
  if (first === 'Edit') expect(document.activeElement).toBe(list.querySelector('[name=name]'))
  if (then === 'Escape') await pressEscape()
  else await press(then)
  expect(document.activeElement).toBe(list.querySelector('[aria-label="Edit a"]'))
})

test('shows the beginning of a long note until it is asked for the rest', async () => {
  const note = `${'a'.repeat(100)}\n${'b'.repeat(100)}`
  const { list, press } = await show({ item: { ...item, note } })
  const shown = () => list.querySelector('.row-text span')!.textContent
  expect(shown()).toBe(`${note.slice(0, 160)}…`)
  await press('Show all')
  expect(shown()).toBe(note)
  await press('Show less')
  expect(shown()).toBe(`${note.slice(0, 160)}…`)
})

const conflict = new ProblemError({ type: 'about:blank', title: 'Precondition Failed', status: 412 }, new Headers())
const newer = { item: { ...item, name: 'b' }, etag: '"2"' }

test.each([
  ['Save yours', [['"1"'], ['"2"']], 0],
  ['Keep theirs', [['"1"']], 1],
])('a conflict shows both versions; %s', async (choice, saved, kept) => {
  const onRead = vi.fn(async () => newer).mockResolvedValueOnce({ item, etag: '"1"' })
  const onSave = vi.fn(async () => {}).mockRejectedValueOnce(conflict)
  const onKeepTheirs = vi.fn()
  const { list, press } = await show({ onRead, onSave, onKeepTheirs })
  await press('Edit')
  list.querySelector<HTMLInputElement>('[name=name]')!.value = 'c'
  await press('Save')
  expect([...list.querySelectorAll('b')].map((b) => b.textContent)).toEqual(['b', 'c'])
  await press(choice)
  const mine = { name: 'c', note: '' }
  expect(onSave.mock.calls).toEqual(saved.map(([etag]) => [mine, etag]))
  expect(onKeepTheirs).toHaveBeenCalledTimes(kept)
})

test('after a conflict the user can edit on, and the next save replaces the newer version', async () => {
  const onRead = vi.fn(async () => newer).mockResolvedValueOnce({ item, etag: '"1"' })
  const onSave = vi.fn(async () => {}).mockRejectedValueOnce(conflict)
  const { list, press } = await show({ onRead, onSave })
  await press('Edit')
  list.querySelector<HTMLInputElement>('[name=name]')!.value = 'c'
  await press('Save')
  await press('Edit yours')
  expect(list.querySelector<HTMLInputElement>('[name=name]')!.value).toBe('c')
  await press('Save')
  expect(onSave).toHaveBeenLastCalledWith({ name: 'c', note: '' }, '"2"')
})

test('an item that was changed meanwhile is not deleted before the user has seen the new version', async () => {
  const onRead = vi.fn(async () => newer).mockResolvedValueOnce({ item, etag: '"1"' })
  const onDelete = vi.fn(async () => {}).mockRejectedValueOnce(conflict)
  const { list, press } = await show({ onRead, onDelete })
  await press('Delete')
  await press('Delete permanently')
  expect(list.querySelector('b')!.textContent).toBe('b')
  expect(list.querySelector('[role=alert]')!.textContent).toContain('was changed meanwhile')
  await press('Delete permanently')
  expect(onDelete.mock.calls).toEqual([['"1"'], ['"2"']])
})

test('an item that somebody else deletes meanwhile is not said to have been changed', async () => {
  const gone = new ProblemError({ type: 'about:blank', title: 'Not Found', status: 404 }, new Headers())
  const onRead = vi
    .fn(async () => Promise.reject(gone))
    .mockImplementationOnce(async () => ({ item, etag: '"1"' }) as never)
  const onDelete = vi.fn(async () => {}).mockRejectedValueOnce(conflict)
  const { list, press } = await show({ onRead, onDelete })
  await press('Delete')
  await press('Delete permanently')
  expect(list.querySelector('[role=alert]')!.textContent).toBe('Not Found')
})

test('an error that is not a conflict stays at the form, which keeps what was typed', async () => {
  const full = new ProblemError({ type: 'about:blank', title: 'Too Many Requests', status: 429 }, new Headers())
  const onSave = vi.fn(async () => {}).mockRejectedValueOnce(full)
  const { list, press } = await show({ onSave })
  await press('Edit')
  list.querySelector<HTMLInputElement>('[name=name]')!.value = 'c'
  await press('Save')
  expect(list.querySelector('.conflict')).toBe(null)
  expect(list.querySelector<HTMLInputElement>('[name=name]')!.value).toBe('c')
  expect(list.textContent).toContain('Too Many Requests')
})

test('a second save that fails says why, beside both versions', async () => {
  const failed = new ProblemError({ type: 'about:blank', title: 'Service Unavailable', status: 503 }, new Headers())
  const onSave = vi
    .fn(async () => {})
    .mockRejectedValueOnce(conflict)
    .mockRejectedValueOnce(failed)
  const { list, press } = await show({ onRead: async () => newer, onSave })
  await press('Edit')
  await press('Save')
  await press('Save yours')
  expect([...list.querySelectorAll('.conflict b')].map((b) => b.textContent)).toEqual(['b', 'b'])
  expect(list.querySelector('.conflict .field-error')!.textContent).toBe('Service Unavailable')
})

test('a deletion that fails for another reason says that reason', async () => {
  const failed = new ProblemError({ type: 'about:blank', title: 'Service Unavailable', status: 503 }, new Headers())
  const onRead = vi.fn(async () => newer)
  const { list, press } = await show({ onRead, onDelete: async () => Promise.reject(failed) })
  await press('Delete')
  await press('Delete permanently')
  expect(list.querySelector('[role=alert]')!.textContent).toBe('Service Unavailable')
  expect(onRead).toHaveBeenCalledTimes(1)
})

test('two presses of Save yours save once, so that the second is not a conflict with the first', async () => {
  const onSave = vi.fn(() => new Promise<void>(() => {})).mockRejectedValueOnce(conflict)
  const { list, press } = await show({ onRead: async () => newer, onSave })
  await press('Edit')
  await press('Save')
  await press('Save yours')
  await press('Save yours')
  expect(list.querySelector('.conflict')).not.toBe(null)
  expect(onSave).toHaveBeenCalledTimes(2) // with the one that had the conflict
})

test('two presses of Delete permanently delete once', async () => {
  const onDelete = vi.fn(() => new Promise<void>(() => {}))
  const { press } = await show({ onDelete })
  await press('Delete')
  await press('Delete permanently')
  await press('Delete permanently')
  expect(onDelete).toHaveBeenCalledTimes(1)
})
