/**
 * The services of deploy/compose.yaml as processes on loopback: two replicas,
 * Redis, PostgreSQL, and in front Caddy, which also serves the built page.
 * Settings, secrets and files are the ones that deploy/ ships; only addresses
 * differ.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { get } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { apiBinary, freePorts, root, start, until } from './processes.mjs'

const caddy = process.env.CADDY ?? onPath('caddy')
const redisServer = onPath('redis-server')
const postgresFolder = findPostgres()

/** Why the services cannot run on this machine, or false. In CI, a missing program is an error. */
export const missing = missingPrograms()

function missingPrograms() {
  const packages = [!caddy && 'caddy', !redisServer && 'redis-server', !postgresFolder && 'postgresql'].filter(Boolean)
  if (packages.length === 0) return false
  const remedy = `missing here: ${packages.join(', ')}; apt-get install --no-install-recommends ${packages.join(' ')}`
  if (process.env.CI === 'true') throw new Error(remedy)
  console.log(`SKIP the services of deploy/compose.yaml: ${remedy}`)
  return remedy
}

function onPath(program) {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  return folders.map((folder) => path.join(folder, program)).find((file) => existsSync(file))
}

/** The folder of PostgreSQL's server programs, or ''. */
function findPostgres() {
  return spawnSync('sh', [path.join(root, 'scripts/postgres.sh')], { encoding: 'utf8' }).stdout.trim()
}

/** The user that runs PostgreSQL, whose programs refuse to run as root. */
function unprivileged() {
  if (process.getuid() !== 0) return {}
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const [, , uid, gid] = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody')
  return { uid: Number(uid), gid: Number(gid) }
}

/**
 * Builds the page for the API at that address, as deploy/page.Dockerfile does, but
 * without checking its types, which `npm run typecheck` does. The caller removes
 * the folder.
 */
export function buildPage(apiUrl) {
  const folder = mkdtempSync(path.join(tmpdir(), 'e2e-page-'))
  const vite = ['node_modules/vite/bin/vite.js', 'build', '--outDir', folder, '--emptyOutDir', '--logLevel', 'warn']
  const build = spawnSync(process.execPath, vite, {
    cwd: path.join(root, 'frontend-dev'),
    env: { ...process.env, VITE_API_URL: apiUrl },
    encoding: 'utf8',
  })
  assert.equal(build.status, 0, build.stdout + build.stderr)
  return folder
}

