/**
 * The generator. A case starts as one that a browser allows, as far as the script
 * can tell; then its topic moves one or two things to or over a border. So about
 * half of the cases are close calls.
 */
import * as answers from './answers.mjs'
import { origins, pagePath, publicOrigins, sandboxPath } from './origins.mjs'
import { Random } from './random.mjs'
import { fullSafelisted, headers, manySafelisted, methods } from './requests.mjs'

export const format = 1

/** Case `number` of `seed`: all members of an observation above `observed`. */
export function makeCase(seed, number, thirdPartyCookies = 'allow') {
  const random = new Random(seed, number)
  const topic = topics[random.weighted(topicWeights)]
  const page = makePage(random)
  // A topic may replace anything in it.
  const draft = {
    random,
    number,
    page,
    request: makeRequest(random),
    route: [pickTarget(random, page)],
    redirects: [],
    cookies: [],
  }
  topic.ask?.(draft)
  draft.hops = draft.route.map((target, index) => makeHop(draft, target, index))
  topic.answer?.(draft)
  return {
    format,
    seed,
    case: number,
    topic: topic.name,
    thirdPartyCookies,
    page: pageMembers(draft.page),
    request: { url: draft.hops[0].url + (draft.fragment ?? ''), ...draft.request },
    cookies: draft.cookies,
    hops: draft.hops.map(({ url, preflight, response }) => ({ url, preflight: finish(preflight), response: finish(response) })),
  }
}

export function makeCases(seed, count, thirdPartyCookies) {
  return Array.from({ length: count }, (_, number) => makeCase(seed, number, thirdPartyCookies))
}

