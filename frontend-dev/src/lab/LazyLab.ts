import { lazy } from 'react'

/** The lab, which a browser loads after the head of the page is there. */
export const Lab = lazy(() => import('./Lab').then(({ Lab }) => ({ default: Lab })))
export const Contents = lazy(() => import('./Lab').then(({ Contents }) => ({ default: Contents })))
