import { act } from 'react'
import { createRoot } from 'react-dom/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ItemRow } from './ItemRow'

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
})

afterEach(() => {
  vi.unstubAllGlobals()
  document.body.replaceChildren()
})

const item = { id: '1', name: 'a', note: '', created_at: '2026-11-21T12:00:00Z', updated_at: '2026-11-21T12:00:00Z' }

async function show() {
  const list = document.body.appendChild(document.createElement('ol'))
  const row = <ItemRow item={item} onSave={async () => {}} onDelete={async () => {}} />
  await act(async () => createRoot(list).render(row))
  const press = (text: string) =>
    act(async () => [...list.querySelectorAll('button')].find((button) => button.textContent.startsWith(text))!.click())
  const escape = () =>
    act(async () => {
      document.activeElement!.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))
    })
  return { list, press, escape }
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
  const { list, press, escape } = await show()
  await press(first)
  if (first === 'Edit') expect(document.activeElement).toBe(list.querySelector('[name=name]'))
  if (then === 'Escape') await escape()
  else await press(then)
  expect(document.activeElement).toBe(list.querySelector('[aria-label="Edit a"]'))
})
