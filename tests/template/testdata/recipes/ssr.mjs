// A server that renders what the API answers, called for two visitors as the
// proxy in front of it would. Prints what each of them got.
import { createServer } from 'node:http'
import { api } from './api.mjs'

const server = createServer(async (visitor, response) => {
  const { status } = await api('/api/report', visitor)
  const session = await api('/api/session', visitor)
  response.end(`${status} ${session.status}`)
})
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${server.address().port}`
for (const address of ['203.0.113.1', '203.0.113.1', '203.0.113.2']) {
  const headers = { 'x-forwarded-for': address, 'x-forwarded-proto': 'https', cookie: process.env.COOKIE }
  console.log(address, await (await fetch(url, { headers })).text())
}
server.close()
server.closeAllConnections()
