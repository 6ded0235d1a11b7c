/**
 * Calls that fail, one per row: what is called, how the server misbehaves, and the
 * cause that the page must name first.
 *
 *   call     method, path or url, headers, body, credentials, mode; GET / by default
 *   server   `http` is the misbehaving server below, which `answers` describes;
 *            support/hostile.mjs has the others, `api` is this project's
 *   answers  by method; `*` for any other. An answer is [status, headers, body],
 *            or the name of a misdeed: hang, close, break
 *   page     `allowed` by default: the origin that the API allows. `blocked` is one that it does not allow; `secure`,
 *            the page over https; `public`, the allowed page as if it came from the internet
 *   cause    a name, or one for each browser where they differ
 *
 * In headers and URLs, $page is the page's origin and $http the server's.
 */
const credentials = 'include'
const json = { 'Content-Type': 'application/json' }
const origin = { 'Access-Control-Allow-Origin': '$page' }
const any = { 'Access-Control-Allow-Origin': '*' }
const withCredentials = { ...origin, 'Access-Control-Allow-Credentials': 'true' }
const preflight = (headers, status = 204) => ({ OPTIONS: [status, headers], '*': [200, origin] })
const methods = (value, more = origin) => preflight({ ...more, 'Access-Control-Allow-Methods': value })
const names = (value, more = origin) => preflight({ ...more, 'Access-Control-Allow-Headers': value })
const answer = (headers, status = 200) => ({ '*': [status, headers] })
const to = (location, status = 302, headers = origin) => answer({ ...headers, Location: location }, status)

const missing = 'MissingAllowOriginHeader'
const mismatch = 'AllowOriginMismatch'
const method = 'MethodDisallowedByPreflightResponse'
const header = 'HeaderDisallowedByPreflightResponse'

