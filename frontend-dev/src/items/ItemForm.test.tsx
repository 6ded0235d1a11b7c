import { act } from 'react'
import { createRoot } from 'react-dom/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ProblemError } from '../api/client'
import { ItemForm } from './ItemForm'

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
})

afterEach(() => {
  vi.unstubAllGlobals()
  document.body.replaceChildren()
})

async function submit(onSave: () => Promise<void>) {
  const page = document.body.appendChild(document.createElement('div'))
  await act(async () => createRoot(page).render(<ItemForm label="Create" onSave={onSave} />))
  await act(async () => page.querySelector<HTMLButtonElement>('button[type=submit]')!.click())
  return page
}

test('shows an error at its field and moves the focus there', async () => {
  const problem = {
    type: 'about:blank',
    title: 'Unprocessable Content',
    status: 422,
    errors: [{ field: 'note', detail: 'must have at most 1,000 characters' }],
  }
  const page = await submit(() => Promise.reject(new ProblemError(problem, new Headers())))

  const note = page.querySelector<HTMLInputElement>('[name=note]')!
  expect(note.getAttribute('aria-invalid')).toBe('true')
  expect(document.getElementById(note.getAttribute('aria-describedby')!)!.textContent).toBe(
    'must have at most 1,000 characters',
  )
  expect(document.activeElement).toBe(note)
  expect(page.querySelector('[name=name]')!.getAttribute('aria-invalid')).toBe('false')
})

test('shows an error without a field below the form', async () => {
  const page = await submit(() => Promise.reject(new Error('no response')))
  expect(page.querySelector('[role=alert]')!.textContent).toBe('no response')
})

test('what is typed while a new item is being saved stays', async () => {
  let saved = () => {}
  const page = await submit(() => new Promise((resolve) => (saved = resolve)))
  const name = page.querySelector<HTMLInputElement>('[name=name]')!
  name.value = 'the next item'
  await act(async () => saved())
  expect(name.value).toBe('the next item')
})

test('a saved form is empty', async () => {
  const page = document.body.appendChild(document.createElement('div'))
  await act(async () => createRoot(page).render(<ItemForm label="Create" onSave={async () => {}} />))
  const name = page.querySelector<HTMLInputElement>('[name=name]')!
  name.value = 'a'
  await act(async () => page.querySelector<HTMLButtonElement>('button[type=submit]')!.click())
  expect(name.value).toBe('')
})

test.each([
  [true, 0],
  [false, 1],
])('Escape while an input method composes (%j) cancels the form %d times', async (isComposing, times) => {
  const onCancel = vi.fn()
  const page = document.body.appendChild(document.createElement('div'))
  await act(async () => createRoot(page).render(<ItemForm label="Save" onSave={async () => {}} onCancel={onCancel} />))
  const name = page.querySelector<HTMLInputElement>('[name=name]')!
  const event = new KeyboardEvent('keydown', { key: 'Escape', bubbles: true })
  Object.defineProperty(event, 'isComposing', { value: isComposing }) // happy-dom does not set it.
  await act(async () => name.dispatchEvent(event))
  expect(onCancel).toHaveBeenCalledTimes(times)
})
