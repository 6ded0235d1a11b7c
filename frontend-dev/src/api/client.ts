/**
 * A client for the API, written to be copied: this file and `generated/`, with
 * no dependencies. The API's description types every call: a path, method,
 * body or parameter that the description does not list does not compile.
 *
 *   const api = createClient({ baseUrl: apiUrl() })
 *   const { message } = await api.request('GET', '/api/hello')
 *   await api.request('POST', '/api/session', { json: { name: 'Ada' } })
 *
 * A call resolves to the body of a 2xx response. It rejects with
 *   ProblemError  when the API responded with an error;
 *   NetworkError  when no response reached this page. The browser hides why:
 *                 the API may be down, or it may not allow this page's origin;
 *   TimeoutError  when no response came in time; the API may still have
 *                 carried out the request;
 *   FormatError   when a successful response did not come from the API;
 *   the signal's reason (an AbortError) when the caller aborted the call.
 */
import type { components, paths } from './generated/openapi'

/** An `application/problem+json` body (RFC 9457). One written by a proxy may lack the detail. */
export type Problem = Omit<components['schemas']['Problem'], 'detail'> & { detail?: string }

export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly problem: Problem
  /** Seconds until the same request may be sent again (429, 503). */
  readonly retryAfter: number | undefined
  /** Quote it in a bug report: every log line about the request contains it. */
  readonly requestId: string | undefined

  constructor(problem: Problem, headers: Headers) {
    super(problem.detail ?? problem.title)
    this.problem = problem
    this.retryAfter = retryAfterSeconds(headers.get('Retry-After'))
    this.requestId = problem.request_id ?? headers.get('X-Request-ID') ?? undefined
  }

  get status(): number {
    return this.problem.status
  }

  /** What is wrong with each field, keyed by the field's name. */
  get fields(): Record<string, string> {
    return Object.fromEntries((this.problem.errors ?? []).map((e) => [e.field, e.detail]))
  }
}

export class NetworkError extends Error {
  override readonly name = 'NetworkError'

  constructor(method: string, url: string, cause?: unknown) {
    super(`${method} ${url}: no response that this page may read`, { cause })
  }
}

export class TimeoutError extends Error {
  override readonly name = 'TimeoutError'

  constructor(method: string, url: string, milliseconds: number) {
    super(`${method} ${url}: no response within ${milliseconds / 1000} s`)
  }
}

export class FormatError extends Error {
  override readonly name = 'FormatError'

  constructor(url: string, contentType: string | null) {
    super(`${url} responded with ${contentType ?? 'no content type'}, not with the API’s JSON`)
  }
}

interface CallOptions {
  headers?: Record<string, string>
  signal?: AbortSignal | undefined
  /** Milliseconds until a TimeoutError; 0 means no limit. */
  timeout?: number
  credentials?: RequestCredentials
  /** The fetch mode, `cors` by default. */
  mode?: RequestMode
  /** Receives the headers of a response with any status, such as its ETag. */
  onHeaders?: (headers: Headers) => void
}

/** Options of a request that the description does not check. */
export interface SendOptions extends CallOptions {
  query?: Record<string, string | number>
  /** Sent as JSON, which requires a preflight. */
  json?: unknown
  /** Sent unchanged. */
  body?: string | FormData
}

/** What the generated types hold for one method of one path. */
interface Operation {
  parameters: { path?: unknown; query?: unknown }
  responses: unknown
}

type Path = keyof paths
/** The methods of a path, in upper case as they are sent. */
type Method<P extends Path> = {
  [Verb in keyof paths[P]]-?: paths[P][Verb] extends Operation ? Uppercase<Verb & string> : never
}[keyof paths[P]]
type OperationOf<P extends Path, M extends Method<P>> = Extract<paths[P][Lowercase<M> & keyof paths[P]], Operation>

/** `path`, `query` and `json` as the description has them: required, optional or absent. */
type Options<O extends Operation> = CallOptions &
  Pick<O['parameters'], 'path' | 'query'> &
  (O extends { requestBody: { content: { 'application/json': infer Body } } } ? { json: Body } : { json?: never })

type Json<Response> = Response extends { content: { 'application/json': infer Body } } ? Body : undefined
/** The body of a successful response; undefined for a response without one. */
type Result<O extends Operation> = {
  [Status in keyof O['responses'] & (200 | 201 | 204)]: Json<O['responses'][Status]>
}[keyof O['responses'] & (200 | 201 | 204)]

