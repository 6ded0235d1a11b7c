/** Where two browsers did different things with one case. */

const preflightLines = ['origin', 'access-control-request-method', 'access-control-request-headers', 'cookie']

/**
 * The differences between Chromium and Firefox, each `{ part, chromium, firefox }`.
 * `part` is one of
 *   sent         which requests arrived, and in which order
 *   preflight NAME, request NAME   a header line of one of them
 *   outcome, error, response, readable, stored
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
  return headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value.replace(/(boundary=-).*/, '$1'))
}
