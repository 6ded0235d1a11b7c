/**
 * The generator. A case starts as one that a browser allows, as far as the script
 * can tell. Then its topic moves one or two things to a limit or beyond it, so about
 * half of the cases are close to a limit.
 */
import { headerNames, normalised, set } from './answering.mjs'
import { pageOf, pickTarget } from './asking.mjs'
import { pageOrigins } from './origins.mjs'
import { Random } from './random.mjs'
import { topics } from './topics.mjs'

export const format = 1

/** Case `number` of `seed`: all members of an observation above `observed`. */
export function makeCase(seed, number, thirdPartyCookies = 'allow') {
  const random = new Random(seed, number)
  const topic = random.weighted(topics.map((topic) => [topic.weight, topic]))
  const page = makePage(random)
  const draft = {
    random,
    number,
    page,
    request: makeRequest(random),
    // The origins asked in turn; each but the last redirects to the next, with a status of `redirects`.
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
    hops: draft.hops.map(({ url, preflight, response }) => ({
      url,
      preflight: finish(preflight),
      response: finish(response),
    })),
  }
}

export function makeCases(seed, count, thirdPartyCookies) {
  return Array.from({ length: count }, (_, number) => makeCase(seed, number, thirdPartyCookies))
}

function makePage(random) {
  return pageOf(random.pick(pageOrigins), random.chance(0.05))
}

function pageMembers({ url, origin, target: { permission } }) {
  return { url, origin, ...(permission && { addressSpace: 'public', localNetworkAccess: permission }) }
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

/** Adds the lines that carry the answer. */
function finish({ status, headers }) {
  const body = status === 204 || status === 205 || status === 304 ? '' : 'ok'
  const carrier = [
    ['Connection', 'keep-alive'],
    ['Cache-Control', 'no-store'],
    ['Content-Type', 'text/plain'],
  ]
  if (status !== 204 && status !== 304) carrier.push(['Content-Length', String(body.length)])
  return { status, headers: [...headers, ...carrier], ...(body && { body }) }
}
