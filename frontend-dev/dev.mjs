/**
 * Runs the API and this page together: `make dev`, or `node frontend-dev/dev.mjs`.
 *
 * Vite reloads the page. When a file of the API changes, the launcher builds
 * and restarts the API; if the build fails, the running one stays. Ctrl-C
 * (SIGINT), SIGTERM and SIGHUP stop both. PORT moves the API, and PAGE_PORT and
 * BLOCKED_PORT move the page. Only with PAGE_HOST, an address of this machine or
 * 0.0.0.0 for all of them, can other machines reach the page and the API. If
 * PAGE_PORT or PAGE_HOST is set and ALLOWED_ORIGINS is not, the API allows the
 * page there. Ports and hosts are read once, at startup.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, watch } from 'node:fs'
import { mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
// Not parseEnv by name: a Node.js without it would fail before the check below.
import * as util from 'node:util'
import { isTaken, listener } from './ports.mjs'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  say(`Node.js ${process.versions.node} is too old; install 20.19 or later from https://nodejs.org`)
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
const pageHost = process.env.PAGE_HOST || '127.0.0.1'
const apiHost = setting('HOST', pageHost)

// A change of these files rebuilds the API: its code, the files that it embeds,
// and its settings. The database is not among them, since it changes all the time.
const source = /(?<!_test)\.go$|\.(sql|ya?ml|html|css|js|svg)$|^go\.(mod|sum)$|^\.env$/
const notSource = /^(\..*|node_modules|frontend-dev|e2e|docs|deploy|bin)$/

/** In milliseconds; longer than the API's own SHUTDOWN_TIMEOUT of 15 s. */
const KILL_AFTER = 20_000
/** Further lines are not sent to the page's server. */
const MAX_UNREAD = 1000

/** The trace_id in the API's log of the requests that only ask why a call failed. */
const probeTraceId = randomBytes(16).toString('hex')

let scratch
let api
let page
/** The go or npm command that is running, if any. */
let step
/** When the launcher began to stop, on the clock of performance.now(); 0 before. */
let stopping = 0
const watched = new Map()
/** Fires once no file has changed for a moment. */
let reloadTimer
let reloading = false
/** How many lines of the API's log the page's server has not taken yet. */
let unread = 0
let changedMeanwhile = false

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void stop(0))
process.on('uncaughtException', fail)
await start().catch(fail)

async function start() {
  checkPageHost()
  if (apiPort === '0') throw new Error('PORT=0 picks a free port, which the page cannot know; set PORT to a fixed port')
  await checkGo()
  await checkPorts()
  await installPackages()

  scratch = await mkdtemp(path.join(tmpdir(), 'api-dev-'))
  say('building the API…')
  await buildApi()
  await startApi()
  await buildCorscheck()
  if (stopping) return
  await startPage()
  if (stopping) return

  await watchFolder(root)
  const { ALLOWED_ORIGINS } = pageOrigins()
  const [host] = pageHosts()
  say(
    `page  http://${host}:${pagePort}  (and, from an origin that the API does not allow, http://${host}:${blockedPort})`,
  )
  say(`api   http://${host}:${apiPort}${ALLOWED_ORIGINS ? `  (ALLOWED_ORIGINS=${ALLOWED_ORIGINS})` : ''}`)
  say(`docs  http://${host}:${apiPort}/docs`)
  if (process.env.PAGE_HOST) say('Other machines can reach the page, its source and the API')
  say('Press Ctrl-C to stop both')
}

async function fail(error) {
  if (stopping) return
  say(error.message)
  await stop(1)
}

/**
 * Stops everything and exits. A second call kills everything at once, unless it
 * comes within half a second: npm, make and the terminal may each forward the
 * same Ctrl-C.
 */
async function stop(status) {
  if (stopping) {
    if (performance.now() - stopping < 500) return
    for (const child of [api, page]) child?.kill('SIGKILL')
    process.exit(1)
  }
  stopping = performance.now()
  clearTimeout(reloadTimer) // a build that began now would write into the folder that is removed below
  for (const watcher of watched.values()) watcher.close()
  await Promise.all([end(api), end(page), end(step, 'SIGINT')])
  if (scratch) await rm(scratch, { recursive: true, force: true })
  process.exit(status)
}

// --- the API