/** Starts Redis and PostgreSQL with the secrets that deploy/secrets.sh generates. */
export async function startStores() {
  const folder = mkdtempSync(path.join(tmpdir(), 'e2e-stores-'))
  const [redisPort, postgresPort] = await freePorts(2)
  const started = []
  const stop = async () => {
    for (const process of started) process.child.kill('SIGINT') // on which PostgreSQL does not wait for its clients
    await Promise.all(started.map(({ ended }) => ended))
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    copyFileSync(path.join(root, 'deploy/secrets.sh'), path.join(folder, 'secrets.sh'))
    assert.equal(spawnSync('sh', [path.join(folder, 'secrets.sh')]).status, 0, 'deploy/secrets.sh')
    const secrets = path.join(folder, 'secrets')
    for (const [name, service, address] of [
      ['redis_url', '@redis:6379', `@127.0.0.1:${redisPort}`],
      ['database_url', '@postgres:5432', `@127.0.0.1:${postgresPort}`],
    ]) {
      const file = path.join(secrets, name)
      writeFileSync(file, replaced(readFileSync(file, 'utf8'), service, address))
    }

    const acl = path.join(secrets, 'redis_acl')
    const redis = start(
      redisServer,
      ['--bind', '127.0.0.1', '--port', `${redisPort}`, '--save', '', '--aclfile', acl],
      { cwd: folder },
    )
    started.push(redis)

    const as = unprivileged()
    const home = path.join(folder, 'postgres')
    mkdirSync(home)
    const password = path.join(home, 'password')
    copyFileSync(path.join(secrets, 'postgres_password'), password)
    if (as.uid) for (const name of [folder, home, password]) chownSync(name, as.uid, as.gid)
    const run = (program, ...args) =>
      spawnSync(path.join(postgresFolder, program), args.map(String), {
        ...as,
        cwd: home,
        encoding: 'utf8',
        env: { ...process.env, PGPASSWORD: readFileSync(password, 'utf8') },
      })
    const data = path.join(home, 'data')
    const made = run('initdb', '-D', data, '-U', 'api', '-A', 'scram-sha-256', '--pwfile', password, '--no-sync')
    assert.equal(made.status, 0, made.stdout + made.stderr)
    const postgres = start(
      path.join(postgresFolder, 'postgres'),
      ['-D', data, '-p', `${postgresPort}`, '-h', '127.0.0.1', '-k', home],
      { cwd: home, ...as },
    )
    started.push(postgres)
    await until('PostgreSQL has a database', () => {
      assert.equal(postgres.child.exitCode, null, postgres.output())
      return run('createdb', '-h', '127.0.0.1', '-p', postgresPort, '-U', 'api', 'api').status === 0
    })
    await redis.waitForOutput(/Ready to accept connections/)
    return { secrets, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The settings that compose.yaml gives each replica when no variable is set, with this machine's paths to the secrets. */
function replicaSettings({ secrets }) {
  const [, block] = /^x-api: [\s\S]*?^ {2}environment:\n((?: {4}.*\n)+)/m.exec(shippedFile('compose.yaml'))
  const settings = {}
  for (const line of block.trimEnd().split('\n')) {
    const [, name, , value] = /^ +(\w+): ("?)(.*?)\2(?: +#.*)?$/.exec(line)
    settings[name] = value.replace(/^\$\{\w+:-(.*)\}$/, '$1').replace('/run/secrets', secrets)
  }
  return settings
}

/**
 * Starts two replicas and Caddy. `pages` are the origins of the page; the API
 * allows the first. `httpsPort` serves the names without a port.
 */
export async function startDeployment({ stores, pageFolder, pages, api, httpsPort, settings = {} }) {
  const shipped = replicaSettings(stores)
  const caddyfile = shippedFile('Caddyfile')
  const [shippedPage, shippedApi] = ['PAGE_SITE', 'API_SITE'].map((name) => siteIn(caddyfile, name))
  const [httpPort] = await freePorts(1)
  const folder = mkdtempSync(path.join(tmpdir(), 'e2e-deployment-'))

  const replicas = [1, 2].map(() =>
    start(apiBinary(), [], {
      cwd: folder,
      env: {
        APP_ENV: 'production', // the image's
        ...shipped,
        ALLOWED_ORIGINS: replaced(shipped.ALLOWED_ORIGINS, shippedPage, pages[0]),
        ALLOWED_HOSTS: replaced(shipped.ALLOWED_HOSTS, new URL(shippedApi).hostname, new URL(api).hostname),
        TRUSTED_PROXIES: '127.0.0.1',
        SHUTDOWN_DELAY: '0s',
        HOST: '127.0.0.1',
        PORT: '0',
        ...settings,
      },
    }),
  )
  const started = [...replicas]
  const stop = async () => {
    await Promise.all(started.map((process) => process.stop()))
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const ports = await Promise.all(
      replicas.map(async (replica) => (await replica.waitForOutput(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/))[1]),
    )
    await Promise.all(
      ports.map((port) =>
        until('the replica’s connections to its stores', async () => {
          const state = await (await fetch(`http://127.0.0.1:${port}/readyz`)).text()
          return state.includes('"redis":"up"') && state.includes('"database":"up"')
        }),
      ),
    )

    // Other ports, loopback only, and no certificate from a public CA.
    const config = path.join(folder, 'Caddyfile')
    const options = [`http_port ${httpPort}`, `https_port ${httpsPort}`, 'default_bind 127.0.0.1', 'local_certs']
    const anchor = '\n\tskip_install_trust\n'
    writeFileSync(config, replaced(caddyfile, anchor, `${anchor}\t${options.join('\n\t')}\n`))
    const proxy = start(caddy, ['run', '--config', config, '--adapter', 'caddyfile'], {
      cwd: folder,
      env: {
        HOME: folder,
        XDG_CONFIG_HOME: folder,
        XDG_DATA_HOME: folder,
        CADDY_STORAGE: folder,
        API_SITE: api,
        PAGE_SITE: pages.join(', '),
        API_1: `127.0.0.1:${ports[0]}`,
        API_2: `127.0.0.1:${ports[1]}`,
        PAGE_ROOT: pageFolder,
      },
    })
    started.push(proxy)
    for (const site of [...pages, `${api}/readyz`]) {
      await until(`a response from ${site}`, () => {
        assert.equal(proxy.child.exitCode, null, proxy.output())
        return isUp(new URL(site), httpsPort)
      })
    }
    return { replicas, proxy, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function shippedFile(name) {
  return readFileSync(path.join(root, 'deploy', name), 'utf8')
}

/** The Caddyfile's default address of a site. */
function siteIn(caddyfile, name) {
  return new RegExp(`^\\{\\$${name}:(.*?)\\} \\{`, 'm').exec(caddyfile)[1]
}

function replaced(text, part, by) {
  assert.ok(text.includes(part), `“${part}” not found`)
  return text.replace(part, by)
}

/** Reports whether an address responds with 200 on loopback, whatever its name and certificate. */
function isUp({ hostname, host, port, pathname }, httpsPort) {
  return new Promise((resolve) => {
    get(
      {
        host: '127.0.0.1',
        port: port || httpsPort,
        servername: hostname,
        path: pathname,
        headers: { Host: host },
        rejectUnauthorized: false,
        agent: false,
      },
      (response) => {
        response.resume()
        resolve(response.statusCode === 200)
      },
    ).on('error', () => resolve(false))
  })
}

/**
 * Starts a proxy through which browsers reach names outside this machine: https
 * to a name in `names` goes to its port on loopback, and to any other name nowhere.
 */
export async function startTunnel(names) {
  const sockets = new Set()
  const server = createServer((_, response) => response.writeHead(403).end())
  server.on('connect', ({ url }, socket) => {
    const port = names.get(url.replace(/:443$/, ''))
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)))
    if (!port) return socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    const upstream = connect(port, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
    upstream.on('error', () => {}).on('close', () => socket.destroy())
    socket.on('close', () => upstream.destroy())
    socket.pipe(upstream).pipe(socket)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: server.address().port,
    stop() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}

/** How long each replica's log is now. */
export function logLengths({ replicas }) {
  return replicas.map((replica) => replica.output().length)
}

/** The lines of each replica's log from those lengths on. */
function logs({ replicas }, from) {
  return replicas.map((replica, i) => {
    const lines = replica.output().slice(from[i]).split('\n')
    return lines.slice(0, -1).map((line) => JSON.parse(line)) // the last line is not complete yet
  })
}

/** Repeats a call until both replicas have responded with that status. Caddy picks either one while both are idle. */
export async function onBoth(deployment, { path, status }, send) {
  const from = logLengths(deployment)
  const matches = (line) =>
    line.msg === 'request' && line['url.path'] === path && line['http.response.status_code'] === status
  await until('a response from both replicas', async () => {
    await send()
    return logs(deployment, from).every((lines) => lines.some(matches))
  })
}

/** The log line about a rejected call of that path. */
export function denial(deployment, from, path) {
  return until('the denial', () =>
    logs(deployment, from)
      .flat()
      .find((line) => line.msg === 'cors_denied' && line.path === path),
  )
}
