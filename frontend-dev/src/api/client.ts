/**
 * A client for the API, written to be copied: this file, `types.ts` and
 * `generated/`, no dependency.
 *
 *   const api = createClient({ baseUrl: apiUrl() })
 *   const { items } = await api.listItems({ limit: 10 })
 *
 * A call resolves to the body of a 2xx answer. It rejects with
 *   ProblemError  the API answered with an error, and said which;
 *   NetworkError  no answer reached this page, and the browser hides why:
 *                 the API is down, or it does not allow this page's origin;
 *   TimeoutError  no answer came in time; the API may have done it all the same;
 *   FormatError   something answered with success, but not the API;
 *   the signal's reason (an AbortError) when the caller aborted.
 */
import type { Hello, Item, ItemInput, ItemPage, Problem, SearchResult, Session, Upload } from './types'

export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly problem: Problem
  /** Seconds after which the same request may be sent again (429, 503). */
  readonly retryAfter: number | undefined
  /** Quote it in a bug report: every log line of the request bears it. */
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

  /** What is wrong with each field, by the field's name. */
  get fields(): Record<string, string> {
    return Object.fromEntries((this.problem.errors ?? []).map((e) => [e.field, e.detail]))
  }
}

export class NetworkError extends Error {
  override readonly name = 'NetworkError'

  constructor(method: string, url: string, cause?: unknown) {
    super(`${method} ${url}: no answer that this page may read`, { cause })
  }
}

export class TimeoutError extends Error {
  override readonly name = 'TimeoutError'

  constructor(method: string, url: string, milliseconds: number) {
    super(`${method} ${url}: no answer within ${milliseconds / 1000} s`)
  }
}

export class FormatError extends Error {
  override readonly name = 'FormatError'

  constructor(url: string, contentType: string | null) {
    super(`${url} answered ${contentType ?? 'without a content type'}, not the API’s JSON`)
  }
}

export interface RequestOptions {
  query?: Record<string, string | number | undefined>
  headers?: Record<string, string>
  /** Sent as JSON, which makes the browser ask with a preflight first. */
  json?: unknown
  /** Sent as it is. */
  body?: string | FormData
  signal?: AbortSignal | undefined
  /** Milliseconds until a TimeoutError; 0: none. */
  timeout?: number
  credentials?: RequestCredentials
}

/** What happened on the wire, as far as the browser lets JavaScript see it. */
export interface Exchange {
  method: string
  url: string
  credentials: RequestCredentials
  requestHeaders: Headers
  requestBody: string | FormData | undefined
  /** Sent by XMLHttpRequest with listeners for the upload's progress. */
  progress: boolean
  milliseconds: number
  response?: Answer
  /** What the call rejects with, if it does. */
  error?: Error
}

export interface Answer {
  status: number
  statusText: string
  /** Those that the browser lets JavaScript read. */
  headers: Headers
  body: unknown
}

export interface ClientOptions {
  /** Scheme, host and port, `http://localhost:8080`; empty: the page's own origin. */
  baseUrl: string
  /** Milliseconds; default 10,000. */
  timeout?: number
  /** Called once for each request, after its answer or failure. */
  observe?: (exchange: Exchange) => void
}

/**
 * The API under the host name that this page was loaded from. `localhost` and
 * `127.0.0.1` are different sites: a page on one keeps no cookie of the other.
 */
export function apiUrl(port = '8080', hostname = window.location.hostname): string {
  return `http://${hostname}:${port}`
}

export type Client = ReturnType<typeof createClient>

