/** Runs the API and the page as processes on free ports. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'

export const root = path.resolve(import.meta.dirname, '../..')

/**
 * Polls every 50 ms until the result is truthy, and returns it; fails after
 * `seconds`. It counts polls instead of looking at the clock, so that a machine
 * that is slow, or stands still for a while, gets as many as any other.
 */
export async function until(what, poll, seconds = 20) {
  for (let polls = 0; polls < seconds * 20; polls++) {
    const result = await poll()
    if (result) return result
    await pause(50)
  }
  assert.fail(`not within ${seconds} s: ${what}`)
}

export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/**
 * Ports that were free a moment ago, from a range that the kernel does not use
 * for outgoing connections. At random, because other files of tests run at the
 * same time.
 */
export async function freePorts(count) {
  const ports = new Set()
  while (ports.size < count) {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

function isFree(port) {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** Starts a process and collects its output; `stop` ends it and waits for it. */
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
    // Usually the output ends with the process. A process that it left behind may hold the output open.
    child.once('close', (status, signal) => resolve(status ?? signal))
    child.once('exit', (status, signal) => setTimeout(() => resolve(status ?? signal), 500))
  })
  return {
    child,
    ended,
    output: () => output,
    /** Waits until the output matches. Fails at once if the process ends first. */
    async waitForOutput(pattern, seconds) {
      await until(
        `the output of ${command} matches ${pattern}`,
        () => pattern.test(output) || child.exitCode !== null,
        seconds,
      )
      assert.match(output, pattern)
      return pattern.exec(output)
    },
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

const built = new Map()

/** The server's binary: API_BINARY, or one that is built once from this checkout. */
export function apiBinary() {
  return process.env.API_BINARY ?? build('.')
}

export const hasCorscheck = existsSync(path.join(root, 'cmd/corscheck'))

/** The binary of cmd/corscheck: CORSCHECK, or one that is built once from this checkout. Undefined where it has been removed. */
export function corscheckBinary() {
  return process.env.CORSCHECK ?? (hasCorscheck ? build('./cmd/corscheck') : undefined)
}

function build(package_) {
  if (!built.has(package_)) {
    const folder = mkdtempSync(path.join(tmpdir(), 'e2e-build-'))
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
    const binary = path.join(folder, 'binary')
    const { status } = spawnSync('go', ['build', '-o', binary, package_], { cwd: root, stdio: 'inherit' })
    assert.equal(status, 0, `go build ${package_}`)
    built.set(package_, binary)
  }
  return built.get(package_)
}

/** Starts the real server with a database of its own. */
export async function startApi(env) {
  const cwd = mkdtempSync(path.join(tmpdir(), 'e2e-'))
  const api = start(apiBinary(), [], { cwd, env: { APP_ENV: 'development', PORT: '0', ...env } })
  const [, port] = await api.waitForOutput(/url=http:\/\/127\.0\.0\.1:(\d+)/)
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

/** Serves the page as `npm run dev` or `dev:proxy` does, on both of its ports. */
export async function startPage({ port, blockedPort, apiPort, mode = 'development', env }) {
  const folder = path.join(root, 'frontend-dev')
  const page = start(process.execPath, ['node_modules/vite/bin/vite.js', '--mode', mode], {
    cwd: folder,
    env: { PAGE_PORT: port, BLOCKED_PORT: blockedPort, API_PORT: apiPort, ...env },
  })
  await page.waitForOutput(/ready in/)
  return page
}