/** Each topic chooses what is asked, and then what is answered. */
const topics = {
  requestHeaders: {
    name: 'request headers',
    ask(draft) {
      const { random, request } = draft
      request.headers = random.weighted([
        [14, () => someHeaders(random, 'contentType')],
        [8, () => someHeaders(random, 'accept')],
        [8, () => someHeaders(random, 'acceptLanguage')],
        [6, () => someHeaders(random, 'contentLanguage')],
        [9, () => someHeaders(random, 'range')],
        [6, () => someHeaders(random, 'hints')],
        [5, () => someHeaders(random, 'forbidden')],
        [8, () => someHeaders(random, 'unsafe')],
        [2, () => someHeaders(random, 'invalid')],
        [3, () => manySafelisted(random)],
        [2, () => fullSafelisted(random)],
        [8, () => mixedHeaders(random)],
        [4, () => repeated(random, mixedHeaders(random))],
      ])()
      if (random.chance(0.7)) delete request.method
      if (random.chance(0.3)) Object.assign(request, { method: 'POST', body: pickBody(random) })
      if (!mayHaveBody(request)) request.body = 'none'
    },
    answer: (draft) => draft.random.chance(0.3) && sometimes(draft, ['allowHeaders', 'allowOrigin']),
  },
  method: {
    name: 'method',
    ask({ random, request }) {
      request.method = random.weighted(methods)
      request.body = mayHaveBody(request) ? pickBody(random) : 'none'
      if (random.chance(0.03)) request.body = 'text'
      if (random.chance(0.3)) request.headers = mixedHeaders(random)
    },
    answer: (draft) => draft.random.chance(0.3) && sometimes(draft, ['allowMethods']),
  },
  allowOrigin: { name: 'allow origin', ask: askAnything, answer: (draft) => change.allowOrigin(draft) },
  allowCredentials: {
    name: 'allow credentials',
    ask(draft) {
      askAnything(draft)
      if (draft.random.chance(0.9)) draft.request.credentials = 'include'
    },
    answer: (draft) => change.allowCredentials(draft),
  },
  allowMethods: {
    name: 'allow methods',
    ask({ random, request }) {
      request.method = random.weighted(methods)
      request.body = mayHaveBody(request) ? pickBody(random) : 'none'
      if (random.chance(0.4)) request.headers = someHeaders(random, 'unsafe')
    },
    answer: (draft) => change.allowMethods(draft),
  },
  allowHeaders: {
    name: 'allow headers',
    ask({ random, request }) {
      request.headers = random.chance(0.3) ? mixedHeaders(random) : someHeaders(random, 'unsafe')
      if (random.chance(0.2)) request.headers.push(random.pick(headers.contentType))
      if (random.chance(0.2)) request.headers.push(['Authorization', 'Bearer x'])
    },
    answer: (draft) => change.allowHeaders(draft),
  },
  exposeHeaders: {
    name: 'expose headers',
    answer(draft) {
      const { random, request, hops } = draft
      const { response } = hops.at(-1)
      for (const line of answers.extraHeaders) if (random.chance(0.6)) response.headers.push(line)
      if (random.chance(0.4)) response.headers.push(['Set-Cookie', `secret=1; Path=/c/${draft.number}`])
      set(random, response, 'Access-Control-Expose-Headers', answers.exposeHeaders(random))
      if (random.chance(0.2)) request.mode = 'no-cors'
    },
  },
  preflightStatus: {
    name: 'preflight status',
    ask({ random, request }) {
      if (random.chance(0.5)) request.method = random.pick(['PUT', 'DELETE', 'PATCH'])
      else request.headers = [...request.headers, random.pick(headers.unsafe)]
    },
    answer({ random, hops, page }) {
      const { preflight } = random.pick(hops)
      preflight.status = random.pick(answers.preflightStatuses)
      if (isRedirect(preflight.status) && random.chance(0.8)) {
        preflight.headers.push(['Location', random.pick([`${hops[0].url}?again`, `${page.url}`, '/', ''])])
      }
      if (random.chance(0.15)) set(random, preflight, 'Access-Control-Allow-Origin', [])
    },
  },
  responseStatus: {
    name: 'response status',
    ask: askAnything,
    answer({ random, hops }) {
      hops.at(-1).response.status = random.pick(answers.responseStatuses)
      if (random.chance(0.2)) set(random, hops.at(-1).response, 'Access-Control-Allow-Origin', [])
    },
  },
  redirect: {
    name: 'redirect',
    ask(draft) {
      askAnything(draft)
      askRedirects(draft)
    },
    answer(draft) {
      const { random } = draft
      if (random.chance(0.3)) oddLocation(draft)
      sometimes(draft, ['allowOrigin', 'allowCredentials', 'allowMethods', 'allowHeaders'], 0.4)
    },
  },
  manyRedirects: {
    name: 'many redirects',
    ask({ random, route, redirects, request }) {
      request.redirect = 'follow'
      const count = random.pick([19, 20, 21])
      for (let i = 0; i < count; i++) {
        route.push(route[0])
        redirects.push(307)
      }
    },
  },
  cookies: {
    name: 'cookies',
    ask(draft) {
      const { random, request } = draft
      if (random.chance(0.3)) askAnything(draft)
      if (random.chance(0.25)) askRedirects(draft)
      request.credentials = random.weighted([
        [1, 'omit'],
        [3, 'same-origin'],
        [8, 'include'],
      ])
      addCookies(draft)
    },
    answer(draft) {
      sometimes(draft, ['allowOrigin', 'allowCredentials', 'setCookies'], 0.3)
      if (draft.random.chance(0.4)) change.setCookies(draft)
    },
  },
  noCors: {
    name: 'no-cors',
    ask(draft) {
      const { random, request } = draft
      askAnything(draft)
      request.mode = 'no-cors'
      if (random.chance(0.6)) request.method = random.pick(['GET', 'POST', 'HEAD'])
      request.body = mayHaveBody(request) ? pickBody(random) : 'none'
      if (random.chance(0.2)) askRedirects(draft)
      if (random.chance(0.3)) addCookies(draft)
    },
    answer({ random, hops }) {
      for (const { response } of hops) {
        if (random.chance(0.3)) set(random, response, 'Access-Control-Allow-Origin', [])
        set(random, response, 'Cross-Origin-Resource-Policy', random.pick(answers.resourcePolicies))
      }
    },
  },
  sameOriginMode: {
    name: 'same-origin mode',
    ask(draft) {
      const { random, request, page, route } = draft
      askAnything(draft)
      request.mode = 'same-origin'
      if (random.chance(0.5)) route[0] = page.target
      if (random.chance(0.4)) askRedirects(draft)
    },
  },
  sameOriginRequest: {
    name: 'same-origin request',
    ask(draft) {
      const { random, page, route } = draft
      askAnything(draft)
      route[0] = page.target
      if (random.chance(0.5)) askRedirects(draft)
      if (random.chance(0.4)) addCookies(draft)
    },
    answer: (draft) => sometimes(draft, ['allowOrigin', 'allowCredentials'], 0.5),
  },
  mixedContent: {
    name: 'mixed content',
    ask(draft) {
      const { random, route } = draft
      const page = pageOf(random.pick(firstOf('https')))
      draft.page = page
      const plain = { ...random.pick(origins.filter(({ scheme }) => scheme === 'http')) }
      if (random.chance(0.6)) route[0] = plain
      else {
        askRedirects(draft)
        route[route.length - 1] = plain
      }
    },
  },
  localNetwork: {
    name: 'local network',
    ask(draft) {
      const { random, route } = draft
      askAnything(draft)
      // Not a sandboxed one: nobody can answer beforehand for an opaque origin, and Firefox would wait for the user.
      draft.page = pageOf(random.pick(publicOrigins))
      route[0] = pickTarget(random, draft.page)
      // A call that stays within the public network, until a redirect leaves it.
      if (random.chance(0.2)) route[0] = { ...draft.page.target }
      if (random.chance(0.25)) askRedirects(draft)
    },
    answer: (draft) => sometimes(draft, ['allowOrigin', 'allowCredentials'], 0.2),
  },
  uploadListener: {
    name: 'upload listener',
    ask(draft) {
      const { random, request } = draft
      askAnything(draft)
      Object.assign(request, { uploadListener: true, redirect: 'follow', method: random.pick(['POST', 'GET', 'PUT']) })
      request.body = mayHaveBody(request) ? pickBody(random) : 'none'
      request.credentials = random.pick(['same-origin', 'include'])
      if (random.chance(0.1)) draft.route[0] = draft.page.target
      if (random.chance(0.3)) {
        askRedirects(draft)
        request.redirect = 'follow'
      }
    },
    answer: (draft) => sometimes(draft, Object.keys(change), 0.4),
  },
  several: {
    name: 'several',
    ask(draft) {
      askAnything(draft)
      if (draft.random.chance(0.3)) askRedirects(draft)
      if (draft.random.chance(0.3)) addCookies(draft)
      if (draft.random.chance(0.1)) draft.fragment = '#part'
    },
    answer(draft) {
      for (let i = 0; i < 2; i++) change[draft.random.pick(Object.keys(change))](draft)
    },
  },
}

