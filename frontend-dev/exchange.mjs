/**
 * Tells the development page what the browser hides from it. A POST to /__exchange
 * on the page's own origin describes a call that the page has made, or one that a page
 * of another origin would make. The response
 * has the result of a browser's rules (cmd/corscheck), what the API logged about
 * the call, and the settings that a fix must keep.
 *
 * corscheck repeats the call from outside the browser, so a method that may change
 * data is not sent again: corscheck --safe sends the preflight and a GET.
 *
 * This is a Vite plugin, and nothing of it is in the built page. It responds only to
 * this server's pages in a browser on this machine. To anybody else, it would be a
 * way into the network of this machine.
 */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseEnv } from 'node:util'

const PATH = '/__exchange'

/** Bounds: of a question in bytes, of questions at a time and waiting, of corscheck in milliseconds and bytes. */
const MAX_QUESTION = 64 * 1024
/** How many bytes of a question are read at most. Those beyond MAX_QUESTION are discarded. */
const MAX_READ = 1024 * 1024
const MAX_RUNNING = 4
const MAX_WAITING = 64
const REQUEST_TIMEOUT = 4_000
const CHECK_TIMEOUT = 30_000
const MAX_OUTPUT = 1024 * 1024
/** Of the API's log: how many lines are kept, and the length of one. */
const MAX_LINES = 500
const MAX_LINE = 2_000
/** How long to wait for the API's log line, in milliseconds. */
const LOG_DELAY = 300

const dotEnv = path.join(import.meta.dirname, '../.env')
const cors = ['ALLOWED_ORIGINS', 'CORS_ALLOWED_METHODS', 'CORS_ALLOWED_HEADERS', 'CORS_ALLOW_CREDENTIALS']

/**
 * `corscheck` is the program's path; without it, the plugin does nothing.
 * `traceId` marks its requests for the launcher, which reads the API's log.
 */
