/**
 * What to check when a request failed and the browser gives no reason.
 * JavaScript sees only "TypeError", which keeps pages from probing other
 * servers; the console and the API's log say more.
 */
import type { Exchange } from './api/client'
import { needsPermission, placeOf } from './localNetwork'
import { lineWith } from './settings'

export type Cause = 'local-network' | 'api-down' | 'origin' | 'preflight' | 'interrupted'

export interface Advice {
  cause: Cause
  /** The cause in one sentence. */
  summary: string
  /** What to do. */
  check: string
  /** What to paste into a shell or into .env. */
  paste?: string
  /** What the browser's console says if this is the cause. */
  console: string
  /** What the API's log says if this is the cause. */
  log: string
}

interface Failure {
  pageOrigin: string
  apiOrigin: string
  /** Whether this page could read another response of the API just now. */
  reachable: boolean
  /** What the response to a preflight must allow: the method, unless it is safelisted, and the header names. */
  method: string | undefined
  headers: string[]
}

/** All possible causes of a failure, starting with `likely`. */
export function advise({ pageOrigin, apiOrigin, reachable, method, headers }: Failure, likely?: Cause): Advice[] {
  const crossOrigin = pageOrigin !== apiOrigin
  const advice: Advice[] = []
  if (!reachable && needsPermission(pageOrigin, apiOrigin)) {
    advice.push({
      cause: 'local-network',
      summary: `The browser lets a page from the internet call ${placeOf(apiOrigin)} only if the user permits it.`,
      check: `Permit it when the browser asks, or in the browser’s settings for ${pageOrigin}.${pageOrigin.startsWith('https:') ? '' : ' Chromium asks only if the page comes over https.'} No header of the API can permit it.`,
      console: 'Permission was denied for this request to access the … address space, in Chromium',
      log: 'nothing, because the request never arrived',
    })
  }
  if (!reachable) {
    advice.push({
      cause: 'api-down',
      summary: 'Nothing responds at that address.',
      check: 'Ask the API without a browser:',
      paste: `curl -i ${apiOrigin}/healthz`,
      console: 'ERR_CONNECTION_REFUSED in Chromium; “CORS request did not succeed” in Firefox',
      log: 'nothing, because the request never arrived',
    })
  }
  if (!reachable && crossOrigin) {
    advice.push({
      cause: 'origin',
      summary: 'The API does not allow this page’s origin.',
      check: 'Add it to ALLOWED_ORIGINS. With the defaults, the line for .env is:',
      paste: lineWith('ALLOWED_ORIGINS', [pageOrigin]),
      console: 'No ‘Access-Control-Allow-Origin’ header is present',
      log: `cors_denied with origin ${pageOrigin} and the reason`,
    })
  }
  if (crossOrigin && (method || headers.length > 0)) {
    const asked = [method && `the method ${method}`, ...headers.map((name) => `the header ${name}`)].filter(Boolean)
    const isMisspelt = method !== undefined && method !== method.toUpperCase()
    const lines = [
      method && !isMisspelt && lineWith('CORS_ALLOWED_METHODS', [method]),
      headers.length > 0 && lineWith('CORS_ALLOWED_HEADERS', headers),
    ].filter((line) => line !== false && line !== undefined && line !== '')
    advice.push({
      cause: 'preflight',
      summary: `The response to the preflight does not allow ${asked.join(' or ')}.`,
      check: isMisspelt
        ? `Methods are case-sensitive: write method: '${method.toUpperCase()}'.`
        : 'Allow it. With the defaults of the other values, the lines for .env are:',
      ...(lines.length > 0 && { paste: lines.join('\n') }),
      console: '… is not allowed by Access-Control-Allow-Methods, or -Headers, in preflight response',
      log: 'cors_preflight_refused with what was asked for and the setting to change',
    })
  }
  if (reachable) {
    advice.push({
      cause: 'interrupted',
      summary: 'The API responds now, but not to this call: it was restarting, or the connection broke.',
      check: 'Send the request again.',
      console: 'ERR_EMPTY_RESPONSE, ERR_CONNECTION_RESET or ERR_CONNECTION_REFUSED in Chromium',
      log: 'either nothing or the request',
    })
  }
  return advice.sort((a, b) => Number(b.cause === likely) - Number(a.cause === likely))
}

export interface ResponseAdvice {
  cause: 'credentials-mode' | 'cookie-site' | 'Gateway'
  summary: string
  fix: string
}

/** Why the page got an error, if the call and the response show it. */
export function adviseResponse(
  { url, credentials, response }: Exchange,
  pageOrigin: string,
): ResponseAdvice | undefined {
  const { status, headers } = response!
  const { origin } = new URL(url)
  if (status === 401 && (credentials === 'omit' || (credentials === 'same-origin' && origin !== pageOrigin))) {
    return {
      cause: 'credentials-mode',
      summary: 'The call was made without credentials, so the browser sent no cookie.',
      fix: `Write fetch(url, { credentials: 'include' }).`,
    }
  }
  if (status === 401 && !isSameSite(origin, pageOrigin)) {
    return {
      cause: 'cookie-site',
      summary: `${origin} and ${pageOrigin} are two sites, so the browser sends no cookie with SameSite=Lax or Strict.`,
      fix: 'Call the API under the host name of the page, or set the cookie with SameSite=None; Secure over https.',
    }
  }
  const isProblem = headers.get('Content-Type')?.startsWith('application/problem+json')
  if (origin === pageOrigin && [500, 502, 503, 504].includes(status) && !isProblem) {
    return {
      cause: 'Gateway',
      summary: 'The response comes from the proxy, not from the API: the proxy could not reach it.',
      fix: 'Start the API, or correct the address that the proxy forwards to.',
    }
  }
  return undefined
}

/** Compares sites as far as that needs no list of public suffixes: the scheme, and the host or its last two labels. */
function isSameSite(a: string, b: string): boolean {
  const site = (origin: string) => {
    const { protocol, hostname } = new URL(origin)
    const isAddress = /^[\d.]+$|:/.test(hostname)
    return `${protocol}//${isAddress ? hostname : hostname.split('.').slice(-2).join('.')}`
  }
  return site(a) === site(b)
}
