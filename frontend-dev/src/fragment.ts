import { useSyncExternalStore } from 'react'

/** The fragment of the URL. It names a view, such as `items` or `items/3`, or a card of the lab. */
export function useFragment(): string {
  return useSyncExternalStore(
    (changed) => {
      addEventListener('hashchange', changed)
      return () => removeEventListener('hashchange', changed)
    },
    () => location.hash.slice(1),
  )
}
