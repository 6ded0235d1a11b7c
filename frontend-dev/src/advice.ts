/**
 * What to check after a request that failed without a reason. The browser
 * tells JavaScript only "TypeError", so that a page cannot probe other
 * servers; the console and the API's log know more.
 */
export type Cause = 'api-down' | 'origin' | 'preflight' | 'broken'

export interface Advice {
  cause: Cause
  suspicion: string
  check: string
  /** What the browser's console says when this is it. */
  console: string
  /** What the API's standard error says when this is it. */
  log: string
}

interface Failure {
  pageOrigin: string
  apiOrigin: string
  /** Whether this page has read another answer of the API just now. */
  reached: boolean
  /** What a preflight's answer must list: the method, unless it is a simple one, and the names of headers. */
  method: string | undefined
  headers: string[]
}

/** All that can be behind a failure, `likely` first. */
export function advise({ pageOrigin, apiOrigin, reached, method, headers }: Failure, likely?: Cause): Advice[] {
  const crossOrigin = pageOrigin !== apiOrigin
  const advice: Advice[] = []
  if (!reached) {
    advice.push({
      cause: 'api-down',
      suspicion: 'Nothing answers at that address.',
      check: `curl -i ${apiOrigin}/healthz`,
      console: 'ERR_CONNECTION_REFUSED in Chromium; “CORS request did not succeed” in Firefox',
      log: 'nothing: the request never arrived',
    })
  }
  if (!reached && crossOrigin) {
    advice.push({
      cause: 'origin',
      suspicion: 'The API does not allow this page’s origin.',
      check: `ALLOWED_ORIGINS=…,${pageOrigin}`,
      console: 'No ‘Access-Control-Allow-Origin’ header is present',
      log: `cors_denied with origin ${pageOrigin} and the reason in words`,
    })
  }
  if (crossOrigin && (method || headers.length > 0)) {
    const asked = [method && `the method ${method}`, ...headers.map((name) => `the header ${name}`)].filter(Boolean)
    const settings = [
      method && 'CORS_ALLOWED_METHODS, in which case matters',
      headers.length > 0 && `CORS_ALLOWED_HEADERS=…,${headers.join()}`,
    ].filter(Boolean)
    advice.push({
      cause: 'preflight',
      suspicion: `The preflight’s answer does not list ${asked.join(' or ')}.`,
      check: settings.join('; '),
      console: '… is not allowed by Access-Control-Allow-Methods, or -Headers, in preflight response',
      log: 'no warning: the API answered the preflight, the browser stopped',
    })
  }
  if (reached) {
    advice.push({
      cause: 'broken',
      suspicion: 'The API answers now, but not then: it started anew, or the connection broke.',
      check: 'send it again',
      console: 'ERR_EMPTY_RESPONSE, ERR_CONNECTION_RESET or ERR_CONNECTION_REFUSED in Chromium',
      log: 'nothing, or the request',
    })
  }
  return advice.sort((a, b) => Number(b.cause === likely) - Number(a.cause === likely))
}
