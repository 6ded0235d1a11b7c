/**
 * What to check after a request that failed without a reason. The browser
 * tells JavaScript only "TypeError", so that a page cannot probe other
 * servers; the console and the API's log know more.
 */
export type Cause = 'api-down' | 'origin' | 'header' | 'method'

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
  method: string
  /** Whether the request needs a preflight. */
  preflighted: boolean
  /** Header names that the page set. */
  headers: string[]
}

const ALLOWED_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']
const ALLOWED_HEADERS = ['authorization', 'content-type', 'x-request-id']

/** All that can be behind a failure, `likely` first. */
export function advise({ pageOrigin, apiOrigin, method, preflighted, headers }: Failure, likely?: Cause): Advice[] {
  const header = headers.find((name) => !ALLOWED_HEADERS.includes(name))
  const advice: Advice[] = [
    {
      cause: 'api-down',
      suspicion: 'Nothing answers at that address.',
      check: `curl -i ${apiOrigin}/healthz`,
      console: 'ERR_CONNECTION_REFUSED in Chromium; “CORS request did not succeed” in Firefox',
      log: 'nothing: the request never arrived',
    },
  ]
  if (pageOrigin !== apiOrigin) {
    advice.push({
      cause: 'origin',
      suspicion: 'The API does not allow this page’s origin.',
      check: `ALLOWED_ORIGINS=…,${pageOrigin}`,
      console: 'No ‘Access-Control-Allow-Origin’ header is present',
      log: `cors_denied with origin ${pageOrigin} and the reason in words`,
    })
  }
  if (preflighted && !ALLOWED_METHODS.includes(method)) {
    advice.unshift({
      cause: 'method',
      suspicion: `The preflight’s answer does not list the method ${method}.`,
      check: `CORS_ALLOWED_METHODS, and the spelling: methods are case-sensitive`,
      console: `Method ${method} is not allowed by Access-Control-Allow-Methods`,
      log: 'no warning: the API answered the preflight, the browser stopped',
    })
  }
  if (preflighted && header) {
    advice.unshift({
      cause: 'header',
      suspicion: `The preflight’s answer does not list the header ${header}.`,
      check: `CORS_ALLOWED_HEADERS=…,${header}`,
      console: `Request header field ${header} is not allowed by Access-Control-Allow-Headers`,
      log: 'no warning: the API answered the preflight, the browser stopped',
    })
  }
  return advice.sort((a, b) => Number(b.cause === likely) - Number(a.cause === likely))
}