export const cases = [
  // First, because they wait for timeouts while the others run.
  { name: 'the API hangs', answers: { '*': 'hang' }, cause: 'TimedOut' },
  { name: 'OPTIONS gets no response', call: { method: 'PUT' }, answers: { '*': 'hang' }, cause: 'TimedOut' },

  // The origin.
  { name: 'no CORS headers', answers: answer({}), cause: missing },
  { name: 'no CORS headers on HEAD', call: { method: 'HEAD' }, answers: answer({}), cause: missing },
  {
    name: 'another origin',
    answers: answer({ 'Access-Control-Allow-Origin': 'https://other.example' }),
    cause: mismatch,
  },
  {
    name: 'another port',
    answers: answer({ 'Access-Control-Allow-Origin': 'http://localhost:3000' }),
    cause: mismatch,
  },
  { name: 'a trailing slash', answers: answer({ 'Access-Control-Allow-Origin': '$page/' }), cause: mismatch },
  { name: 'null', answers: answer({ 'Access-Control-Allow-Origin': 'null' }), cause: mismatch },
  {
    name: 'a wildcard for subdomains',
    answers: answer({ 'Access-Control-Allow-Origin': 'http://*.localhost' }),
    cause: mismatch,
  },
  {
    name: 'no scheme',
    answers: answer({ 'Access-Control-Allow-Origin': 'localhost' }),
    cause: { Chromium: 'InvalidAllowOriginValue', Firefox: mismatch },
  },
  {
    name: 'a list in one line',
    answers: answer({ 'Access-Control-Allow-Origin': '$page, https://other.example' }),
    cause: { Chromium: 'MultipleAllowOriginValues', Firefox: mismatch },
  },
  {
    name: 'two lines',
    answers: answer({ 'Access-Control-Allow-Origin': ['$page', '*'] }),
    cause: 'MultipleAllowOriginValues',
  },
  { name: 'an error without CORS headers: 500', answers: answer({}, 500), cause: missing },
  { name: 'an error without CORS headers: 404', answers: answer({}, 404), cause: missing },
  { name: 'an error without CORS headers: 401', answers: answer({}, 401), cause: missing },
  { name: 'an error without CORS headers: 403', answers: answer({}, 403), cause: missing },
  { name: 'an error without CORS headers: 429', answers: answer({}, 429), cause: missing },

  // Credentials.
  {
    name: 'a wildcard with credentials',
    call: { credentials },
    answers: answer(any),
    cause: 'WildcardOriginNotAllowed',
  },
  { name: 'no allow-credentials', call: { credentials }, answers: answer(origin), cause: 'InvalidAllowCredentials' },
  {
    name: 'allow-credentials in upper case',
    call: { credentials },
    answers: answer({ ...origin, 'Access-Control-Allow-Credentials': 'True' }),
    cause: 'InvalidAllowCredentials',
  },
  {
    name: 'a wildcard to a preflight with credentials',
    call: { method: 'PUT', credentials },
    answers: methods('PUT', any),
    cause: 'WildcardOriginNotAllowed',
  },
  {
    name: 'a preflight without allow-credentials',
    call: { method: 'PUT', credentials },
    answers: methods('PUT'),
    cause: 'InvalidAllowCredentials',
  },

  // The method.
  { name: 'PUT is not listed', call: { method: 'PUT' }, answers: methods('GET, POST'), cause: method },
  { name: 'DELETE, and no list', call: { method: 'DELETE' }, answers: preflight(origin), cause: method },
  { name: 'a method of one’s own', call: { method: 'PURGE' }, answers: methods('GET, PUT, DELETE'), cause: method },
  { name: 'patch in lower case', call: { method: 'patch' }, answers: methods('PATCH'), cause: 'MethodCase' },
  {
    name: 'all methods, with credentials',
    call: { method: 'PUT', credentials },
    answers: methods('*', withCredentials),
    cause: method,
  },
  {
    name: 'a list of methods that is none',
    call: { method: 'PUT' },
    answers: methods('GET PUT'),
    cause: 'InvalidAllowMethodsPreflightResponse',
  },

  // The headers.
  {
    name: 'JSON is not listed',
    call: { method: 'POST', headers: json, body: '{}' },
    answers: names('Authorization'),
    cause: header,
  },
  {
    name: 'Authorization is not listed',
    call: { headers: { Authorization: 'Bearer x' } },
    answers: names('Content-Type'),
    cause: header,
  },
  { name: 'a header, and no list', call: { headers: { 'X-A': '1' } }, answers: preflight(origin), cause: header },
  { name: 'one header of two', call: { headers: { 'X-A': '1', 'X-B': '1' } }, answers: names('X-A'), cause: header },
  {
    name: 'all headers, with credentials',
    call: { headers: { 'X-A': '1' }, credentials },
    answers: names('*', withCredentials),
    cause: header,
  },
  {
    name: 'a list of headers that is none',
    call: { headers: { 'X-A': '1' } },
    answers: names('X-A X-B'),
    cause: 'InvalidAllowHeadersPreflightResponse',
  },

  // The preflight.
  {
    name: 'OPTIONS is not supported',
    call: { method: 'PUT' },
    answers: preflight(origin, 405),
    cause: 'PreflightInvalidStatus',
  },
  {
    name: 'OPTIONS needs a sign-in',
    call: { method: 'PUT' },
    answers: preflight(origin, 401),
    cause: 'PreflightInvalidStatus',
  },
  { name: 'OPTIONS fails', call: { method: 'PUT' }, answers: preflight(origin, 500), cause: 'PreflightInvalidStatus' },
  {
    name: 'OPTIONS is not known, without CORS headers',
    call: { method: 'PUT' },
    answers: preflight({}, 404),
    cause: missing,
  },
  { name: 'OPTIONS has no CORS headers', call: { method: 'DELETE' }, answers: preflight({}), cause: missing },
  {
    name: 'OPTIONS is redirected',
    call: { method: 'PUT' },
    answers: to('/a/', 308),
    cause: 'PreflightDisallowedRedirect',
  },
  {
    name: 'OPTIONS is redirected to a sign-in',
    call: { headers: { 'X-A': '1' } },
    answers: to('/login'),
    cause: 'PreflightDisallowedRedirect',
  },
  {
    name: 'OPTIONS ends the connection',
    call: { method: 'PUT' },
    answers: { '*': 'close' },
    cause: 'ConnectionClosed',
  },

  // Redirects.
  { name: 'a redirect without CORS headers', answers: to('/a', 302, {}), cause: missing },
  { name: 'a redirect to a server without CORS headers', answers: to('$other/'), cause: missing },
  { name: 'a redirect to a server that allows the page, but gets null', answers: to('$other/allow'), cause: mismatch },
  { name: 'a redirect without end', answers: to('?again'), cause: 'TooManyRedirects' },
  { name: 'a redirect to ftp', answers: to('ftp://a.example/'), cause: 'CorsDisabledScheme' },
  {
    name: 'a redirect to a URL with a password',
    answers: to('http://a:b@localhost:$port/'),
    cause: 'RedirectContainsCredentials',
  },

  // The network.
  { name: 'the API is down', server: 'closed', cause: 'ConnectionRefused' },
  {
    name: 'the API is down, with a preflight',
    server: 'closed',
    call: { method: 'DELETE' },
    cause: 'ConnectionRefused',
  },
  { name: 'the API ends the connection', answers: { '*': 'close' }, cause: 'ConnectionClosed' },
  { name: 'the body breaks off', answers: { '*': 'break' }, cause: 'BrokenBody' },
  { name: 'no HTTP', server: 'banner', cause: 'InvalidResponse' },
  {
    name: 'https to plain http',
    server: 'http',
    call: { url: 'https://localhost:$port/' },
    answers: answer(origin),
    cause: 'NeedsHTTP',
  },
  { name: 'http to https', server: 'tls', call: { url: 'http://localhost:$port/' }, cause: 'NeedsTLS' },
  { name: 'a certificate that nobody trusts', server: 'tls', cause: 'UntrustedAuthority' },
  { name: 'a name that does not exist', call: { url: 'http://no-such-name.invalid/' }, cause: 'NameNotFound' },
  { name: 'a port of another protocol', call: { url: 'http://localhost:6000/' }, cause: 'BadPort' },

  // A proxy in front of the API.
  { name: 'a proxy’s 502', answers: answer({ Server: 'nginx' }, 502), cause: 'Gateway' },
  { name: 'a proxy’s 503', answers: answer({}, 503), cause: 'Gateway' },
  { name: 'a proxy’s 504 to a preflight', call: { method: 'PUT' }, answers: preflight({}, 504), cause: 'Gateway' },

  // What is not repeated.
  { name: 'a POST without a preflight', call: { method: 'POST', body: 'a' }, answers: answer({}), cause: missing },
  {
    name: 'a JSON POST to a server whose preflight alone is right',
    call: { method: 'POST', headers: json, body: '{}' },
    answers: { OPTIONS: [204, { ...origin, 'Access-Control-Allow-Headers': 'content-type' }], '*': [200, {}] },
    cause: missing,
  },
  {
    name: 'a POST that fails where GET does not',
    call: { method: 'POST', body: 'a' },
    answers: { GET: [200, origin], '*': [500, {}] },
    cause: 'NotRepeated',
  },

  // Other modes, and what no browser sends.
  {
    name: 'no-cors, and a resource policy',
    call: { mode: 'no-cors' },
    answers: answer({ 'Cross-Origin-Resource-Policy': 'same-origin' }),
    cause: 'BlockedByResourcePolicy',
  },
  { name: 'no-cors PUT', call: { method: 'PUT', mode: 'no-cors' }, answers: answer(origin), cause: 'MethodNotSimple' },
  {
    name: 'a password in the URL',
    call: { url: 'http://a:b@localhost:$port/' },
    answers: answer(origin),
    cause: 'URLContainsCredentials',
  },
  { name: 'TRACE', call: { method: 'TRACE' }, answers: answer(origin), cause: 'ForbiddenMethod' },
  { name: 'not a method', call: { method: 'P@T' }, answers: answer(origin), cause: 'InvalidMethod' },
  { name: 'mixed content', page: 'secure', call: { url: 'http://192.0.2.1/' }, cause: 'MixedContent' },
  {
    name: 'mixed content with a preflight',
    page: 'secure',
    call: { method: 'PUT', url: 'http://192.0.2.1/' },
    cause: 'MixedContent',
  },

  // Local Network Access.
  { name: 'this machine, from the internet', page: 'public', answers: answer(origin), cause: 'LocalNetwork' },
  {
    name: 'this machine, from the internet, with a preflight',
    page: 'public',
    call: { method: 'PUT' },
    answers: methods('PUT'),
    cause: 'LocalNetwork',
  },
  {
    name: 'this project’s API, from the internet',
    page: 'public',
    server: 'api',
    call: { path: '/api/hello' },
    cause: 'LocalNetwork',
  },

  // This project's API.
  {
    name: 'an origin that is not listed',
    server: 'api',
    page: 'blocked',
    call: { path: '/api/hello', credentials },
    cause: 'OriginDenied',
  },
  {
    name: 'an origin that is not listed, with a preflight',
    server: 'api',
    page: 'blocked',
    call: { method: 'PUT', path: '/api/session' },
    cause: 'OriginDenied',
  },
  {
    name: 'a header that is not listed',
    server: 'api',
    call: { path: '/api/hello', headers: { 'X-A': '1' } },
    cause: header,
  },
  { name: 'a method that is not listed', server: 'api', call: { method: 'PURGE', path: '/api/hello' }, cause: method },
  {
    name: 'patch in lower case, at the API',
    server: 'api',
    call: { method: 'patch', path: '/api/session' },
    cause: 'MethodCase',
  },
  {
    name: 'a cookie of another site',
    server: 'api',
    call: { url: 'http://127.0.0.1:$port/api/session', credentials },
    cause: 'cookie-site',
  },
  {
    name: 'a cookie that is not sent',
    server: 'api',
    call: { path: '/api/session', credentials: 'same-origin' },
    cause: 'credentials-mode',
  },
]
