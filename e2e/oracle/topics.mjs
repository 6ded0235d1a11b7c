/** What the generator tries, and how often. */
import { change, isRedirect, oddLocation, set, sometimes } from './answering.mjs'
import * as answers from './answers.mjs'
import {
  addCookies,
  askAnything,
  askRedirects,
  mayHaveBody,
  mixedHeaders,
  pageOf,
  pickBody,
  pickTarget,
  repeated,
  someHeaders,
} from './asking.mjs'
import { origins, pageOrigins, publicOrigins } from './origins.mjs'
import { fullSafelisted, headers, manySafelisted, methods } from './requests.mjs'

/** Each topic chooses what is asked, and then what is answered, by changing the draft. */
export const topics = [
  {
    name: 'request headers',
    weight: 19,
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
  {
    name: 'method',
    weight: 8,
    ask({ random, request }) {
      request.method = random.weighted(methods)
      request.body = mayHaveBody(request) ? pickBody(random) : 'none'
      if (random.chance(0.03)) request.body = 'text'
      if (random.chance(0.3)) request.headers = mixedHeaders(random)
    },
    answer: (draft) => draft.random.chance(0.3) && sometimes(draft, ['allowMethods']),
  },
  { name: 'allow origin', weight: 11, ask: askAnything, answer: (draft) => change.allowOrigin(draft) },
  {
    name: 'allow credentials',
    weight: 7,
    ask(draft) {
      askAnything(draft)
      if (draft.random.chance(0.9)) draft.request.credentials = 'include'
    },
    answer: (draft) => change.allowCredentials(draft),
  },
  {
    name: 'allow methods',
    weight: 7,
    ask({ random, request }) {
      request.method = random.weighted(methods)
      request.body = mayHaveBody(request) ? pickBody(random) : 'none'
      if (random.chance(0.4)) request.headers = someHeaders(random, 'unsafe')
    },
    answer: (draft) => change.allowMethods(draft),
  },
  {
    name: 'allow headers',
    weight: 9,
    ask({ random, request }) {
      request.headers = random.chance(0.3) ? mixedHeaders(random) : someHeaders(random, 'unsafe')
      if (random.chance(0.2)) request.headers.push(random.pick(headers.contentType))
      if (random.chance(0.2)) request.headers.push(['Authorization', 'Bearer x'])
    },
    answer: (draft) => change.allowHeaders(draft),
  },
  {
    name: 'expose headers',
    weight: 5,
    answer(draft) {
      const { random, request, hops } = draft
      const { response } = hops.at(-1)
      for (const line of answers.extraHeaders) if (random.chance(0.6)) response.headers.push(line)
      if (random.chance(0.4)) response.headers.push(['Set-Cookie', `secret=1; Path=/c/${draft.number}`])
      set(random, response, 'Access-Control-Expose-Headers', answers.exposeHeaders(random))
      if (random.chance(0.2)) request.mode = 'no-cors'
    },
  },
  {
    name: 'preflight status',
    weight: 5,
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
  {
    name: 'response status',
    weight: 3,
    ask: askAnything,
    answer({ random, hops }) {
      hops.at(-1).response.status = random.pick(answers.responseStatuses)
      if (random.chance(0.2)) set(random, hops.at(-1).response, 'Access-Control-Allow-Origin', [])
    },
  },
  {
    name: 'redirect',
    weight: 13,
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
  {
    name: 'many redirects',
    weight: 0.3,
    ask({ random, route, redirects, request }) {
      request.redirect = 'follow'
      const count = random.pick([19, 20, 21])
      for (let i = 0; i < count; i++) {
        route.push(route[0])
        redirects.push(307)
      }
    },
  },
  {
    name: 'cookies',
    weight: 7,
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
  {
    name: 'no-cors',
    weight: 3,
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
  {
    name: 'same-origin mode',
    weight: 2,
    ask(draft) {
      const { random, request, page, route } = draft
      askAnything(draft)
      request.mode = 'same-origin'
      if (random.chance(0.5)) route[0] = page.target
      if (random.chance(0.4)) askRedirects(draft)
    },
  },
  {
    name: 'same-origin request',
    weight: 3,
    ask(draft) {
      const { random, page, route } = draft
      askAnything(draft)
      route[0] = page.target
      if (random.chance(0.5)) askRedirects(draft)
      if (random.chance(0.4)) addCookies(draft)
    },
    answer: (draft) => sometimes(draft, ['allowOrigin', 'allowCredentials'], 0.5),
  },
  {
    name: 'mixed content',
    weight: 2,
    ask(draft) {
      const { random, route } = draft
      const page = pageOf(random.pick(pageOrigins.filter(({ scheme }) => scheme === 'https')))
      draft.page = page
      const plain = { ...random.pick(origins.filter(({ scheme }) => scheme === 'http')) }
      if (random.chance(0.6)) route[0] = plain
      else {
        askRedirects(draft)
        route[route.length - 1] = plain
      }
    },
  },
  {
    name: 'local network',
    weight: 4,
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
  {
    name: 'upload listener',
    weight: 3,
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
  {
    name: 'several',
    weight: 6,
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
]
