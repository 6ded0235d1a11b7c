import { lazy } from 'react'
import { NotLoaded } from '../NotLoaded'

/** The items' view, which a browser loads when somebody opens it. */
export const Items = lazy(() =>
  import('./Items').then(
    ({ Items }) => ({ default: Items }),
    () => ({ default: NotLoaded }),
  ),
)
