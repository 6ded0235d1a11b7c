/** The parts of what the server answers, which the topics combine. A draft is described in `cases.mjs`. */
import * as answers from './answers.mjs'

/** Each puts one odd value in place of a right one, in a preflight, a response, or both, of one hop. */
export const change = {
  allowOrigin({ random, hops }) {
    const hop = random.pick(hops)
    const values = answers.allowOrigin(random, { expected: hop.origin, target: hop.target.origin })
    for (const answer of someAnswers(random, hop)) set(random, answer, 'Access-Control-Allow-Origin', values)
  },
  allowCredentials({ random, hops }) {
    const hop = random.pick(hops)
    const values = answers.allowCredentials(random)
    for (const answer of someAnswers(random, hop)) {
      set(random, answer, 'Access-Control-Allow-Credentials', values)
      if (random.chance(0.15)) set(random, answer, 'Access-Control-Allow-Origin', ['*'])
    }
  },
  allowMethods({ random, hops, request }) {
    const method = normalised(request.method ?? 'GET')
    set(random, random.pick(hops).preflight, 'Access-Control-Allow-Methods', answers.allowMethods(random, { method }))
  },
  allowHeaders({ random, hops, request }) {
    const names = headerNames(request)
    set(random, random.pick(hops).preflight, 'Access-Control-Allow-Headers', answers.allowHeaders(random, { names }))
  },
  setCookies({ random, hops, number }) {
    const hop = random.integer(hops.length)
    const attributes = random.pick(answers.cookieAttributes)
    hops[hop].response.headers.push(['Set-Cookie', `s${hop}=1; Path=/c/${number}${attributes}`])
  },
}

export function sometimes(draft, names, probability = 1) {
  if (draft.random.chance(probability)) change[draft.random.pick(names)](draft)
}

function someAnswers(random, { preflight, response }) {
  return random.weighted([
    [4, [response]],
    [3, [preflight]],
    [3, [preflight, response]],
  ])
}

/** Redirects that lead nowhere, or only seem to. */
export function oddLocation({ random, number, hops, route }) {
  if (hops.length < 2) return
  const index = random.integer(hops.length - 1)
  const { host, port, scheme } = route[index + 1]
  const path = `/c/${number}/${index + 1}`
  const { response } = hops[index]
  response.headers = response.headers.filter(([name]) => name !== 'Location')
  const values = random.weighted([
    [3, []],
    [2, ['']],
    [4, [`${scheme}://user:secret@${host}:${port}${path}`]],
    [3, [`${scheme}://user@${host}:${port}${path}`]],
    [2, [`${scheme}://${host}:${port}${path}#part`]],
    // With another scheme it would speak TLS to a port of plain HTTP.
    [2, [scheme === route[index].scheme ? `//${host}:${port}${path}` : path]],
    [2, [path]],
    [1, [`${scheme}://${host}:99999${path}`]],
    [1, ['http://[']],
    [2, ['ftp://127.0.0.1/']],
    [2, ['data:text/plain,x']],
    [1, ['blob:null/x']],
    [1, ['about:blank']],
    [1, ['mailto:a@b']],
    [1, ['app://x/']],
    [2, [`${scheme}://${host}:${port}${path}`, `${scheme}://${host}:${port}${path}`]],
    [2, [`${scheme}://${host}:${port}${path}`, '/elsewhere']],
    [1, [`${scheme.toUpperCase()}://${host.toUpperCase()}:${port}${path}`]],
  ])
  for (const value of values) response.headers.push(['Location', value])
}

/** Replaces a header, a line for each value; now and then its name is in an odd case. */
export function set(random, answer, name, values) {
  const others = answer.headers.filter(([each]) => each.toLowerCase() !== name.toLowerCase())
  const written = random.weighted([
    [90, name],
    [4, name.toLowerCase()],
    [3, name.toUpperCase()],
    [3, name.replace(/\w/g, (letter, index) => (index % 2 ? letter.toUpperCase() : letter.toLowerCase()))],
  ])
  answer.headers = [...others, ...values.map((value) => [written, value])]
}

export function isRedirect(status) {
  return answers.redirectStatuses.includes(status)
}

export function normalised(method) {
  return /^(delete|get|head|options|post|put)$/i.test(method) ? method.toUpperCase() : method
}

export function headerNames({ headers, body }) {
  const names = headers.map(([name]) => name.toLowerCase()).filter((name) => /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name))
  if (body === 'json blob') names.push('content-type')
  return [...new Set(names)].sort()
}
