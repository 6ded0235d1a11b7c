/**
 * What a server may say wrongly, or oddly. Each function gives the values of one
 * header, a line each: an empty list leaves the header out.
 */

export function allowOrigin(random, { expected, target }) {
  const { protocol, hostname, port } = new URL(expected === 'null' ? 'https://app.example.com:18103' : expected)
  return random.weighted([
    [4, [expected]],
    [6, ['*']],
    [5, []],
    [4, ['null']],
    [1, ['NULL']],
    [3, [expected, expected]],
    [2, [expected, '*']],
    [2, ['*', '*']],
    [2, ['', expected]],
    [2, [`${expected}, ${expected}`]],
    [2, [`${expected}, *`]],
    [2, [`${expected},`]],
    [2, [`${expected} https://other.example`]],
    [3, [`${expected}/`]],
    [2, [expected.toUpperCase()]],
    [2, [`${protocol === 'http:' ? 'https:' : 'http:'}//${hostname}:${port}`]],
    [2, [`${protocol}//${hostname}`]],
    [1, [`${protocol}//${hostname}:${Number(port) + 1}`]],
    [1, [`${protocol}//${hostname}:0${port}`]],
    [2, [`${protocol}//sub.${hostname}:${port}`]],
    [2, [`${protocol}//*.example.com:${port}`]],
    [1, [`${hostname}:${port}`]],
    [2, [`  ${expected}\t`]],
    [1, ['\t* ']],
    [1, [`"${expected}"`]],
    [1, ['**']],
    [1, ['*.']],
    [2, ['']],
    [1, ['null, null']],
    [1, ['https://evil.example']],
    [2, [target]],
    [1, [`${expected}\x01`]],
    [1, [`${expected}\xe9`]],
    [1, [`${expected}?`]],
    [1, [`${expected}/path`]],
    [1, [`${protocol}//user@${hostname}:${port}`]],
  ])
}

export function allowCredentials(random) {
  return random.weighted([
    [4, ['true']],
    [5, []],
    [3, ['True']],
    [3, ['TRUE']],
    [3, ['false']],
    [2, ['  true\t']],
    [3, ['true', 'true']],
    [2, ['true', 'false']],
    [2, ['true, true']],
    [2, ['']],
    [1, ['', 'true']],
    [1, ['true;']],
    [1, ['"true"']],
    [1, ['1']],
    [1, ['yes']],
    [1, ['*']],
  ])
}

export function allowMethods(random, { method }) {
  const lower = method.toLowerCase()
  return random.weighted([
    [3, [method]],
    [7, ['*']],
    [5, []],
    [4, [lower]],
    [3, [method.toUpperCase()]],
    [3, [`GET, ${method}, HEAD`]],
    [2, ['GET', method]],
    [2, [method, 'bad value']],
    [2, [`${method},`]],
    [2, [`,${method}`]],
    [2, [`GET,,${method}`]],
    [2, [`GET ${method}`]],
    [2, [`GET, ${method};`]],
    [2, [`"${method}"`]],
    [2, [`\t${method}\t,\tGET `]],
    [2, ['']],
    [2, ['GET, HEAD, POST']],
    [1, ['GET, HEAD, POST, OPTIONS, DELETE, PUT, PATCH']],
    [2, [`*, ${method}`]],
    [1, ['**']],
    [1, ['GET, *']],
    [1, ['*', 'GET']],
    [1, [`${method}X`]],
    [1, [`${method}\xe9`]],
    [1, ['get']],
    [1, [',']],
    [1, [`(${method})`]],
  ])
}

