/**
 * What to check when a request failed and the browser gives no reason.
 * JavaScript sees only "TypeError", which keeps pages from probing other
 * servers; the console and the API's log say more.
 */
export type Cause = 'api-down' | 'origin' | 'preflight' | 'interrupted'

export interface Advice {
  cause: Cause
  /** The cause in one sentence. */
  summary: string
  check: string
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
  if (!reachable) {
    advice.push({
      cause: 'api-down',
      summary: 'Nothing responds at that address.',
      check: `curl -i ${apiOrigin}/healthz`,
      console: 'ERR_CONNECTION_REFUSED in Chromium; “CORS request did not succeed” in Firefox',
      log: 'nothing, because the request never arrived',
    })
  }
  if (!reachable && crossOrigin) {
    advice.push({
      cause: 'origin',
      summary: 'The API does not allow this page’s origin.',
      check: `ALLOWED_ORIGINS=…,${pageOrigin}`,
      console: 'No ‘Access-Control-Allow-Origin’ header is present',
      log: `cors_denied with origin ${pageOrigin} and the reason`,
    })
  }
  if (crossOrigin && (method || headers.length > 0)) {
    const asked = [method && `the method ${method}`, ...headers.map((name) => `the header ${name}`)].filter(Boolean)
    const settings = [
      method && 'CORS_ALLOWED_METHODS, which is case-sensitive',
      headers.length > 0 && `CORS_ALLOWED_HEADERS=…,${headers.join()}`,
    ].filter(Boolean)
    advice.push({
      cause: 'preflight',
      summary: `The response to the preflight does not allow ${asked.join(' or ')}.`,
      check: settings.join('; '),
      console: '… is not allowed by Access-Control-Allow-Methods, or -Headers, in preflight response',
      log: 'cors_preflight_refused with what was asked for and the setting to change',
    })
  }
  if (reachable) {
    advice.push({
      cause: 'interrupted',
      summary: 'The API responds now but did not then: it was restarting, or the connection broke.',
      check: 'Send the request again.',
      console: 'ERR_EMPTY_RESPONSE, ERR_CONNECTION_RESET or ERR_CONNECTION_REFUSED in Chromium',
      log: 'either nothing or the request',
    })
  }
  return advice.sort((a, b) => Number(b.cause === likely) - Number(a.cause === likely))
}
