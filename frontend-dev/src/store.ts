import { useSyncExternalStore } from 'react'

/** A value that components share; a component that calls `use` renders again when the value changes. */
export function createStore<T>(value: T) {
  const listeners = new Set<() => void>()
  const get = () => value
  const subscribe = (changed: () => void) => {
    listeners.add(changed)
    return () => listeners.delete(changed)
  }
  return {
    get,
    set(next: T) {
      value = next
      for (const changed of listeners) changed()
    },
    use: () => useSyncExternalStore(subscribe, get),
  }
}
