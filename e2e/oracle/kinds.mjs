/**
 * The kinds of differences between Chromium and Firefox that are known. A kind
 * says which parts of `compare.mjs` it touches and in which cases; DIFFERENCES.md
 * describes each one with a case. What no kind explains is new.
 */

import { differences } from './compare.mjs'

const hints = /^(save-data|dpr|downlink|width|viewport-width|device-memory|rtt|ect)$/i

const cookies = /^(request cookie|stored)$/

export const kinds = [
  {
    name: 'client hints',
    touches: /^(sent|preflight access-control-request-headers|outcome|stored)$/,
    when: (each) => passes(each, hints),
  },
  {
    name: 'user-agent',
    touches: /^(sent|preflight access-control-request-headers|(preflight|request) user-agent|outcome|stored)$/,
    when: (each) => passes(each, /^user-agent$/i),
  },
  {
    name: 'repeated header',
    touches: /^(sent|preflight access-control-request-headers|request .*|outcome|stored)$/,
    when: ({ request: { headers } }) => new Set(headers.map(([name]) => name.toLowerCase())).size < headers.length,
  },
  {
    name: 'value bytes',
    touches: /^(sent|preflight access-control-request-headers|request accept|outcome|stored)$/,
    when: ({ request: { headers } }) =>
      headers.some(([name, value]) => /^accept$/i.test(name) && /[\x80-\xff]/.test(value)),
  },
  {
    name: 'priority',
    touches: /^(preflight|request) priority$/,
    when: () => true,
  },
  {
    name: 'range rewritten',
    touches: /^request range$/,
    when: () => true,
  },
  {
    name: 'cache headers of a preflight',
    touches: /^preflight (cache-control|pragma)$/,
    when: () => true,
  },
  {
    name: 'fetch metadata',
    touches: /^(preflight|request) sec-fetch-(mode|site)$/,
    when: () => true,
  },
  {
    name: 'preflight origin behind a redirect',
    touches: /^(sent|preflight origin|outcome|reason|stored)$/,
    when: ({ observed: { chromium, firefox } }) =>
      firefox.arrived.some(({ hop, preflight, headers }) => {
        const other = chromium.arrived.find((request) => request.hop === hop && request.preflight)
        return hop > 0 && preflight && other && value(headers, 'origin') !== value(other.headers, 'origin')
      }),
  },
  {
    name: 'needless preflight behind a redirect',
    touches: /^(sent|outcome|reason|stored)$/,
    when: ({ observed: { chromium, firefox } }) =>
      firefox.arrived.some(
        ({ hop, preflight }) =>
          hop > 0 && preflight && !chromium.arrived.some((request) => request.hop === hop && request.preflight),
      ),
  },
  {
    name: 'dropped header returns',
    touches: /^(sent|preflight access-control-request-headers|request (content-type|authorization)|outcome|stored)$/,
    when: ({ observed: { chromium, firefox } }) =>
      ['content-type', 'authorization'].some((name) => {
        const last = ({ arrived }) =>
          Math.max(...arrived.map(({ hop, headers }) => (mentions(headers, name) ? hop : 0)))
        return last(firefox) > 1 && last(firefox) > last(chromium)
      }),
  },
  {
    name: 'no-cors origin behind a redirect',
    touches: /^request origin$/,
    when: ({ request: { mode }, observed: { chromium } }) =>
      mode === 'no-cors' && chromium.arrived.some(({ hop }) => hop > 0),
  },
  {
    name: 'upload listener without a body',
    touches: /^(sent|outcome|stored)$/,
    when: ({ request: { uploadListener, body }, observed: { chromium, firefox } }) =>
      uploadListener === true && body === 'none' && !chromium.arrived[0]?.preflight && firefox.arrived[0]?.preflight,
  },
  {
    name: 'local network from plain HTTP',
    touches: /^(sent|outcome|reason|stored)$/,
    when: ({ page }) => page.localNetworkAccess === 'granted' && page.url.startsWith('http:'),
  },
  {
    name: 'same-site resource policy on an IP address',
    touches: /^(sent|outcome|stored)$/,
    when: ({ page, hops, observed: { chromium } }) =>
      chromium.blockedReason === 'corp-not-same-site' &&
      hops.some(({ url }) => new URL(url).hostname === '127.0.0.1' && new URL(page.url).hostname === '127.0.0.1'),
  },
  {
    name: 'empty Location',
    touches: /^(sent|outcome|reason|stored)$/,
    when: ({ hops }) =>
      hops.some(({ preflight, response }) =>
        [preflight, response].some((answer) => values(answer, 'location').includes('')),
      ),
  },
  {
    name: 'two faults in one response',
    touches: /^reason$/,
    when: ({ hops }, { chromium, firefox }) =>
      hops.some(({ preflight }) => isRedirect(preflight)) ||
      (chromium === 'InvalidAllowHeadersPreflightResponse' && firefox === 'CORSMethodNotFound') ||
      hops.some(({ response }) => isRedirect(response) && firefox === 'CORSDidNotSucceed2') ||
      chromium === 'RedirectContainsCredentials',
  },
  {
    name: 'redirect status without a Location',
    touches: /^outcome$/,
    when: ({ request, hops }) =>
      request.redirect === 'error' &&
      hops.some(({ response }) => isRedirect(response) && !values(response, 'location').length),
  },
  {
    name: 'unusable Location',
    touches: /^(outcome|stored)$/,
    when: ({ request, observed: { chromium } }) =>
      request.redirect !== 'follow' && /INVALID_REDIRECT|MULTIPLE_LOCATION|UNSAFE_REDIRECT/.test(chromium.netError),
  },
  {
    name: 'charset of an upload',
    touches: /^request content-type$/,
    when: ({ request: { uploadListener, headers, body } }) =>
      uploadListener === true &&
      body === 'text' &&
      headers.some(([name, value]) => /^content-type$/i.test(name) && /charset=/i.test(value)),
  },
  {
    name: 'user info in a redirect',
    touches: /^(sent|outcome|stored)$/,
    when: ({ hops }) =>
      hops.some(({ response }) => values(response, 'location').some((value) => /\/\/user[:@]/.test(value))),
  },
  {
    name: 'blank first line',
    touches: /^(sent|outcome|stored)$/,
    when: ({ hops }) =>
      hops.some(({ preflight, response }) =>
        [preflight, response].some((answer) =>
          ['access-control-allow-origin', 'access-control-allow-credentials'].some((name) => {
            const [first, second] = values(answer, name)
            return first === '' && second !== undefined
          }),
        ),
      ),
  },
  {
    name: 'cookie without SameSite',
    touches: cookies,
    when: (each, { chromium, firefox }) => without(firefox, chromium).some((name) => !sameSiteOf(each, name)),
  },
  {
    name: 'same site, another scheme',
    touches: cookies,
    when: (each, { chromium, firefox }) => without(firefox, chromium).some((name) => sameSiteOf(each, name)),
  },
  {
    name: 'same site behind a foreign redirect',
    touches: cookies,
    when: (_each, { chromium, firefox }) => without(chromium, firefox).length > 0,
  },
]