/** Throws when `baseUrl` is no address of the API. */
export function createClient({ baseUrl, timeout: defaultTimeout = 10_000, observe = () => {} }: ClientOptions) {
  // A path would be lost silently: those of the calls start at the root.
  if (baseUrl !== '' && !isOrigin(baseUrl)) {
    throw new Error(`baseUrl is ${JSON.stringify(baseUrl)}; write scheme, host and port: http://localhost:8080`)
  }

  /** The body of an answer, or what the call rejects with. */
  function settle<T>(exchange: Exchange, response: Answer): T {
    const error = refusal(exchange.url, response)
    observe({ ...exchange, response, ...(error && { error }) })
    if (error) throw error
    return response.body as T
  }

  async function request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const { query, json, signal, timeout = defaultTimeout, credentials = 'include' } = options
    const url = address(baseUrl, path, query)
    const headers = new Headers(options.headers)
    if (json !== undefined) headers.set('Content-Type', 'application/json')
    const body = json === undefined ? options.body : JSON.stringify(json)

    const deadline = timeout > 0 ? AbortSignal.timeout(timeout) : undefined
    const signals = [signal, deadline].filter((s) => s !== undefined)
    const started = performance.now()
    const exchange = (): Exchange => ({
      method,
      url,
      credentials,
      requestHeaders: headers,
      requestBody: body,
      progress: false,
      milliseconds: performance.now() - started,
    })
    let answer: Answer
    try {
      const response = await fetch(url, {
        method,
        headers,
        body: body ?? null,
        credentials,
        signal: AbortSignal.any(signals),
      })
      answer = {
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
    return settle<T>(exchange(), answer)

    function failure(cause: unknown): Error {
      if (signal?.aborted) return signal.reason
      if (deadline?.aborted) return new TimeoutError(method, url, timeout)
      return new NetworkError(method, url, cause)
    }
  }

  /**
   * Uploads with progress, which fetch cannot report: hence XMLHttpRequest.
   * Its progress listeners make the browser ask with a preflight first.
   * No time-out: it takes as long as the line does; abort by the signal.
   */
  async function upload(
    file: File,
    { onProgress, signal }: { onProgress?: (sent: number, total: number) => void; signal?: AbortSignal } = {},
  ): Promise<Upload> {
    signal?.throwIfAborted()
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
        const answer = {
          status: xhr.status,
          statusText: xhr.statusText,
          headers,
          body: parse(xhr.responseText, headers),
        }
        try {
          resolve(settle<Upload>(exchange(), answer))
        } catch (error) {
          reject(error)
        }
      }
      xhr.onerror = () => fail(new NetworkError(method, url))
      xhr.onabort = () => fail(signal?.reason)
      signal?.addEventListener('abort', () => xhr.abort())
      xhr.open(method, url)
      xhr.withCredentials = true
      xhr.send(body)
    })
  }

  const item = (id: string) => `/api/items/${encodeURIComponent(id)}`
  type Signal = { signal?: AbortSignal }

  return {
    baseUrl,
    /** Any request; the calls below are made with it. */
    request,
    hello: () => request<Hello>('GET', '/api/hello'),

    listItems: (query: { limit?: number; cursor?: string | undefined } = {}, { signal }: Signal = {}) =>
      request<ItemPage>('GET', '/api/items', { query, signal }),
    getItem: (id: string, { signal }: Signal = {}) => request<Item>('GET', item(id), { signal }),
    createItem: (input: ItemInput) => request<Item>('POST', '/api/items', { json: input }),
    replaceItem: (id: string, input: ItemInput) => request<Item>('PUT', item(id), { json: input }),
    changeItem: (id: string, changes: Partial<ItemInput>) => request<Item>('PATCH', item(id), { json: changes }),
    deleteItem: (id: string) => request<void>('DELETE', item(id)),

    search: (q: string, { signal }: Signal = {}) =>
      request<SearchResult>('GET', '/api/search', { query: { q }, signal }),
    upload,

    signIn: (name: string) => request<Session>('POST', '/api/session', { json: { name } }),
    session: () => request<Session>('GET', '/api/session'),
    signOut: () => request<void>('DELETE', '/api/session'),
  }
}

/** `Retry-After` in seconds: a number as the API sends it, or a date as a proxy may. */
export function retryAfterSeconds(value: string | null, now = Date.now()): number | undefined {
  if (value === null) return undefined
  if (/^\d+$/.test(value)) return Number(value)
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000))
}

/** Whether it is an http origin; a slash at its end does no harm. */
function isOrigin(baseUrl: string): boolean {
  if (!URL.canParse(baseUrl)) return false
  const { protocol, href, origin } = new URL(baseUrl)
  return /^https?:$/.test(protocol) && href === `${origin}/`
}

function address(baseUrl: string, path: string, query: RequestOptions['query'] = {}): string {
  const url = new URL(path, baseUrl || window.location.origin)
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value))
  }
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

function refusal(url: string, { status, statusText, headers, body }: Answer): ProblemError | FormatError | undefined {
  const contentType = headers.get('Content-Type')
  if (status >= 200 && status < 300) {
    // The API's JSON is never a bare text: this is a body that is none.
    return typeof body === 'string' ? new FormatError(url, contentType) : undefined
  }
  const isProblem = contentType?.startsWith('application/problem+json')
  return new ProblemError(isProblem ? (body as Problem) : { type: 'about:blank', title: statusText, status }, headers)
}

function receivedHeaders(xhr: XMLHttpRequest): Headers {
  const headers = new Headers()
  for (const line of xhr.getAllResponseHeaders().trim().split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  return headers
}