/** What happened on the wire, as far as the browser shows it to JavaScript. */
export interface Exchange {
  method: string
  url: string
  credentials: RequestCredentials
  mode?: RequestMode
  requestHeaders: Headers
  requestBody: string | FormData | undefined
  /** Whether XMLHttpRequest sent it, with listeners for the upload's progress. */
  progress: boolean
  milliseconds: number
  response?: ReceivedResponse
  /** What the call rejects with, if it fails. */
  error?: Error
}

export interface ReceivedResponse {
  status: number
  statusText: string
  /** The headers that the browser lets JavaScript read. */
  headers: Headers
  body: unknown
}

export interface ClientOptions {
  /** Scheme, host and port, such as `http://localhost:8080`; empty means the page's own origin. */
  baseUrl: string
  /** Milliseconds; 10,000 by default. */
  timeout?: number
  /** Aborts every call of this client. */
  signal?: AbortSignal
  /** Called once for each request, after its response or failure. */
  observe?: (exchange: Exchange) => void
}

/**
 * The API's address under the host name that this page was loaded from.
 * `localhost` and `127.0.0.1` are different sites: a page on one cannot keep
 * the other's SameSite=Lax cookies.
 */
export function apiUrl(port = '8080', hostname = window.location.hostname): string {
  return `http://${hostname}:${port}`
}

export type Client = ReturnType<typeof createClient>

/** Throws when `baseUrl` cannot be the API's address. */
export function createClient(options: ClientOptions) {
  const { baseUrl, timeout: defaultTimeout = 10_000, signal: clientSignal, observe = () => {} } = options
  // A path would be lost silently, because the paths of the calls start at the root.
  if (baseUrl !== '' && !isOrigin(baseUrl)) {
    throw new Error(`baseUrl is ${JSON.stringify(baseUrl)}; write scheme, host and port: http://localhost:8080`)
  }

  /** Reports the exchange, then returns the response's body or throws its error. */
  function finish(exchange: Exchange, response: ReceivedResponse): unknown {
    const error = responseError(exchange.url, response)
    observe({ ...exchange, response, ...(error && { error }) })
    if (error) throw error
    return response.body
  }

  /** Makes a call that the description lists. */
  async function request<P extends Path, M extends Method<P>>(
    method: M,
    path: P,
    // biome-ignore lint/complexity/noBannedTypes: {} fits options that may all be left out
    ...[options]: {} extends Options<OperationOf<P, M>>
      ? [options?: Options<OperationOf<P, M>>]
      : [options: Options<OperationOf<P, M>>]
  ): Promise<Result<OperationOf<P, M>>> {
    const { path: parameters = {}, ...rest } = (options ?? {}) as SendOptions & { path?: Record<string, string> }
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => segment(name, parameters[name]!))
    return (await send(method, filled, rest)) as Result<OperationOf<P, M>>
  }

  /** Makes any other call. Nothing is checked: neither what is sent nor what comes back. */
  async function send(method: string, path: string, options: SendOptions = {}): Promise<unknown> {
    const { query, json, signal, timeout = defaultTimeout, credentials = 'include', mode = 'cors', onHeaders } = options
    const url = address(baseUrl, path, query)
    const headers = new Headers(options.headers)
    if (json !== undefined) headers.set('Content-Type', 'application/json')
    const body = json === undefined ? options.body : JSON.stringify(json)

    const deadline = timeout > 0 ? AbortSignal.timeout(timeout) : undefined
    const aborts = [signal, clientSignal].filter((s) => s !== undefined)
    const signals = [...aborts, deadline].filter((s) => s !== undefined)
    const started = performance.now()
    const exchange = (): Exchange => ({
      method,
      url,
      credentials,
      mode,
      requestHeaders: headers,
      requestBody: body,
      progress: false,
      milliseconds: performance.now() - started,
    })
    let received: ReceivedResponse
    try {
      const response = await fetch(url, {
        method,
        headers,
        body: body ?? null,
        credentials,
        mode,
        signal: AbortSignal.any(signals),
      })
      received = {
        status: response.status,
        statusText: response.statusText,
        headers: response.headers,
        body: parse(await response.text(), response.headers),
      }
    } catch (cause) {
      const error = failure(cause)
      observe({ ...exchange(), error })
      throw error
    }
    onHeaders?.(received.headers)
    return finish(exchange(), received)

    function failure(cause: unknown): Error {
      const aborted = aborts.find((signal) => signal.aborted)
      if (aborted) return aborted.reason
      if (deadline?.aborted) return new TimeoutError(method, url, timeout)
      return new NetworkError(method, url, cause)
    }
  }

  /**
   * Uploads a file with XMLHttpRequest, because fetch cannot report progress.
   * The progress listeners require a preflight. There is no timeout, since a
   * slow connection may take any time; abort it with the signal.
   */
  async function upload(
    file: File,
    { onProgress, signal }: { onProgress?: (sent: number, total: number) => void; signal?: AbortSignal } = {},
  ): Promise<UploadedFile> {
    const aborted = AbortSignal.any([signal, clientSignal].filter((s) => s !== undefined))
    aborted.throwIfAborted()
    const method = 'POST'
    const url = address(baseUrl, '/api/upload')
    const body = new FormData()
    body.append('file', file)

    return new Promise((resolve, reject) => {
      const xhr = new XMLHttpRequest()
      const started = performance.now()
      const exchange = (): Exchange => ({
        method,
        url,
        credentials: 'include',
        requestHeaders: new Headers(),
        requestBody: body,
        progress: true,
        milliseconds: performance.now() - started,
      })
      const fail = (error: Error) => {
        observe({ ...exchange(), error })
        reject(error)
      }
      xhr.upload.onprogress = (event) => onProgress?.(event.loaded, event.total)
      xhr.onload = () => {
        const headers = receivedHeaders(xhr)
        const received = {
          status: xhr.status,
          statusText: xhr.statusText,
          headers,
          body: parse(xhr.responseText, headers),
        }
        try {
          resolve(finish(exchange(), received) as UploadedFile)
        } catch (error) {
          reject(error)
        }
      }
      xhr.onerror = () => fail(new NetworkError(method, url))
      xhr.onabort = () => fail(aborted.reason)
      aborted.addEventListener('abort', () => xhr.abort())
      xhr.open(method, url)
      xhr.withCredentials = true
      xhr.send(body)
    })
  }

  return { baseUrl, request, send, upload }
}