/** Throws if Go is missing or is too old to read go.mod. A Go that may do so downloads the version in go.mod here. */
async function checkGo() {
  step = run('go', ['list', '-m'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  const status = await exit(step, 'go is not on the PATH; install Go 1.26 or later from https://go.dev/dl')
  if (status === 0) return
  throw new Error(
    'Go is too old, see above; install Go 1.26 or later from https://go.dev/dl, or, with Go 1.21 or later, set GOTOOLCHAIN=auto',
  )
}

async function buildApi() {
  step = run('go', ['build', '-o', binary('next'), '.'], { cwd: root })
  const status = await exit(step, 'go is not on the PATH; install Go 1.26 or later from https://go.dev/dl')
  if (status !== 0) throw new Error('the API does not build, see above')
}

/** Starts the API that was just built in place of the last one. Resolves once it responds. */
async function startApi() {
  await rename(binary('next'), binary('api'))
  if (stopping) return
  const child = run(binary('api'), [], {
    cwd: root,
    env: { ...process.env, ...pageOrigins(), PORT: apiPort },
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  api = child
  passOn(child.stderr)
  const ended = exit(child).then((status) => {
    api = undefined
    throw new Error(`the API exited with status ${status}, see above`)
  })
  await Promise.race([ended, waitUntilUp(child, `http://${reachable(apiHost)}:${apiPort}/healthz`)])
  ended.catch((error) => {
    if (!child.wanted) return
    say(`${error.message}; it restarts when a file changes`)
  })
}

/**
 * Prints the API's log, and sends each line to the page's server, which shows
 * those about a call that failed. Asking why it failed would log each denial a
 * second time; of those requests, only errors are printed.
 */
function passOn(stream) {
  createInterface({ input: stream }).on('line', (line) => {
    if (line.includes(probeTraceId) && !/level=ERROR|"level":"ERROR"/.test(line)) return
    process.stderr.write(`${line}\n`)
    if (!page?.connected || unread === MAX_UNREAD) return
    unread++
    page.send({ apiLog: line.slice(0, 2000) }, () => unread--) // Also called if the page's server has ended.
  })
}

/** Builds the command that the page's server asks why a call failed. Without it, the page gives advice. */
async function buildCorscheck() {
  if (stopping || !existsSync(path.join(root, 'cmd/corscheck'))) return
  step = run('go', ['build', '-o', binary('corscheck'), './cmd/corscheck'], { cwd: root })
  if ((await exit(step)) !== 0 && !stopping)
    say('corscheck does not build, see above; the page only guesses why a call failed')
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
      if (!stopping) say(`${error.message}; ${api ? 'the last build keeps running' : 'the API is down'}`)
      continue
    }
    try {
      await end(api)
      if (stopping) return
      await startApi()
      say(`the API restarted after ${Math.round(performance.now() - started)} ms`)
    } catch (error) {
      if (!stopping) say(`${error.message}; it restarts when a file changes`)
    }
  } while (changedMeanwhile && !stopping)
  reloading = false
}

/** Watches a folder and the folders in it. Editors save in several steps, so it waits for the last. */
async function watchFolder(folder) {
  if (watched.has(folder) || stopping) return
  const watcher = watch(folder, (_, name) => {
    if (name === null || source.test(name)) {
      clearTimeout(reloadTimer)
      reloadTimer = setTimeout(() => void reloadApi(), 100)
    } else if (!notSource.test(name)) {
      watchIfFolder(path.join(folder, name)).catch(fail)
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

/** Watches what has appeared or changed under a name, if it is a folder. */
async function watchIfFolder(name) {
  // Of a folder that was removed, a watcher remains, which sees nothing of a new one.
  watched.get(name)?.close()
  watched.delete(name)
  try {
    if ((await stat(name)).isDirectory()) await watchFolder(name)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error // otherwise, it is gone again
  }
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
  if ((await exit(step, 'npm is not on the PATH; install Node.js from https://nodejs.org')) !== 0)
    throw new Error('npm ci failed, see above')
}

async function startPage() {
  const vite = path.join(here, 'node_modules/vite/bin/vite.js')
  page = run(process.execPath, [vite, '--logLevel', 'warn', '--clearScreen', 'false'], {
    cwd: here,
    env: {
      ...process.env,
      DEFAULT_ORIGINS: pageOrigins().ALLOWED_ORIGINS ?? '',
      API_PORT: apiPort,
      PAGE_PORT: pagePort,
      BLOCKED_PORT: blockedPort,
      ...(existsSync(binary('corscheck')) && { CORSCHECK: binary('corscheck'), PROBE_TRACE_ID: probeTraceId }),
    },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const ended = exit(page).then((status) => {
    throw new Error(`the page’s server exited with status ${status}, see above`)
  })
  await Promise.race([ended, waitUntilUp(page, `http://${reachable(pageHost)}:${pagePort}`)])
  ended.catch(fail)
}

// --- helpers

function say(line) {
  console.log(`dev: ${line}`)
}

/**
 * Starts a command in a process group of its own. The terminal's Ctrl-C then
 * reaches only this process, which stops each command once and waits for it.
 */
function run(command, args, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options, detached: !windows })
  child.wanted = true // until end() is called
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

/** The hosts under which browsers open the page, as they write them. */
function pageHosts() {
  if (!process.env.PAGE_HOST) return ['localhost', '127.0.0.1']
  if (!isEveryAddress(pageHost)) return [inUrl(pageHost)]
  const addresses = ownAddresses().filter((address) => pageHost === '::' || isIP(address) === 4)
  return ['localhost', '127.0.0.1', ...addresses.map(inUrl)]
}

/** The addresses that other machines know. An IPv6 address that holds for one link only is not usable in a URL. */
function ownAddresses() {
  return Object.values(networkInterfaces())
    .flat()
    .filter(({ internal, scopeid }) => !internal && !scopeid)
    .map(({ address }) => address)
}

function checkPageHost() {
  if (isEveryAddress(pageHost) || pageHost.startsWith('127.') || ownAddresses().includes(pageHost)) return
  throw new Error(
    `PAGE_HOST=${pageHost} is not an address of this machine; set it to 0.0.0.0 for all addresses, or to one of ${ownAddresses().join(', ')}`,
  )
}

function isEveryAddress(host) {
  return host === '0.0.0.0' || host === '::'
}

function inUrl(host) {
  return isIP(host) === 6 ? `[${host}]` : host
}

/** The host under which this machine reaches a server that listens on `host`. */
function reachable(host) {
  return isEveryAddress(host) ? '127.0.0.1' : inUrl(host)
}

/**
 * The settings that make the API listen on PAGE_HOST, and allow the page there
 * and on PAGE_PORT unless ALLOWED_ORIGINS is set, even to the empty string.
 */
function pageOrigins() {
  const chosen = process.env.ALLOWED_ORIGINS !== undefined || readDotEnv().ALLOWED_ORIGINS
  const host = process.env.PAGE_HOST ? { HOST: apiHost } : {}
  if (chosen || !(process.env.PAGE_PORT || process.env.PAGE_HOST)) return host
  return {
    ...host,
    ALLOWED_ORIGINS: pageHosts()
      .map((host) => `http://${host}:${pagePort}`)
      .join(),
  }
}

/** Waits until the address responds with success or the child has exited. */
async function waitUntilUp(child, address) {
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

/** Resolves to the exit status, or to the signal that ended the process. */
function exit(child, ifMissing) {
  return new Promise((resolve, reject) => {
    // Not on exit: the last lines of its log may come after that.
    child.once('close', (status, signal) => resolve(status ?? signal))
    child.once('error', (error) => reject(new Error(ifMissing ?? error.message)))
  })
}

/**
 * Throws if a port is in use. Names the process that holds each such port, how
 * to end them, and one command that moves every such port and keeps the others.
 */
async function checkPorts() {
  // Browsers try both loopback addresses for localhost, so both must be free.
  const hosts = new Set(['127.0.0.1', '::1', pageHost, apiHost])
  const pids = new Set()
  let taken = 0
  const command = []
  const used = [apiPort, pagePort, blockedPort].map(Number)
  for (const [name, port, instead] of [
    ['PORT', apiPort, 8081],
    ['PAGE_PORT', pagePort, 3000],
    ['BLOCKED_PORT', blockedPort, 5175],
  ]) {
    if (await isTaken(port, hosts)) {
      let free = instead
      while (used.includes(free) || (await isTaken(free, hosts))) free++
      used.push(free)
      taken++
      command.push(`${name}=${free}`)
      const holder = await listener(port)
      if (holder) pids.add(holder.pid)
      say(`port ${port} is in use${holder ? ` by process ${holder.pid}: ${holder.command}` : ''}`)
    } else if (process.env[name]) {
      command.push(`${name}=${port}`)
    }
  }
  if (taken === 0) return
  const remedy = pids.size > 0 ? `end it with: kill ${[...pids].join(' ')}` : 'stop the program that listens there'
  throw new Error(`${remedy}; or run ${command.join(' ')} make dev`)
}
