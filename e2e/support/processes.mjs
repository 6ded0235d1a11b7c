/** The API and the page as processes of their own, on free ports. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'

export const root = path.resolve(import.meta.dirname, '../..')

/** Asks again every 50 ms until the answer is truthy; fails after `seconds`. */
export async function until(what, ask, seconds = 20) {
  const deadline = performance.now() + seconds * 1000
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (performance.now() > deadline) assert.fail(`not within ${seconds} s: ${what}`)
    await pause(50)
  }
}

export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** Ports that were free a moment ago. */
export async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer()
      return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
    }),
  )
  const ports = servers.map((server) => server.address().port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** A process whose output is kept; `stop` ends it and waits for it. */
export function start(command, args, { cwd = root, env = {}, ...options } = {}) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject)
    // Its output ends with it, unless it left a process behind that still has it.
    child.once('close', (status, signal) => resolve(status ?? signal))
    child.once('exit', (status, signal) => setTimeout(() => resolve(status ?? signal), 500))
  })
  return {
    child,
    ended,
    output: () => output,
    /** Waits until it has said something, and fails at once if it ends before. */
    async said(pattern, seconds) {
      await until(`${command} says ${pattern}`, () => pattern.test(output) || child.exitCode !== null, seconds)
      assert.match(output, pattern)
      return pattern.exec(output)
    },
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

let binary

/** The server's binary: API_BINARY, or built once from this checkout. */
export function apiBinary() {
  if (process.env.API_BINARY) return process.env.API_BINARY
  if (!binary) {
    const folder = mkdtempSync(path.join(tmpdir(), 'e2e-api-'))
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
    binary = path.join(folder, 'api')
    const build = spawnSync('go', ['build', '-o', binary, '.'], { cwd: root, stdio: 'inherit' })
    assert.equal(build.status, 0, 'go build')
  }
  return binary
}

/** The real server, with a database of its own. */
export async function startApi(env) {
  const cwd = mkdtempSync(path.join(tmpdir(), 'e2e-'))
  const api = start(apiBinary(), [], { cwd, env: { APP_ENV: 'development', PORT: '0', ...env } })
  const [, port] = await api.said(/url=http:\/\/127\.0\.0\.1:(\d+)/)
  return {
    ...api,
    port,
    url: `http://127.0.0.1:${port}`,
    async stop() {
      await api.stop()
      rmSync(cwd, { recursive: true, force: true })
    },
  }
}

/** The page as `npm run dev` serves it (or `dev:proxy`), and the same page on a blocked port. */
export async function startPage({ port, blockedPort, apiPort, mode = 'development', env }) {
  const folder = path.join(root, 'frontend-dev')
  const page = start(process.execPath, ['node_modules/vite/bin/vite.js', '--mode', mode], {
    cwd: folder,
    env: { PAGE_PORT: port, BLOCKED_PORT: blockedPort, API_PORT: apiPort, ...env },
  })
  await page.said(/ready in/)
  return page
}
