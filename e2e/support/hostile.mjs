/** Servers that misbehave as causes.cases.mjs says, on loopback. */
import { createServer as createHttpServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createTcpServer } from 'node:net'
import { makeCertificate } from '../oracle/certificate.mjs'
import { freePorts } from './processes.mjs'

/**
 * Starts a server for the answers of every case, which are found by the first
 * segment of the path, the case's number. `origins` has the origin of each page.
 */
export async function startHostileServers(cases, origins) {
  const other = await listen(
    createHttpServer((request, response) => {
      // For redirects: it allows the page by name, but not the null that a redirect makes of it.
      if (request.url === '/allow') response.setHeader('Access-Control-Allow-Origin', origins.allowed)
      response.end()
    }),
  )
  const http = await listen(
    createHttpServer((request, response) => {
      const each = cases[/^\/(\d+)/.exec(request.url)?.[1]]
      const fill = (text) =>
        text
          .replace('$page', origins[each.page ?? 'allowed'])
          .replace('$other', `http://localhost:${portOf(other)}`)
          .replace('$port', portOf(http))
      const answer = each?.answers[request.method] ?? each?.answers['*']
      if (answer === 'hang') return
      if (!answer || answer === 'close') return request.socket.destroy()
      if (answer === 'break') {
        response.writeHead(200, { 'Access-Control-Allow-Origin': origins.allowed, 'Content-Length': 9 })
        response.write('short', () => request.socket.destroy())
        return
      }
      const [status, headers] = answer
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, [value].flat().map(fill))
      response.writeHead(status).end()
    }),
  )
  const tls = await listen(createTlsServer(makeCertificate(), (_, response) => response.end()))
  const banner = await listen(
    createTcpServer((socket) => {
      socket.on('error', () => socket.destroy())
      socket.end('SSH-2.0-OpenSSH_9.6\r\n')
    }),
  )
  const [closed] = await freePorts(1)
  const servers = { http, other, tls, banner }
  return {
    ports: { ...Object.fromEntries(Object.entries(servers).map(([name, server]) => [name, portOf(server)])), closed },
    stop() {
      for (const server of Object.values(servers)) {
        server.close()
        server.closeAllConnections?.()
      }
    },
  }
}

function portOf(server) {
  return server.address().port
}

async function listen(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
