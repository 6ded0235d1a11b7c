/** Where this page and the API stand, and where else the page is served. */
import { apiUrl, createClient } from './api/client'

const env = import.meta.env

const address = env.VITE_API_URL ?? apiUrl(env.VITE_API_PORT)

/** What is wrong with the API's address, if anything; then the page shows nothing else. */
export const apiBaseError = errorOf(address)
export const apiBase = apiBaseError ? '' : address
export const apiOrigin = new URL(apiBase || location.origin).origin
export const pageOrigin = location.origin
export const sameOrigin = pageOrigin === apiOrigin

/** Whether this is the copy of the page that the API does not allow, unless it is told to. */
export const isSecondPage = env.DEV && location.port === env.VITE_BLOCKED_PORT && !sameOrigin

export const otherHost = location.hostname === 'localhost' ? '127.0.0.1' : 'localhost'

export const pages = {
  first: `http://${location.hostname}:${env.VITE_PAGE_PORT}`,
  firstAtOtherHost: `http://${otherHost}:${env.VITE_PAGE_PORT}`,
  second: `http://${location.hostname}:${env.VITE_BLOCKED_PORT}`,
  secondAtOtherHost: `http://${otherHost}:${env.VITE_BLOCKED_PORT}`,
}

/** An address where nothing listens. */
export const nowhere = apiUrl('8079')

function errorOf(baseUrl: string): string | undefined {
  try {
    createClient({ baseUrl })
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
