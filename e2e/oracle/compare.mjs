/** Where two browsers did different things with one case. */

const preflightLines = ['origin', 'access-control-request-method', 'access-control-request-headers', 'cookie']

/** Chromium's `corsError`, without `Preflight` in front, and what Firefox's first message calls the same. */
const sameReason = {
  AllowOriginMismatch: ['CORSAllowOriginNotMatchingOrigin'],
  InvalidAllowOriginValue: ['CORSAllowOriginNotMatchingOrigin'],
  // In one line, or in several.
  MultipleAllowOriginValues: ['CORSAllowOriginNotMatchingOrigin', 'CORSMultipleAllowOriginNotAllowed'],
  MissingAllowOriginHeader: ['CORSMissingAllowOrigin2'],
  WildcardOriginNotAllowed: ['CORSNotSupportingCredentials'],
  InvalidAllowCredentials: ['CORSMissingAllowCredentials'],
  InvalidStatus: ['CORSPreflightDidNotSucceed3'],
  DisallowedRedirect: ['CORSExternalRedirectNotAllowed'],
  MethodDisallowedByPreflightResponse: ['CORSMethodNotFound'],
  InvalidAllowMethodsPreflightResponse: ['CORSInvalidAllowMethod'],
  HeaderDisallowedByPreflightResponse: ['CORSMissingAllowHeaderFromPreflight2'],
  InvalidAllowHeadersPreflightResponse: ['CORSInvalidAllowHeader'],
  // Firefox has no name for these, and says nothing of the first if the request was same-origin until then.
  CorsDisabledScheme: ['CORSDidNotSucceed2', undefined],
  RedirectContainsCredentials: ['CORSDidNotSucceed2'],
  InsecureLocalNetwork: ['CORSDidNotSucceed2'],
  LocalNetworkAccessPermissionDenied: ['CORSDidNotSucceed2'],
}

/**
 * The differences between Chromium and Firefox, each `{ part, chromium, firefox }`.
 * `part` is one of
 *   sent         which requests arrived, and in which order
 *   preflight NAME, request NAME   a header line of one of them
 *   outcome, error, reason, response, readable, stored
 */
export function differences({ request, observed: { chromium, firefox } }) {
  const found = []
  const compare = (part, a, b) => {
    if (JSON.stringify(a) !== JSON.stringify(b)) found.push({ part, chromium: a, firefox: b })
  }
  const [sentByChromium, sentByFirefox] = [chromium, firefox].map(sent)
  compare('sent', sentByChromium, sentByFirefox)
  const own = request.headers.map(([name]) => name.toLowerCase())
  chromium.arrived.forEach((a, index) => {
    const b = firefox.arrived[index]
    if (!b || sentByChromium[index] !== sentByFirefox[index]) return
    const kind = a.preflight ? 'preflight' : 'request'
    const names = [...preflightLines, 'authorization', 'content-type', 'sec-fetch-mode', 'sec-fetch-site', ...own]
    for (const name of new Set(names)) compare(`${kind} ${name}`, lines(a, name), lines(b, name))
  })
  compare('outcome', chromium.result.outcome, firefox.result.outcome)
  if (chromium.result.outcome === 'resolved' && firefox.result.outcome === 'resolved') {
    const response = ({ result: { type, status, redirected } }) => ({ type, status, redirected })
    compare('response', response(chromium), response(firefox))
    compare('readable', chromium.result.readable, firefox.result.readable)
  } else if (chromium.result.outcome === firefox.result.outcome) {
    compare('error', chromium.result.name, firefox.result.name)
    const reason = firefox.consoleCategories?.find((category) => category.startsWith('CORS'))
    // Without a `corsError`, it was not CORS that blocked it.
    const expected = chromium.corsError && sameReason[chromium.corsError.replace(/^Preflight/, '')]
    if (expected && !expected.includes(reason)) {
      found.push({ part: 'reason', chromium: chromium.corsError, firefox: reason })
    }
  }
  compare('stored', chromium.stored, firefox.stored)
  return found
}

function sent({ arrived }) {
  return arrived.map(({ hop, preflight, method }) => `${preflight ? 'preflight' : method} ${hop}`)
}

function lines({ headers }, name) {
  // The boundary of a form is random, and of another length in each browser.
  if (name === 'content-length') return []
  return headers
    .filter(([each]) => each.toLowerCase() === name)
    .map(([, value]) => value.replace(/(boundary=-).*/, '$1'))
}