/** The names of the kinds that an observation shows, and its differences of no known kind. */
export function explain(each) {
  const names = new Set()
  const unknown = []
  for (const difference of differences(each)) {
    const known = kinds.filter(({ touches, when }) => touches.test(difference.part) && when(each, difference))
    for (const { name } of known) names.add(name)
    if (known.length === 0) unknown.push(difference)
  }
  return { names: [...names], unknown }
}

/** The names of cookies that are in one side of a difference more often than in the other. */
function without(one, other) {
  const names = (part) =>
    part.flatMap((each) =>
      typeof each === 'string' ? each.split('; ').map((pair) => pair.split('=')[0]) : [each.name],
    )
  const rest = names(other)
  return names(one).filter((name) => {
    const index = rest.indexOf(name)
    if (index >= 0) rest.splice(index, 1)
    return index < 0
  })
}

/** `strict`, `lax` or `none`; empty for a cookie that has no valid attribute. */
function sameSiteOf({ cookies, hops }, name) {
  const before = cookies.find((cookie) => cookie.name === name)
  if (before) return before.sameSite === 'unset' ? '' : before.sameSite
  const lines = hops.flatMap(({ response }) => values(response, 'set-cookie'))
  const found = lines
    .filter((line) => line.startsWith(`${name}=`))
    .map((line) => /samesite=(strict|lax|none)/i.exec(line)?.[1].toLowerCase() ?? '')
  return found.includes('') ? '' : found[0]
}

function passes({ request: { headers } }, pattern) {
  return headers.some(([name]) => pattern.test(name))
}

/** Whether a request carries a header, or its preflight asks for it. */
function mentions(headers, lowerCaseName) {
  return headers.some(([name, value]) =>
    name.toLowerCase() === 'access-control-request-headers'
      ? value.split(',').includes(lowerCaseName)
      : name.toLowerCase() === lowerCaseName,
  )
}

function value(headers, lowerCaseName) {
  return headers.find(([name]) => name.toLowerCase() === lowerCaseName)?.[1]
}

function values({ headers }, lowerCaseName) {
  return headers.filter(([name]) => name.toLowerCase() === lowerCaseName).map(([, value]) => value.trim())
}

function isRedirect({ status }) {
  return [301, 302, 303, 307, 308].includes(status)
}