type UploadedFile = Result<paths['/api/upload']['post']>

/** The longest that a timer can wait, in seconds: a longer one fires at once. */
const MAX_WAIT = 2_147_483

/** `Retry-After` in seconds, at most MAX_WAIT. The API sends a number; a proxy may send a date. */
export function retryAfterSeconds(value: string | null, now = Date.now()): number | undefined {
  if (value === null) return undefined
  if (/^\d+$/.test(value)) return Math.min(MAX_WAIT, Number(value))
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.min(MAX_WAIT, Math.max(0, Math.ceil((date - now) / 1000)))
}

/** Reports whether baseUrl is an http or https origin; a trailing slash is harmless. */
function isOrigin(baseUrl: string): boolean {
  if (!URL.canParse(baseUrl)) return false
  const { protocol, href, origin } = new URL(baseUrl)
  return /^https?:$/.test(protocol) && href === `${origin}/`
}

/** A value as one segment of a path, so that it cannot lead to another path. */
function segment(name: string, value: string): string {
  // A URL loses such a segment, and the one before `..`, even if the dots are encoded.
  if (value === '.' || value === '..') {
    throw new Error(`{${name}} is ${JSON.stringify(value)}, which would change the path of the request`)
  }
  return encodeURIComponent(value)
}

function address(baseUrl: string, path: string, query: SendOptions['query'] = {}): string {
  const url = new URL(path, baseUrl || window.location.origin)
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value))
  return url.href
}

function parse(text: string, headers: Headers): unknown {
  if (text === '') return undefined
  if (!/^application\/(.+\+)?json\b/.test(headers.get('Content-Type') ?? '')) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function responseError(
  url: string,
  { status, statusText, headers, body }: ReceivedResponse,
): ProblemError | FormatError | undefined {
  const contentType = headers.get('Content-Type')
  if (status >= 200 && status < 300) {
    // The API's JSON is never a bare string, so this body was not parsed as JSON.
    return typeof body === 'string' ? new FormatError(url, contentType) : undefined
  }
  // The response to HEAD has a problem's content type, but no body.
  const isProblem = contentType?.startsWith('application/problem+json') && typeof body === 'object' && body !== null
  // HTTP/2 has no reason phrase, and each member of a problem is optional (RFC 9457, section 3.1).
  const title = statusText || `HTTP status ${status}`
  return new ProblemError({ type: 'about:blank', title, ...(isProblem && (body as Problem)), status }, headers)
}

function receivedHeaders(xhr: XMLHttpRequest): Headers {
  const headers = new Headers()
  for (const line of xhr.getAllResponseHeaders().trim().split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  return headers
}
