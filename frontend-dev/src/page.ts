/** The addresses of this page and of the API, and the page's other addresses. */
import { apiUrl, createClient } from './api/client'

const env = import.meta.env

const address = env.VITE_API_URL ?? apiUrl(env.VITE_API_PORT)

/** What is wrong with the API's address, if anything. The page then shows nothing else. */
export const apiBaseError = errorOf(address)
export const apiBase = apiBaseError ? '' : address
export const apiOrigin = new URL(apiBase || location.origin).origin
export const pageOrigin = location.origin
export const sameOrigin = pageOrigin === apiOrigin

/** Whether this page comes from the port that the API does not allow by default. */
export const isBlockedPort = env.DEV && location.port === env.VITE_BLOCKED_PORT && !sameOrigin

export const otherHost = location.hostname === 'localhost' ? '127.0.0.1' : 'localhost'

/** Reports whether a URL is one of the API, under either of its host names. */
export function isOwnApi(url: string): boolean {
  const { origin, hostname, port } = new URL(url)
  return origin === apiOrigin || (loopback.includes(hostname) && port === new URL(apiOrigin).port)
}

const loopback = ['localhost', '127.0.0.1']

/** The origins of the page: two ports, each under two host names. */
export const pages = {
  allowed: `http://${location.hostname}:${env.VITE_PAGE_PORT}`,
  allowedAtOtherHost: `http://${otherHost}:${env.VITE_PAGE_PORT}`,
  blocked: `http://${location.hostname}:${env.VITE_BLOCKED_PORT}`,
  blockedAtOtherHost: `http://${otherHost}:${env.VITE_BLOCKED_PORT}`,
}

/** The page on which the API describes itself. Vite's proxy does not forward it. */
export const docsAddress = `${env.DEV && sameOrigin ? apiUrl(env.VITE_API_PORT) : apiOrigin}/docs`

/** The address of a file of the repository, which only the development server serves. */
export const repositoryFile = (path: string) => `/repository/${path}`

/** An address where nothing listens. */
export const deadAddress = apiUrl('8079')

function errorOf(baseUrl: string): string | undefined {
  try {
    createClient({ baseUrl })
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
