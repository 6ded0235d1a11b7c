// @vitest-environment node
import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { watchApi } from './plugins.mjs'

beforeEach(() => void vi.useFakeTimers())

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** Starts the plugin in a server of Vite, with an API that responds with each status in turn, and not to null. */
function watch(...statuses) {
  const fetchMock = vi.fn(async () => {
    const status = statuses.shift()
    if (!status) throw new TypeError('fetch failed')
    return new Response(null, { status })
  })
  vi.stubGlobal('fetch', fetchMock)
  const vite = {
    config: { env: {} },
    httpServer: new EventEmitter(),
    ws: Object.assign(new EventEmitter(), { send: vi.fn() }),
  }
  watchApi(8080).configureServer(vite)
  vite.httpServer.emit('listening')
  return { fetchMock, vite }
}

test('tells the pages when it changes whether the API responds', async () => {
  const { fetchMock, vite } = watch(200, 200, null, 503, 200)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(fetchMock).toHaveBeenCalledTimes(5)
  expect(fetchMock.mock.calls[0][0]).toBe('http://localhost:8080/healthz')
  expect(vite.ws.send.mock.calls.map(([, { up }]) => up)).toEqual([true, false, true])

  const page = { send: vi.fn() }
  vite.ws.emit('api:status', undefined, page)
  expect(page.send).toHaveBeenCalledWith('api:status', { up: true })
})

test('ends with the server, also while it waits for the API', async () => {
  const { fetchMock, vite } = watch()
  let respond
  fetchMock.mockImplementation(() => new Promise((resolve) => (respond = resolve)))
  await vi.advanceTimersByTimeAsync(500)
  vite.httpServer.emit('close')
  vite.ws.send.mockClear()
  respond(new Response())
  await vi.advanceTimersByTimeAsync(10_000)
  expect(fetchMock).toHaveBeenCalledTimes(2)
  expect(vite.ws.send).not.toHaveBeenCalled()
})
