/** The parts of what a page asks for, which the topics combine. A draft is described in `cases.mjs`. */
import { redirectStatuses } from './answers.mjs'
import { origins, pagePath, sandboxPath } from './origins.mjs'
import { headers } from './requests.mjs'

export function pageOf(target, sandboxed = false) {
  return {
    target,
    url: target.origin + (sandboxed ? sandboxPath : pagePath),
    origin: sandboxed ? 'null' : target.origin,
  }
}

/** Another origin than the page's, and none that is mixed content. */
export function pickTarget(random, page) {
  const { scheme, origin } = page.target
  const safe = origins.filter((each) => each.origin !== origin && !(scheme === 'https' && each.scheme === 'http'))
  const sameHost = safe.filter(({ host }) => host === page.target.host)
  return sameHost.length && random.chance(0.3) ? random.pick(sameHost) : random.pick(safe)
}

/** Half of the time a request that needs no preflight. */
export function askAnything({ random, request }) {
  if (random.chance(0.5)) return
  request.method = random.pick(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'get', 'HEAD', 'OPTIONS'])
  request.body = mayHaveBody(request) ? pickBody(random) : 'none'
  request.headers = random.chance(0.5) ? mixedHeaders(random) : []
}

export function mayHaveBody({ method = 'GET' }) {
  return !/^(get|head)$/i.test(method)
}

export function pickBody(random) {
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
export function someHeaders(random, kind) {
  const list = [random.pick(headers[kind])]
  if (random.chance(0.25)) list.push(random.pick(headers[random.pick(usualKinds)]))
  return list
}

const usualKinds = [
  'accept',
  'acceptLanguage',
  'contentLanguage',
  'contentType',
  'range',
  'hints',
  'unsafe',
  'forbidden',
]

export function mixedHeaders(random) {
  return Array.from({ length: 1 + random.integer(3) }, () =>
    random.pick(
      headers[
        random.weighted([
          [6, 'unsafe'],
          [1, 'forbidden'],
          [2, 'contentType'],
          [1, 'range'],
          [1, 'accept'],
        ])
      ],
    ),
  )
}

/** One of the headers a second time, its name in another case and with another value. */
export function repeated(random, list) {
  const [name, value] = random.pick(list)
  return [...list, [random.chance(0.5) ? name.toUpperCase() : name, random.pick([value, '2', 'b'])]]
}

/** One to three redirects: to where the request already is, to another API, or back to the page's origin. */
export function askRedirects({ random, page, route, redirects, request }) {
  const count = random.weighted([
    [6, 1],
    [3, 2],
    [1, 3],
  ])
  if (random.chance(0.15)) route[0] = page.target
  for (let i = 0; i < count; i++) {
    redirects.push(random.pick(redirectStatuses))
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

export function addCookies({ random, number, route, cookies }) {
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