const topicWeights = [
  [19, 'requestHeaders'],
  [8, 'method'],
  [11, 'allowOrigin'],
  [7, 'allowCredentials'],
  [7, 'allowMethods'],
  [9, 'allowHeaders'],
  [5, 'exposeHeaders'],
  [5, 'preflightStatus'],
  [3, 'responseStatus'],
  [13, 'redirect'],
  [0.3, 'manyRedirects'],
  [7, 'cookies'],
  [3, 'noCors'],
  [2, 'sameOriginMode'],
  [3, 'sameOriginRequest'],
  [2, 'mixedContent'],
  [4, 'localNetwork'],
  [3, 'uploadListener'],
  [6, 'several'],
]

// What is asked.

function makePage(random) {
  const target = random.pick(origins.filter(({ port }) => firstPorts.has(port)))
  return pageOf(target, random.chance(0.05))
}

const firstPorts = new Set(['http', 'https'].map((scheme) => origins.find((each) => each.scheme === scheme).port))

function firstOf(scheme) {
  return origins.filter((each) => each.scheme === scheme && firstPorts.has(each.port))
}

function pageOf(target, sandboxed = false) {
  return {
    target,
    url: target.origin + (sandboxed ? sandboxPath : pagePath),
    origin: sandboxed ? 'null' : target.origin,
  }
}

