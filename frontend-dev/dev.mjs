/**
 * Runs the API and this page together: `make dev`, or `node frontend-dev/dev.mjs`.
 *
 * The page reloads by Vite; the API is built anew and restarted when one of its
 * files changes, and goes on as it was when the build fails. Ctrl-C (SIGINT),
 * SIGTERM and SIGHUP end both. PORT moves the API, PAGE_PORT and BLOCKED_PORT
 * the page; where PAGE_PORT is set and ALLOWED_ORIGINS is not, the API allows
 * the page there. Ports are read once, at the start.
 */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, watch } from 'node:fs'
import { mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
// Not parseEnv by name: a Node without it would stop before the check below.
import * as util from 'node:util'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  say(`Node.js ${process.versions.node} is too old: install 20.19 or later from https://nodejs.org`)
  process.exit(1)
}

const here = import.meta.dirname
const root = path.dirname(here)
const windows = process.platform === 'win32'

const dotEnv = path.join(root, '.env')
const settings = readDotEnv()
const setting = (name, fallback) => process.env[name] || settings[name] || fallback

const apiPort = setting('PORT', '8080')
const pagePort = process.env.PAGE_PORT || '5173'
const blockedPort = process.env.BLOCKED_PORT || '5174'
const apiHost = ['', '0.0.0.0', '::'].includes(setting('HOST', '')) ? '127.0.0.1' : setting('HOST')

// What a change of which makes the API worth building again: its code, what it
// embeds, its settings. Not its database, which changes all the time.
const source = /(?<!_test)\.go$|\.(sql|ya?ml|html|css|js|svg)$|^go\.(mod|sum)$|^\.env$/
const notSource = /^(\..*|node_modules|frontend-dev|e2e|docs|deploy|bin)$/

/** Longer than the API's own SHUTDOWN_TIMEOUT of 15 s. */
const KILL_AFTER = 20_000

let scratch
let api
let page
/** The go or npm that runs now, if any. */
let step
/** When the end began, as performance.now() tells it; 0 before. */
let stopping = 0
const watched = new Map()
/** Runs out once no file has changed for a moment. */
let quiet
let reloading = false
let changedMeanwhile = false

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void stop(0))
process.on('uncaughtException', fail)
await start().catch(fail)

async function start() {
  if (apiPort === '0') throw new Error('PORT=0 picks a port that the page cannot know: set another one')
  await checkPorts()
  await installPackages()

  scratch = await mkdtemp(path.join(tmpdir(), 'api-dev-'))
  say('building the API…')
  await buildApi()
  await startApi()
  await startPage()
  if (stopping) return

  await watchFolder(root)
  const { ALLOWED_ORIGINS } = pageOrigins()
  say(`page  http://localhost:${pagePort}  (and, as another origin, http://localhost:${blockedPort})`)
  say(`api   http://localhost:${apiPort}${ALLOWED_ORIGINS ? `  (ALLOWED_ORIGINS=${ALLOWED_ORIGINS})` : ''}`)
  say('Ctrl-C ends both')
}

async function fail(error) {
  if (stopping) return
  say(error.message)
  await stop(1)
}

/**
 * Ends everything and exits; asked again, at once. Not if asked within the same
 * half second: npm, make and the terminal may each pass on one Ctrl-C.
 */
async function stop(status) {
  if (stopping) {
    if (performance.now() - stopping < 500) return
    for (const child of [api, page]) child?.kill('SIGKILL')
    process.exit(1)
  }
  stopping = performance.now()
  for (const watcher of watched.values()) watcher.close()
  await Promise.all([end(api), end(page), end(step, 'SIGINT')])
  if (scratch) await rm(scratch, { recursive: true, force: true })
  process.exit(status)
}

// --- the API

async function buildApi() {
  step = run('go', ['build', '-o', binary('next'), '.'], { cwd: root })
  const status = await exit(step, 'go is not on the PATH: install it from https://go.dev/dl')
  if (status !== 0) throw new Error('the API does not build: see above')
}

/** Resolves once the API answers; the freshly built one takes the place of the last. */
async function startApi() {
  await rename(binary('next'), binary('api'))
  if (stopping) return
  const child = (api = run(binary('api'), [], { cwd: root, env: { ...process.env, ...pageOrigins(), PORT: apiPort } }))
  const ended = exit(child).then((status) => {
    api = undefined
    throw new Error(`the API ended with status ${status}: see above`)
  })
  await Promise.race([ended, answers(child, `http://${apiHost}:${apiPort}/healthz`)])
  ended.catch((error) => {
    if (!child.wanted) return
    say(`${error.message}; it starts again when a file changes`)
  })
}

async function reloadApi() {
  if (reloading) {
    changedMeanwhile = true
    return
  }
  reloading = true
  do {
    changedMeanwhile = false
    const started = performance.now()
    try {
      await buildApi()
    } catch (error) {
      if (!stopping) say(`${error.message}; ${api ? 'it runs on as it was' : 'it is down'}`)
      continue
    }
    try {
      await end(api)
      if (stopping) return
      await startApi()
      say(`the API is back after ${Math.round(performance.now() - started)} ms`)
    } catch (error) {
      if (!stopping) say(`${error.message}; it starts again when a file changes`)
    }
  } while (changedMeanwhile && !stopping)
  reloading = false
}

