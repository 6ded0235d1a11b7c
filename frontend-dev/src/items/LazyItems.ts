import { lazy } from 'react'

/** The items' view, which a browser loads when somebody opens it. */
export const Items = lazy(() => import('./Items').then(({ Items }) => ({ default: Items })))