function pageMembers({ url, origin, target: { permission } }) {
  return { url, origin, ...(permission && { addressSpace: 'public', localNetworkAccess: permission }) }
}

/** Another origin than the page's, and none that is mixed content. */
function pickTarget(random, page) {
  const { scheme, origin } = page.target
  const safe = origins.filter((each) => each.origin !== origin && !(scheme === 'https' && each.scheme === 'http'))
  const sameHost = safe.filter(({ host }) => host === page.target.host)
  return sameHost.length && random.chance(0.3) ? random.pick(sameHost) : random.pick(safe)
}

function makeRequest(random) {
  return {
    mode: 'cors',
    method: random.chance(0.7) ? 'GET' : 'POST',
    headers: [],
    body: 'none',
    credentials: random.weighted([
      [25, 'omit'],
      [30, 'same-origin'],
      [45, 'include'],
    ]),
    redirect: random.weighted([
      [94, 'follow'],
      [3, 'error'],
      [3, 'manual'],
    ]),
  }
}

/** Half of the time a request that needs no preflight. */
function askAnything({ random, request }) {
  if (random.chance(0.5)) return
  request.method = random.pick(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'get', 'HEAD', 'OPTIONS'])
  request.body = mayHaveBody(request) ? pickBody(random) : 'none'
  request.headers = random.chance(0.5) ? mixedHeaders(random) : []
}

function mayHaveBody({ method = 'GET' }) {
  return !/^(get|head)$/i.test(method)
}

function pickBody(random) {
  return random.weighted([
    [30, 'none'],
    [30, 'text'],
    [10, 'params'],
    [8, 'form'],
    [5, 'blob'],
    [9, 'json blob'],
    [4, 'text blob'],
    [4, 'buffer'],
  ])
}

/** One header of a kind, and now and then a second of any kind. */
function someHeaders(random, kind) {
  const list = [random.pick(headers[kind])]
  if (random.chance(0.25)) list.push(random.pick(headers[random.pick(usualKinds)]))
  return list
}

const usualKinds = ['accept', 'acceptLanguage', 'contentLanguage', 'contentType', 'range', 'hints', 'unsafe', 'forbidden']

function mixedHeaders(random) {
  return Array.from({ length: 1 + random.integer(3) }, () =>
    random.pick(headers[random.weighted([[6, 'unsafe'], [1, 'forbidden'], [2, 'contentType'], [1, 'range'], [1, 'accept']])]),
  )
}

/** One of the headers a second time, its name in another case and with another value. */
function repeated(random, list) {
  const [name, value] = random.pick(list)
  return [...list, [random.chance(0.5) ? name.toUpperCase() : name, random.pick([value, '2', 'b'])]]
}

/** One to three redirects: to where the request already is, to another API, or back to the page's origin. */
function askRedirects({ random, page, route, redirects, request }) {
  const count = random.weighted([
    [6, 1],
    [3, 2],
    [1, 3],
  ])
  if (random.chance(0.15)) route[0] = page.target
  for (let i = 0; i < count; i++) {
    redirects.push(random.pick(answers.redirectStatuses))
    route.push(
      random.weighted([
        [3, () => route.at(-1)],
        [5, () => pickTarget(random, page)],
        [2, () => page.target],
      ])(),
    )
  }
  request.redirect = random.weighted([
    [85, 'follow'],
    [6, 'error'],
    [9, 'manual'],
  ])
}

