import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { test } from 'node:test'
import { makeCertificate } from './certificate.mjs'
import { startServer } from './server.mjs'

const example = {
  case: 3,
  request: { headers: [['X-Own', '1']] },
  hops: [
    {
      preflight: {
        status: 204,
        headers: [
          ['ACCESS-control-Allow-Origin', '  *\t'],
          ['Connection', 'keep-alive'],
        ],
      },
      response: {
        status: 200,
        headers: [
          ['X-Two', 'a'],
          ['x-two', 'caf\xe9'],
          ['Content-Length', '2'],
        ],
        body: 'ok',
      },
    },
  ],
}

const get = 'GET /c/3/0 HTTP/1.1\r\nHost: x\r\n\r\n'
const answer = 'HTTP/1.1 200 OK\r\nX-Two: a\r\nx-two: caf\xe9\r\nContent-Length: 2\r\n\r\nok'

const rows = [
  { name: 'doubled and odd lines go out byte for byte', send: get, want: answer },
  {
    name: 'a preflight gets the answer to the preflight',
    send: 'OPTIONS /c/3/0 HTTP/1.1\r\nHost: x\r\nAccess-Control-Request-Method: PUT\r\n\r\n',
    want: 'HTTP/1.1 204 No Content\r\nACCESS-control-Allow-Origin:   *\t\r\nConnection: keep-alive\r\n\r\n',
  },
  {
    name: 'OPTIONS without Access-Control-Request-Method is an ordinary request',
    send: 'OPTIONS /c/3/0 HTTP/1.1\r\nHost: x\r\n\r\n',
    want: answer,
  },
  { name: 'a query does not matter', send: get.replace('/0', '/0?again'), want: answer },
  { name: 'HEAD gets no body', send: get.replace('GET', 'HEAD'), want: answer.slice(0, -2) },
  { name: 'a method that nobody knows', send: get.replace('GET', 'cHiCkEn'), want: answer },
  {
    name: 'a body is read before the next request',
    send: `POST /c/3/0 HTTP/1.1\r\nContent-Length: 4\r\n\r\nGET ${get}`,
    want: answer + answer,
  },
  {
    name: 'a body that comes later is waited for',
    send: ['POST /c/3/0 HTTP/1.1\r\nContent-Length: 4\r\n\r\n', `GET ${get}`],
    want: answer + answer,
  },
  {
    name: 'no such case',
    send: get.replace('/3/', '/4/'),
    want: 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n',
  },
]

for (const { name, send, want } of rows) {
  test(name, async (t) => {
    const server = await start(t)
    assert.equal(await exchange(connect(server.ports[0], '127.0.0.1'), send, want.length), want)
  })
}

test('the same over TLS', async (t) => {
  const server = await start(t, { ports: { https: [0] }, certificate: makeCertificate() })
  const socket = connectTls({ port: server.ports[0], host: '127.0.0.1', rejectUnauthorized: false })
  assert.equal(await exchange(socket, get, answer.length), answer)
})

test('what arrived is told in order, with the lines that matter, once', async (t) => {
  const server = await start(t)
  const lines = 'hOst: x\r\noRigin: http://a\r\nUser-Agent: u\r\nx-own: 1\r\nAccess-Control-Request-Method: PUT'
  const send = `OPTIONS /c/3/0 HTTP/1.1\r\n${lines}\r\n\r\n${get}`
  await exchange(connect(server.ports[0], '127.0.0.1'), send, rows[1].want.length + answer.length)
  const headers = [
    ['oRigin', 'http://a'],
    ['x-own', '1'],
    ['Access-Control-Request-Method', 'PUT'],
  ]
  assert.deepEqual(server.take(3), [
    { hop: 0, preflight: true, method: 'OPTIONS', headers },
    { hop: 0, preflight: false, method: 'GET', headers: [] },
  ])
  assert.deepEqual(server.take(3), [])
})

test('TLS on a port for plain HTTP is cut off, so that no browser waits', async (t) => {
  const server = await start(t)
  const socket = connect(server.ports[0], '127.0.0.1')
  socket.on('error', () => {})
  socket.write('\x16\x03\x01')
  await once(socket, 'close')
})

test('a head without an end is cut off', async (t) => {
  const server = await start(t)
  const socket = connect(server.ports[0], '127.0.0.1')
  socket.on('error', () => {})
  socket.write(`GET / HTTP/1.1\r\nX: ${'a'.repeat(100_000)}`)
  await once(socket, 'close')
})

test('a port in use is named, with the remedy', async (t) => {
  const server = await start(t)
  const again = startServer({ cases: [], ports: { http: [server.ports[0]] } })
  await assert.rejects(again, new RegExp(`port ${server.ports[0]} is in use: end the other run`))
})

async function start(t, options) {
  const server = await startServer({ cases: [example], ports: { http: [0] }, ...options })
  t.after(() => server.close())
  return server
}

/** Sends a text, or its parts one after the other, and returns the bytes that come back, until there are `length`. */
async function exchange(socket, text, length) {
  socket.setEncoding('latin1')
  socket.setNoDelay()
  for (const part of [text].flat()) {
    await new Promise((resolve) => socket.write(part, 'latin1', resolve))
    // The server lives in this process: a turn or two of its loop lets it read this part alone.
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
  }
  let received = ''
  for await (const part of socket) {
    received += part
    if (received.length >= length) break
  }
  return received
}