export function allowHeaders(random, { names }) {
  const all = names.join(', ')
  const [first = 'x-a', ...others] = names
  return random.weighted([
    [3, [all]],
    [8, ['*']],
    [5, []],
    [3, [all.toUpperCase()]],
    [3, [names.map((name) => name[0].toUpperCase() + name.slice(1)).join(',')]],
    [3, [others.join(',')]],
    [3, others.length ? [first, others.join(',')] : [first, 'x-more']],
    [2, [all, 'bad value']],
    [2, [`${all},`]],
    [2, [`,,${all}`]],
    [2, [names.join(' ')]],
    [2, [names.join(';')]],
    [2, [`"${first}"`]],
    [2, [` \t${names.join('\t,\t')} `]],
    [2, ['']],
    [2, [`*, ${all}`]],
    [3, ['*, Authorization']],
    [2, ['*', 'authorization']],
    [1, ['**']],
    [1, [`${all}, *`]],
    [2, ['Content-Type']],
    [2, ['content-type, authorization, x-requested-with, x-a, x-b, x-trace, accept, range']],
    [1, [`${all}\x01`]],
    [1, [`${all}, a\xe9`]],
    [1, [`${all}, (comment)`]],
    [1, [`x-${all}`]],
    [1, [`${all}:`]],
  ])
}

export function exposeHeaders(random) {
  return random.weighted([
    [3, ['X-One']],
    [6, ['*']],
    [3, ['x-one, X-TWO']],
    [2, ['X-One', 'X-Two']],
    [2, ['X-One', '*']],
    [2, ['*, X-One']],
    [2, ['X-One X-Two']],
    [2, ['X-One,']],
    [2, [',X-Two']],
    [2, ['X-One, (x)']],
    [2, ['X-One', 'bad value']],
    [2, ['"X-One"']],
    [2, ['']],
    [2, ['Set-Cookie']],
    [2, ['set-cookie2, x-one']],
    [2, ['ETag, Retry-After, X-RateLimit-Remaining']],
    [2, ['Authorization, X-One']],
    [1, ['\tx-one\t,\tX-TWO']],
    [1, ['X-One;X-Two']],
    [1, ['x-absent']],
    [1, ['**']],
    [1, ['X-On*']],
    [1, ['Access-Control-Allow-Origin, Vary, Date']],
    [1, ['X-One, a\xe9']],
    [1, []],
  ])
}

/** Lines that JavaScript may read always, only if exposed, or never. */
export const extraHeaders = [
  ['X-One', '1'],
  ['x-TWO', 'a'],
  ['x-two', 'b'],
  ['ETag', '"1"'],
  ['Retry-After', '7'],
  ['X-RateLimit-Remaining', '3'],
  ['Content-Language', 'en'],
  ['Expires', '0'],
  ['Last-Modified', 'Wed, 21 Oct 2015 07:28:00 GMT'],
  ['Pragma', 'no-cache'],
  ['Vary', 'Origin'],
  ['Authorization', 'x'],
  ['Set-Cookie2', 'old=1'],
  ['Location', '/nowhere'],
]

/** 401 and 407 would need a challenge, 408, 421 and 425 make a browser ask again. */
export const preflightStatuses = [
  200, 201, 202, 203, 204, 205, 206, 226, 250, 299, 300, 301, 302, 303, 304, 305, 307, 308, 399, 400, 401, 403, 404,
  405, 418, 429, 500, 502, 503, 599,
]

export const responseStatuses = [
  200, 201, 202, 203, 204, 205, 206, 226, 299, 300, 304, 305, 306, 400, 401, 403, 404, 405, 410, 418, 429, 500, 502,
  503, 599,
]

export const redirectStatuses = [301, 302, 303, 307, 308]

/** Of a cookie that the answer sets. */
export const cookieAttributes = [
  '',
  '; SameSite=Lax',
  '; SameSite=Strict',
  '; SameSite=None',
  '; SameSite=None; Secure',
  '; SameSite=None; Secure; Partitioned',
  '; Secure',
  '; Partitioned; Secure',
  '; samesite=NONE; secure',
  '; SameSite=Odd',
]

export const resourcePolicies = [
  ['same-origin'],
  ['same-site'],
  ['cross-origin'],
  [],
  ['Same-Origin'],
  ['same-origin, same-origin'],
  ['same-site', 'same-origin'],
  [''],
  ['none'],
]