export function exchange({ corscheck, apiPort, traceId }) {
  const log = []
  let running = 0
  const waiting = []

  /** The launcher sends each line of the API's log. */
  function keep({ apiLog }) {
    if (typeof apiLog !== 'string') return
    log.push({ at: Date.now(), line: apiLog.slice(0, MAX_LINE) })
    if (log.length > MAX_LINES) log.shift()
  }

  /** Runs a task once fewer than MAX_RUNNING are running. */
  async function inTurn(task) {
    if (running < MAX_RUNNING) {
      running++
    } else if (waiting.length < MAX_WAITING) {
      await new Promise((resolve) => waiting.push(resolve))
    } else {
      throw new Refusal(503, 'too many questions at a time')
    }
    try {
      return await task()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }

  async function answer(request) {
    refuseStrangers(request)
    const call = callOf(await bodyOf(request))
    const ownApi = isLoopback(call.url.hostname) && call.url.port === String(apiPort)
    const lines = ownApi ? await logOf(log, call) : []
    const check = await inTurn(() =>
      run(corscheck, [
        ...argumentsOf(call, call.origin ?? request.headers.origin),
        ...(ownApi ? ['--server=api'] : []),
        ...(ownApi && traceId ? [`--trace-id=${traceId}`] : []),
      ]),
    )
    return { check, log: lines, ...(ownApi && { settings: settings() }) }
  }

  return {
    name: 'exchange',
    apply: (_, { command, mode }) => command === 'serve' && mode !== 'test' && Boolean(corscheck),
    config: () => ({ define: { 'import.meta.env.VITE_EXCHANGE': JSON.stringify(PATH) } }),
    configureServer(vite) {
      process.on('message', keep)
      vite.httpServer?.once('close', () => process.off('message', keep))
      vite.middlewares.use(PATH, (request, response) => {
        const reply = (status, value) => {
          response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
          response.end(JSON.stringify(value))
        }
        answer(request).then(
          (value) => reply(200, value),
          (error) => reply(error.status ?? 500, { error: error.message }),
        )
      })
    },
  }
}

class Refusal extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/**
 * Refuses everybody but a page of this server in a browser on this machine.
 * Sec-Fetch-Site cannot be set by scripts, so no page of another site passes;
 * Host must be a name of this machine, so no rebound DNS name passes.
 */
export function refuseStrangers({ method, socket, headers }) {
  const { host = '', origin = '' } = headers
  const local = isLoopback(socket.remoteAddress) && isLoopback(hostname(host))
  const own =
    headers['sec-fetch-site'] === 'same-origin' && (origin === `http://${host}` || origin === `https://${host}`)
  if (!local || !own) throw new Refusal(403, 'only a page of this server may ask, in a browser on this machine')
  if (method !== 'POST') throw new Refusal(405, 'use POST')
  if (headers['content-type'] !== 'application/json') throw new Refusal(415, 'send application/json')
}

function hostname(host) {
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : ''
}

function isLoopback(host = '') {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(host)
}

/**
 * Reads a question. One that is too long is read to its end before it is refused.
 * A client that is still sending might otherwise not read the response.
 */
async function bodyOf(request) {
  const parts = []
  let size = 0
  for await (const part of request) {
    size += part.length
    if (size <= MAX_QUESTION) parts.push(part)
    if (size > MAX_READ) break
  }
  if (size > MAX_QUESTION) throw new Refusal(413, `a question has at most ${MAX_QUESTION} bytes`)
  return Buffer.concat(parts).toString()
}

/** The call that a question describes. */
export function callOf(text) {
  let call
  try {
    call = JSON.parse(text)
  } catch {
    throw new Refusal(400, 'the question is not JSON')
  }
  const { method, url, origin, headers, credentials, mode, hasBody, hasListener, started, ended } = call ?? {}
  if (typeof url !== 'string' || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new Refusal(400, 'url must be an http or https URL')
  if (![method, credentials, mode].every((text) => typeof text === 'string'))
    throw new Refusal(400, 'method, credentials and mode must be strings')
  if (origin !== undefined && typeof origin !== 'string') throw new Refusal(400, 'origin must be a string')
  const pairs =
    Array.isArray(headers) &&
    headers.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every((text) => typeof text === 'string'))
  if (!pairs) throw new Refusal(400, 'headers must be pairs of strings')
  if (typeof started !== 'number' || typeof ended !== 'number')
    throw new Refusal(400, 'started and ended must be numbers of milliseconds')
  return {
    method,
    url: new URL(url),
    origin,
    headers,
    credentials,
    mode,
    hasBody: hasBody === true,
    hasListener: hasListener === true,
    started,
    ended,
  }
}

/** Each value is in one argument with its option's name, so none can become an option. */
export function argumentsOf({ method, url, headers, credentials, mode, hasBody, hasListener }, origin) {
  return [
    '--json',
    '--safe',
    `--timeout=${REQUEST_TIMEOUT}ms`,
    `--origin=${origin}`,
    `--method=${method}`,
    `--mode=${mode}`,
    ...(credentials === 'include' ? ['--credentials'] : []),
    ...(hasBody ? ['--data='] : []),
    ...(hasListener ? ['--upload-listener'] : []),
    ...headers.map(([name, value]) => `--header=${name}: ${value}`),
    url.href,
  ]
}

/** Runs corscheck and resolves to its JSON, or to why it refuses the call. */
function run(corscheck, args) {
  return new Promise((resolve, reject) => {
    execFile(corscheck, args, { timeout: CHECK_TIMEOUT, maxBuffer: MAX_OUTPUT }, (error, stdout, stderr) => {
      try {
        resolve(JSON.parse(stdout))
      } catch {
        // Wrong usage has no JSON: the call is one that a browser does not make.
        if (error?.code === 2)
          resolve({
            allowed: false,
            error: stderr.split('\n')[0].replace(/^corscheck: /, ''),
            reason: 'NotACall',
            exchanges: [],
          })
        else reject(error)
      }
    })
  })
}

/** The lines about a call in the API's log, once there are any: the log is written a moment after the response. */
async function logOf(log, { url, started, ended }) {
  const deadline = ended + LOG_DELAY
  const about = () =>
    log.filter(({ at, line }) => at >= started && at <= deadline && isAbout(line, url.pathname)).map(({ line }) => line)
  while (process.connected && about().length === 0 && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20))
  return about().slice(-4)
}

/** Reports whether a line of the log, in either format, names the path. */
export function isAbout(line, pathname) {
  let name = pathname
  try {
    name = decodeURIComponent(pathname)
  } catch {
    // The API rejects such a path as well.
  }
  // The access log names it url.path.
  return [`path=${name} `, `path=${JSON.stringify(name)} `, `path":${JSON.stringify(name)}`].some((text) =>
    `${line} `.includes(text),
  )
}

/** The settings of CORS that are set, and which of them the environment sets, so that .env does not count. */
function settings() {
  const file = existsSync(dotEnv) ? parseEnv(readFileSync(dotEnv, 'utf8')) : {}
  // What the launcher sets, unless .env does.
  const values = process.env.DEFAULT_ORIGINS ? { ALLOWED_ORIGINS: process.env.DEFAULT_ORIGINS } : {}
  const fixed = []
  for (const name of cors) {
    if (process.env[name] !== undefined && (process.env[name] !== '' || name === 'ALLOWED_ORIGINS')) {
      values[name] = process.env[name]
      fixed.push(name)
    } else if (file[name]) {
      values[name] = file[name]
    }
  }
  return { values, fixed }
}
