/**
 * The scripted server. It speaks HTTP/1.1 on bare sockets, because node:http
 * rejects unknown methods and odd header lines, and both are what is tried here.
 */
import { STATUS_CODES } from 'node:http'
import { createServer as createPlainServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { pagePath, sandboxPath } from './origins.mjs'

const maxHeadBytes = 64 * 1024

/**
 * Plays `cases` on loopback, on `ports` (`{ http: [...], https: [...] }`; 0 takes
 * a free one). `certificate` is needed for https alone.
 */
export async function startServer({ cases, ports, certificate }) {
  const byNumber = new Map(cases.map((each) => [each.case, each]))
  const arrived = new Map()
  const sockets = new Set()
  const answer = (request) => answerTo(request, byNumber, arrived)
  const onSocket = (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // A browser may reset a connection at any time.
    socket.on('error', () => socket.destroy())
    serve(socket, answer)
  }
  const servers = [
    ...(ports.http ?? []).map((port) => [createPlainServer({ noDelay: true }, onSocket), port]),
    ...(ports.https ?? []).map((port) => [
      createTlsServer({ ...certificate, noDelay: true, ALPNProtocols: ['http/1.1'] }, onSocket),
      port,
    ]),
  ]
  for (const [server, port] of servers) await listen(server, port)
  return {
    ports: servers.map(([server]) => server.address().port),
    /** The requests of one case that arrived, in order, and forgets them. */
    take(number) {
      const requests = arrived.get(number) ?? []
      arrived.delete(number)
      return requests
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await Promise.all(servers.map(([server]) => new Promise((resolve) => server.close(resolve))))
    },
  }
}

async function listen(server, port) {
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  }).catch((error) => {
    if (error.code !== 'EADDRINUSE') throw error
    throw new Error(`port ${port} is in use: end the other run, then start this one again`, { cause: error })
  })
}

/** Reads one request after the other and writes the answers. */
function serve(socket, answer) {
  let unread = ''
  socket.setEncoding('latin1')
  socket.on('data', (text) => {
    unread += text
    // A request line starts with a letter or a sign. Bytes of TLS on a port for plain HTTP do not.
    if (unread.charCodeAt(0) < 0x21) return socket.destroy()
    for (;;) {
      const end = unread.indexOf('\r\n\r\n')
      if (end < 0) {
        if (unread.length > maxHeadBytes) socket.destroy()
        return
      }
      const request = parseHead(unread.slice(0, end))
      const length = Number(headerValue(request.headers, 'content-length') ?? 0)
      if (unread.length < end + 4 + length) return
      unread = unread.slice(end + 4 + length)
      socket.write(answer(request), 'latin1')
    }
  })
}

function parseHead(head) {
  const [requestLine, ...lines] = head.split('\r\n')
  const [method, target] = requestLine.split(' ')
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]
  })
  return { method, target, headers }
}

/** The bytes of the answer, one character per byte. */
function answerTo({ method, target, headers }, cases, arrived) {
  const path = target.split('?')[0]
  if (path === pagePath) return page([])
  if (path === sandboxPath) return page([['Content-Security-Policy', 'sandbox allow-scripts']])

  const [, number, index] = (/^\/c\/(\d+)\/(\d+)$/.exec(path) ?? []).map(Number)
  const hop = cases.get(number)?.hops[index]
  if (!hop) return format(method, { status: 404, headers: [['Content-Length', '0']] })

  const preflight = method === 'OPTIONS' && headerValue(headers, 'access-control-request-method') !== undefined
  if (!arrived.has(number)) arrived.set(number, [])
  arrived.get(number).push({ hop: index, preflight, method, headers: lines(headers, cases.get(number).request) })
  return format(method, preflight ? hop.preflight : hop.response)
}

const kept = /^(origin|cookie|content-type|authorization|access-control-request-.*|sec-fetch-(site|mode))$/

/** The lines that matter to CORS, and those that the case itself passed to `fetch`. */
function lines(headers, request) {
  const own = new Set(request.headers.map(([name]) => name.toLowerCase()))
  return headers.filter(([name]) => kept.test(name.toLowerCase()) || own.has(name.toLowerCase()))
}

function page(headers) {
  const body = '<!doctype html><link rel="icon" href="data:,"><title>oracle</title>'
  const own = [
    ['Content-Type', 'text/html;charset=utf-8'],
    ['Content-Length', String(body.length)],
  ]
  return format('GET', { status: 200, headers: [...own, ...headers], body })
}

function format(method, { status, headers, body = '' }) {
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}`, ...headers.map(([k, v]) => `${k}: ${v}`)]
  return `${head.join('\r\n')}\r\n\r\n${method === 'HEAD' ? '' : body}`
}

function headerValue(headers, lowerCaseName) {
  return headers.find(([name]) => name.toLowerCase() === lowerCaseName)?.[1]
}