/** Watches a folder and those in it. Editors save in several steps: waits for the last. */
async function watchFolder(folder) {
  if (watched.has(folder) || stopping) return
  const watcher = watch(folder, (_, name) => {
    if (name === null || source.test(name)) {
      clearTimeout(quiet)
      quiet = setTimeout(() => void reloadApi(), 100)
    } else if (!notSource.test(name)) {
      void watchIfFolder(path.join(folder, name))
    }
  })
  watched.set(folder, watcher)
  watcher.on('error', () => {
    watcher.close()
    watched.delete(folder)
  })
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory() && !notSource.test(entry.name)) await watchFolder(path.join(folder, entry.name))
  }
}

async function watchIfFolder(name) {
  const isFolder = await stat(name).then(
    (info) => info.isDirectory(),
    () => false,
  )
  if (isFolder) await watchFolder(name)
}

// --- the page

async function installPackages() {
  const modified = (file) =>
    stat(path.join(here, file)).then(
      (info) => info.mtimeMs,
      () => 0,
    )
  if ((await modified('node_modules/.package-lock.json')) >= (await modified('package-lock.json'))) return
  say('installing the page’s packages…')
  step = run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here, shell: windows })
  if ((await exit(step, 'npm is not on the PATH')) !== 0) throw new Error('npm ci failed: see above')
}

async function startPage() {
  const vite = path.join(here, 'node_modules/vite/bin/vite.js')
  page = run(process.execPath, [vite, '--logLevel', 'warn', '--clearScreen', 'false'], {
    cwd: here,
    env: { ...process.env, API_PORT: apiPort, PAGE_PORT: pagePort, BLOCKED_PORT: blockedPort },
  })
  const ended = exit(page).then((status) => {
    throw new Error(`the page ended with status ${status}: see above`)
  })
  await Promise.race([ended, answers(page, `http://127.0.0.1:${pagePort}`)])
  ended.catch(fail)
}

// --- small parts

function say(line) {
  console.log(`dev: ${line}`)
}

/**
 * Starts a part in a process group of its own: the terminal's Ctrl-C reaches
 * only this process, which then ends each part once and waits for it.
 */
function run(command, args, options) {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'inherit', 'inherit'], detached: !windows })
  child.wanted = true
  return child
}

async function end(child, signal = 'SIGTERM') {
  const runs = child?.pid && child.exitCode === null && child.signalCode === null
  if (!runs) return
  child.wanted = false
  const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER)
  child.kill(signal)
  await exit(child)
  clearTimeout(timer)
}

function readDotEnv() {
  return existsSync(dotEnv) ? util.parseEnv(readFileSync(dotEnv, 'utf8')) : {}
}

/** Lets the API allow the page at PAGE_PORT, unless ALLOWED_ORIGINS is set, be it to nobody. */
function pageOrigins() {
  const chosen = process.env.ALLOWED_ORIGINS !== undefined || readDotEnv().ALLOWED_ORIGINS
  if (chosen || !process.env.PAGE_PORT) return {}
  return { ALLOWED_ORIGINS: `http://localhost:${pagePort},http://127.0.0.1:${pagePort}` }
}

/** Waits until the address answers with success, or the child has ended. */
async function answers(child, address) {
  while (child.exitCode === null && child.signalCode === null) {
    const ok = await fetch(address).then(
      (response) => response.ok,
      () => false,
    )
    if (ok) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function binary(name) {
  return path.join(scratch, windows ? `${name}.exe` : name)
}

/** The exit status, or the signal that ended it. */
function exit(child, ifMissing) {
  return new Promise((resolve, reject) => {
    child.once('exit', (status, signal) => resolve(status ?? signal))
    child.once('error', (error) => reject(new Error(ifMissing ?? error.message)))
  })
}

/** Throws if any port is taken, with one command that moves all of those and leaves the others as they are. */
async function checkPorts() {
  const taken = []
  const command = []
  const used = [apiPort, pagePort, blockedPort].map(Number)
  for (const [name, port, instead] of [
    ['PORT', apiPort, 8081],
    ['PAGE_PORT', pagePort, 3000],
    ['BLOCKED_PORT', blockedPort, 5175],
  ]) {
    if (await isTaken(port)) {
      let free = instead
      while (used.includes(free) || (await isTaken(free))) free++
      used.push(free)
      taken.push(port)
      command.push(`${name}=${free}`)
    } else if (process.env[name]) {
      command.push(`${name}=${port}`)
    }
  }
  if (taken.length === 0) return
  const which = taken.length === 1 ? `port ${taken[0]} is` : `ports ${taken.join(', ')} are`
  throw new Error(`${which} taken: end what listens there, or try ${command.join(' ')} make dev`)
}

/** A browser tries both loopback addresses for localhost, so neither may be another's. */
async function isTaken(port) {
  for (const host of ['127.0.0.1', '::1']) {
    const taken = await new Promise((resolve) => {
      const probe = createServer()
      probe.once('error', (error) => resolve(error.code === 'EADDRINUSE'))
      probe.listen(Number(port), host, () => probe.close(() => resolve(false)))
    })
    if (taken) return true
  }
  return false
}
