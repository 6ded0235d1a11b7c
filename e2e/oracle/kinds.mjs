/**
 * The kinds of differences between Chromium and Firefox that are known. A kind
 * says which parts of `compare.mjs` it touches and in which cases; DIFFERENCES.md
 * tells each one with a case. What no kind explains is new.
 */

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
    touches: /^(sent|preflight access-control-request-headers|request (accept|content-type)|outcome|stored)$/,
    when: ({ request: { headers } }) =>
      headers.some(([name, value]) => /^(accept|content-type)$/i.test(name) && /[\x80-\xff]/.test(value)),
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
    touches: /^(sent|preflight origin|outcome|stored)$/,
    when: ({ observed: { chromium, firefox } }) =>
      [chromium, firefox].every(({ arrived }) => arrived.some(({ hop, preflight }) => hop > 0 && preflight)),
  },
  {
    name: 'preflight after the method became GET',
    touches: /^(sent|outcome|stored)$/,
    when: ({ observed: { chromium, firefox } }) =>
      firefox.arrived.some(({ hop, preflight, headers }) => hop > 0 && preflight && requestedMethod(headers) === 'GET') &&
      !sameRequests(chromium, firefox),
  },
  {
    name: 'content type behind a second redirect',
    touches: /^(sent|preflight access-control-request-headers|request content-type|outcome|stored)$/,
    when: ({ observed: { firefox } }) =>
      firefox.arrived.some(({ hop, method, headers }) => hop > 1 && /^(GET|OPTIONS)$/.test(method) && mentions(headers, 'content-type')),
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
    when: ({ request: { uploadListener, body } }) => uploadListener === true && body === 'none',
  },
  {
    name: 'local network from plain HTTP',
    touches: /^(sent|outcome|stored)$/,
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
    touches: /^(sent|outcome|stored)$/,
    when: ({ hops }) => hops.some(({ response }) => says(response, 'location', '')),
  },
  {
    name: 'redirect status without a Location',
    touches: /^outcome$/,
    when: ({ request, hops }) =>
      request.redirect === 'error' && hops.some(({ response }) => isRedirect(response) && !values(response, 'location').length),
  },
  {
    name: 'user info in a redirect',
    touches: /^(sent|outcome|stored)$/,
    when: ({ hops }) => hops.some(({ response }) => values(response, 'location').some((value) => /\/\/user[:@]/.test(value))),
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
    when: ({ cookies, hops }) =>
      cookies.some(({ sameSite }) => sameSite === 'unset') ||
      hops.some(({ response }) => values(response, 'set-cookie').some((value) => !/samesite=(lax|strict|none)/i.test(value))),
  },
  {
    name: 'same site, another scheme',
    touches: cookies,
    when: ({ page, hops }) => hops.some(({ url }) => new URL(url).protocol !== new URL(page.url).protocol),
  },
  {
    name: 'same site behind a foreign redirect',
    touches: cookies,
    when: ({ observed: { chromium, firefox } }) => [chromium, firefox].some(({ arrived }) => arrived.some(({ hop }) => hop > 0)),
  },
]

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

function requestedMethod(headers) {
  return headers.find(([name]) => name.toLowerCase() === 'access-control-request-method')?.[1]
}

function sameRequests(a, b) {
  return a.arrived.length === b.arrived.length && a.arrived.every(({ preflight }, index) => preflight === b.arrived[index].preflight)
}

function values({ headers }, lowerCaseName) {
  return headers.filter(([name]) => name.toLowerCase() === lowerCaseName).map(([, value]) => value.trim())
}

function says(answer, name, value) {
  return values(answer, name).includes(value)
}

function isRedirect({ status }) {
  return [301, 302, 303, 307, 308].includes(status)
}