function addCookies({ random, number, route, cookies }) {
  for (const host of new Set(route.map(({ host }) => host))) {
    const count = random.weighted([
      [5, 1],
      [3, 2],
      [1, 0],
    ])
    for (let i = 0; i < count; i++) {
      const sameSite = random.pick(['strict', 'lax', 'none', 'unset'])
      // Both browsers refuse to keep None without Secure.
      const secure = sameSite === 'none' || random.chance(0.3)
      cookies.push({ host, path: `/c/${number}`, name: `k${cookies.length}`, value: '1', sameSite, secure })
    }
  }
}

// What is answered.

/** Answers that allow the request, as far as a server can. */
function makeHop(draft, target, index) {
  const { random, number, request, route, redirects } = draft
  const origin = expectedOrigin(draft, index)
  const credentialed = request.credentials === 'include'
  const isLast = index === route.length - 1
  const preflight = { status: random.chance(0.8) ? 204 : 200, headers: [] }
  const response = { status: isLast ? 200 : redirects[index], headers: [] }
  for (const answer of [preflight, response]) {
    set(random, answer, 'Access-Control-Allow-Origin', [!credentialed && random.chance(0.3) ? '*' : origin])
    if (credentialed || random.chance(0.1)) set(random, answer, 'Access-Control-Allow-Credentials', ['true'])
  }
  const method = request.method ?? 'GET'
  set(random, preflight, 'Access-Control-Allow-Methods', [`GET, ${normalised(method)}`])
  const names = headerNames(request)
  if (names.length) set(random, preflight, 'Access-Control-Allow-Headers', [names.join(', ')])
  if (!isLast) response.headers.push(['Location', `${route[index + 1].origin}/c/${number}/${index + 1}`])
  return { url: `${target.origin}/c/${number}/${index}`, origin, target, preflight, response }
}

/** The Origin that the standard sends: `null` after a redirect between two foreign origins. */
function expectedOrigin({ page, route }, index) {
  for (let i = 0; i < index; i++) {
    if (route[i].origin !== route[i + 1].origin && route[i].origin !== page.origin) return 'null'
  }
  return page.origin
}

function normalised(method) {
  return /^(delete|get|head|options|post|put)$/i.test(method) ? method.toUpperCase() : method
}

function headerNames({ headers, body }) {
  const names = headers.map(([name]) => name.toLowerCase()).filter((name) => /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name))
  if (body === 'json blob') names.push('content-type')
  return [...new Set(names)].sort()
}

/** Each puts one odd value in place of a right one, in a preflight, a response, or both, of one hop. */
const change = {
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

function sometimes(draft, names, probability = 1) {
  if (draft.random.chance(probability)) change[draft.random.pick(names)](draft)
}

function someAnswers(random, { preflight, response }) {
  return random.weighted([
    [4, [response]],
    [3, [preflight]],
    [3, [preflight, response]],
  ])
}

/** Redirects that lead nowhere, or look as if. */
function oddLocation({ random, number, hops, route }) {
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
function set(random, answer, name, values) {
  const others = answer.headers.filter(([each]) => each.toLowerCase() !== name.toLowerCase())
  const written = random.weighted([
    [90, name],
    [4, name.toLowerCase()],
    [3, name.toUpperCase()],
    [3, name.replace(/\w/g, (letter, index) => (index % 2 ? letter.toUpperCase() : letter.toLowerCase()))],
  ])
  answer.headers = [...others, ...values.map((value) => [written, value])]
}

function isRedirect(status) {
  return answers.redirectStatuses.includes(status)
}

/** Adds the lines that carry the answer. */
function finish({ status, headers }) {
  const body = status === 204 || status === 205 || status === 304 ? '' : 'ok'
  const carrier = [['Connection', 'keep-alive'], ['Cache-Control', 'no-store'], ['Content-Type', 'text/plain']]
  if (status !== 204 && status !== 304) carrier.push(['Content-Length', String(body.length)])
  return { status, headers: [...headers, ...carrier], ...(body && { body }) }
}
