/** The launcher in a fresh copy of this checkout: it installs, starts, reloads, and leaves nothing behind. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { request } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { freePorts, hasCorscheck, pause, root, start, until } from './support/processes.mjs'

const notCopied = /\/(\.git|node_modules|e2e|dist|bin)$|\/\.env$|\.db(-shm|-wal)?$/

let copy, scratch, env, api, page, blocked

before(() => {
  copy = mkdtempSync(path.join(tmpdir(), 'e2e-dev-'))
  scratch = mkdtempSync(path.join(tmpdir(), 'e2e-tmp-'))
  cpSync(root, copy, { recursive: true, filter: (name) => !notCopied.test(name) })
})

after(() => {
  for (const folder of [copy, scratch]) rmSync(folder, { recursive: true, force: true })
})

beforeEach(async () => {
  const [port, pagePort, blockedPort] = await freePorts(3)
  api = `http://127.0.0.1:${port}`
  page = `http://127.0.0.1:${pagePort}`
  blocked = `http://127.0.0.1:${blockedPort}`
  // Every process that the launcher starts inherits this mark.
  env = {
    PORT: port,
    PAGE_PORT: pagePort,
    BLOCKED_PORT: blockedPort,
    ALLOWED_ORIGINS: page,
    TMPDIR: scratch,
    E2E_MARK: randomUUID(),
  }
})

afterEach(() => {
  for (const pid of marked()) process.kill(pid, 'SIGKILL')
  rmSync(path.join(scratch, 'go'), { force: true }) // see fakeGo
})

test('one command starts a fresh checkout, and Ctrl-C leaves no process and no port', async () => {
  const dev = launch()
  await dev.waitForOutput(/Press Ctrl-C to stop both/, 180)
  assert.match(
    dev.output(),
    new RegExp(
      `page  http://localhost:${env.PAGE_PORT}.*\\n.*api   http://localhost:${env.PORT}\\n.*docs  http://localhost:${env.PORT}/docs\\n`,
    ),
  )
  assert.equal((await fetch(`${api}/api/hello`)).status, 200)
  for (const address of [page, blocked]) assert.match(await (await fetch(address)).text(), /<div id="root">/)
  assert.ok(marked().length >= 2)

  pressCtrlC(dev)
  assert.equal(await dev.ended, 0)
  await nothingIsLeft()
})

test('the page’s server says why a call failed, with what the API logged, to its own pages alone', {
  skip: !hasCorscheck,
}, async () => {
  const dev = launch()
  await dev.waitForOutput(/Press Ctrl-C to stop both/, 60)
  const started = Date.now()
  const url = `${api}/api/session`
  assert.equal((await fetch(url, { headers: { Origin: blocked } })).status, 403)
  const ended = Date.now()
  const question = {
    method: 'POST',
    url,
    headers: [],
    credentials: 'include',
    mode: 'cors',
    hasBody: true,
    started,
    ended,
  }
  const [status, answer] = await askAs(blocked, question)
  assert.equal(status, 200, JSON.stringify(answer))
  assert.equal(answer.check.browsers[0].reason, 'MissingAllowOriginHeader')
  assert.equal(answer.check.exchanges[0].stand_in, 'GET')
  assert.match(answer.log.join('\n'), new RegExp(`cors_denied origin=${blocked} .*reason="port differs`))
  assert.deepEqual(answer.settings, { values: { ALLOWED_ORIGINS: page }, fixed: ['ALLOWED_ORIGINS'] })
  assert.doesNotMatch(dev.output(), /method=POST/)
  assert.equal(dev.output().split('cors_denied').length - 1, 1, 'what only asks is not in the log')

  for (const [origin, site] of [
    ['https://evil.example', 'cross-site'],
    [page, 'same-site'],
  ]) {
    assert.equal((await askAs(blocked, question, { Origin: origin, 'Sec-Fetch-Site': site }))[0], 403)
  }
  assert.equal((await askAs(blocked, question, { Host: 'evil.example' }))[0], 403)
  assert.equal((await askAs(blocked, { ...question, body: 'x'.repeat(70_000) }))[0], 413)
  pressCtrlC(dev)
  assert.equal(await dev.ended, 0)
  await nothingIsLeft()
})

test('SIGTERM stops both as well', async () => {
  const dev = launch()
  await dev.waitForOutput(/Press Ctrl-C to stop both/, 60)
  dev.child.kill('SIGTERM')
  assert.equal(await dev.ended, 0)
  await nothingIsLeft()
})

test('a changed file rebuilds the API, and a failed build keeps the running one', async () => {
  const dev = launch()
  const hello = path.join(copy, 'handlers/hello.go')
  const source = readFileSync(hello, 'utf8')
  try {
    await dev.waitForOutput(/Press Ctrl-C to stop both/, 60)
    writeFileSync(hello, `${source}\nfunc init() { println("built again") }\n`)
    await dev.waitForOutput(/built again/, 60)
    await dev.waitForOutput(/the API restarted after/)
    assert.equal((await fetch(`${api}/api/hello`)).status, 200)

    writeFileSync(hello, `${source}\nthis is not Go`)
    await dev.waitForOutput(/does not build, see above; the last build keeps running/, 60)
    assert.equal((await fetch(`${api}/api/hello`)).status, 200)

    writeFileSync(path.join(copy, '.env'), 'RATE_LIMIT_DEFAULT=77-M\n')
    writeFileSync(hello, source)
    await until(
      'the setting',
      async () => {
        const response = await fetch(`${api}/api/hello`).catch(() => undefined)
        return response?.headers.get('X-RateLimit-Limit') === '77'
      },
      60,
    )
  } finally {
    rmSync(path.join(copy, '.env'), { force: true })
    writeFileSync(hello, source)
    pressCtrlC(dev)
    await dev.ended
  }
  await nothingIsLeft()
})

test('folders that come and go are watched', async () => {
  fakeGo(`test "$1" = build || exit 0
cat >"$3" <<'END'
#!${process.execPath}
require('node:http').createServer((_, response) => response.end()).listen(process.env.PORT, '127.0.0.1')
END
chmod +x "$3"`)
  const dev = launch()
  try {
    await dev.waitForOutput(/Press Ctrl-C to stop both/, 180)
    const restarts = () => dev.output().split('the API restarted after').length
    const folder = path.join(copy, 'internal/again')
    for (const round of ['new', 'removed and created again']) {
      await until('nothing restarts', async () => {
        const before = restarts()
        await pause(700)
        return restarts() === before
      })
      const before = restarts()
      mkdirSync(folder)
      await until(`a restart for a file in a folder that is ${round}`, async () => {
        writeFileSync(path.join(folder, 'a.sql'), String(performance.now()))
        await pause(400)
        return restarts() > before
      })
      rmSync(folder, { recursive: true })
    }
    for (let i = 0; i < 300; i++) {
      mkdirSync(folder)
      if (i % 3 === 0) await pause(i % 4)
      rmSync(folder, { recursive: true })
    }
    await pause(500)
    assert.equal(dev.child.exitCode, null, dev.output())
  } finally {
    pressCtrlC(dev)
    await dev.ended
  }
  await nothingIsLeft()
})

test('Ctrl-C during the first build leaves nothing either', async () => {
  const dev = launch()
  await dev.waitForOutput(/building the API/, 60)
  pressCtrlC(dev)
  assert.equal(await dev.ended, 0)
  await nothingIsLeft()
})

// The API takes half a second to end, and any other build never ends by itself.
const firstBuildOnly = `test "$1" = build || exit 0
if test "$4" = . && ! test -e "$3.built"; then
  touch "$3.built"
  cat >"$3" <<'END'
#!${process.execPath}
require('node:http').createServer((_, response) => response.end()).listen(process.env.PORT, '127.0.0.1')
process.on('SIGTERM', () => setTimeout(() => process.exit(), 500))
END
  exec chmod +x "$3"
fi
echo "waiting in $4"
exec sleep 60`

test('Ctrl-C after the first build leaves nothing either', { skip: !hasCorscheck }, async () => {
  fakeGo(firstBuildOnly)
  const dev = launch()
  await dev.waitForOutput(/waiting in .\/cmd\/corscheck/, 60)
  pressCtrlC(dev)
  assert.equal(await dev.ended, 0)
  assert.deepEqual(marked(), [], 'processes')
  await nothingIsLeft()
})

test('Ctrl-C right after a change of a file leaves nothing either', async () => {
  fakeGo(firstBuildOnly.replace('echo', 'test "$4" = . || exit 1; echo'))
  const dev = launch()
  try {
    await dev.waitForOutput(/Press Ctrl-C to stop both/, 60)
    writeFileSync(path.join(copy, '.env'), '')
    pressCtrlC(dev)
    assert.equal(await dev.ended, 0)
    assert.deepEqual(marked(), [], 'processes')
  } finally {
    rmSync(path.join(copy, '.env'), { force: true })
  }
  await nothingIsLeft()
})

test('Ctrl-C waits for a request that is still in progress', async () => {
  const dev = launch()
  await dev.waitForOutput(/Press Ctrl-C to stop both/, 60)
  // An upload whose last bytes come a second after Ctrl-C.
  const socket = connect(Number(env.PORT), '127.0.0.1')
  const part = '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
  const end = 'late\r\n--b--\r\n'
  socket.write(
    `POST /api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n` +
      `Expect: 100-continue\r\nContent-Length: ${part.length + end.length}\r\n\r\n`,
  )
  let response = ''
  socket.on('data', (text) => (response += text))
  await until('the handler reads the body', () => response.startsWith('HTTP/1.1 100 '))
  socket.write(part)
  pressCtrlC(dev)
  await pause(1000)
  socket.write(end)
  assert.equal(await dev.ended, 0)
  assert.match(response, /^HTTP\/1\.1 201 /m)
  await nothingIsLeft()
})

test('both pages survive a restart of Vite', async () => {
  const dev = launch()
  await dev.waitForOutput(/Press Ctrl-C to stop both/, 60)
  // The script has a random token, which a restart replaces.
  const client = () => fetch(`${page}/@vite/client`).then((response) => response.text())
  const before = await client()
  appendFileSync(path.join(copy, 'frontend-dev/vite.config.js'), '\n')
  await until('the restart', async () => (await client().catch(() => before)) !== before)
  for (const address of [page, blocked]) assert.equal((await fetch(address)).status, 200)
  assert.doesNotMatch(dev.output(), /EADDRINUSE|exited with/)
  pressCtrlC(dev)
  assert.equal(await dev.ended, 0)
  await nothingIsLeft()
})

for (const [what, variables] of [
  ['the API', ['PORT']],
  ['the page', ['PAGE_PORT']],
  ['the second page', ['BLOCKED_PORT']],
  ['all', ['PORT', 'PAGE_PORT', 'BLOCKED_PORT']],
]) {
  test(`a port in use, ${what}: the process that holds it, and remedies that work`, async () => {
    const servers = await Promise.all(variables.map((variable) => listen(env[variable])))
    try {
      let dev = launch()
      assert.equal(await dev.ended, 1)
      const lines = dev.output().split('\n')
      variables.forEach((variable, i) => {
        const holder = `dev: port ${env[variable]} is in use by process ${process.pid}: ${process.argv0} `
        assert.ok(lines[i].startsWith(holder), dev.output())
      })
      const [, pid, command] = /^dev: end it with: kill (\d+); or run (.*) make dev\n$/m.exec(dev.output())
      assert.equal(Number(pid), process.pid)

      const remedy = Object.fromEntries(command.split(' ').map((assignment) => assignment.split('=')))
      for (const name of ['PORT', 'PAGE_PORT', 'BLOCKED_PORT']) {
        if (variables.includes(name)) assert.notEqual(remedy[name], String(env[name]))
        else assert.equal(remedy[name], String(env[name]))
      }
      Object.assign(env, remedy)
      dev = launch()
      await dev.waitForOutput(/building the API/, 60)
      pressCtrlC(dev)
      assert.equal(await dev.ended, 0)
      await nothingIsLeft()
    } finally {
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    }
  })
}

test('the API allows a custom PAGE_PORT and not the second page, unless ALLOWED_ORIGINS is set', async () => {
  delete env.ALLOWED_ORIGINS
  const origins = ['localhost', '127.0.0.1'].map((host) => `http://${host}:${env.PAGE_PORT}`)
  const status = async (origin) => (await fetch(`${api}/api/hello`, { headers: { Origin: origin } })).status
  const dev = launch()
  try {
    await dev.waitForOutput(/Press Ctrl-C to stop both/, 60)
    assert.match(dev.output(), new RegExp(`api .*\\(ALLOWED_ORIGINS=${origins}\\)\n`))
    for (const origin of origins) assert.equal(await status(origin), 200, origin)
    assert.equal(await status(`http://localhost:${env.BLOCKED_PORT}`), 403)

    writeFileSync(path.join(copy, '.env'), 'ALLOWED_ORIGINS=http://localhost:9999\n')
    await dev.waitForOutput(/the API restarted after/, 60)
    assert.equal(await status('http://localhost:9999'), 200)
    assert.equal(await status(origins[0]), 403)
  } finally {
    rmSync(path.join(copy, '.env'), { force: true })
    pressCtrlC(dev)
    await dev.ended
  }
  await nothingIsLeft()
})

test('PAGE_HOST moves both to another address; after a SIGKILL, the next start says how to end what is left', async () => {
  delete env.ALLOWED_ORIGINS
  env.PAGE_HOST = '127.0.0.2'
  const dev = launch()
  await dev.waitForOutput(/Press Ctrl-C to stop both/, 60)
  const origin = `http://127.0.0.2:${env.PAGE_PORT}`
  assert.ok(dev.output().includes(`page  ${origin}  (`), dev.output())
  assert.ok(dev.output().includes(`(ALLOWED_ORIGINS=${origin})\n`), dev.output())
  assert.match(await (await fetch(origin)).text(), /<div id="root">/)
  const response = await fetch(`http://127.0.0.2:${env.PORT}/api/hello`, { headers: { Origin: origin } })
  assert.equal(response.headers.get('Access-Control-Allow-Origin'), origin)
  for (const address of [page, blocked, api]) await assert.rejects(fetch(address), undefined, address)

  dev.child.kill('SIGKILL')
  await dev.ended
  const next = launch()
  assert.equal(await next.ended, 1)
  const [, api1] = new RegExp(`^dev: port ${env.PORT} is in use by process (\\d+): .*/api$`, 'm').exec(next.output())
  for (const port of [env.PAGE_PORT, env.BLOCKED_PORT]) {
    assert.match(next.output(), new RegExp(`^dev: port ${port} is in use by process \\d+: .*vite`, 'm'))
  }
  const [, kill, pids] = /^dev: end it with: (kill ([\d ]+)); or run/m.exec(next.output())
  assert.ok(pids.startsWith(`${api1} `), pids)
  spawnSync('sh', ['-c', kill])
  await until('both ports are free', () => marked().length === 0)
  rmSync(
    path.join(
      scratch,
      readdirSync(scratch).find((name) => name.startsWith('api-dev-')),
    ),
    { recursive: true },
  )
})

test('a PAGE_HOST that is not an address of this machine: one line with the remedy', async () => {
  env.PAGE_HOST = '192.0.2.1'
  const dev = launch()
  assert.equal(await dev.ended, 1)
  assert.match(
    dev.output(),
    /^dev: PAGE_HOST=192\.0\.2\.1 is not an address of this machine; set it to 0\.0\.0\.0 .*\n$/,
  )
})

test('an old Node.js: one line with the remedy', async () => {
  // Imitates Node.js 18, which has no parseEnv: importing it by name would fail before any line runs.
  const hooks = `export const resolve = (name, context, next) =>
    name === 'node:util' ? { url: 'data:text/javascript,', shortCircuit: true } : next(name, context)`
  const old = `import { register } from 'node:module'
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}))
    Object.defineProperty(process.versions, 'node', { value: '18.20.8' })`
  env.NODE_OPTIONS = `--import "data:text/javascript,${encodeURIComponent(old)}"`
  const dev = launch()
  assert.equal(await dev.ended, 1)
  assert.equal(dev.output(), 'dev: Node.js 18.20.8 is too old; install 20.19 or later from https://nodejs.org\n')
})

test('a machine without Go: one line with the remedy', async () => {
  env.PATH = scratch
  const dev = launch()
  assert.equal(await dev.ended, 1)
  assert.match(dev.output(), /dev: go is not on the PATH; install Go 1\.26 .*\n$/)
  await nothingIsLeft()
})

test('a Go that cannot read go.mod: its error and the remedy', async () => {
  fakeGo('echo "go.mod:3: invalid go version" >&2; exit 1')
  const dev = launch()
  assert.equal(await dev.ended, 1)
  assert.match(dev.output(), /invalid go version\ndev: Go is too old, see above; install Go 1\.26 .*\n$/)
  rmSync(path.join(scratch, 'go'))
  await nothingIsLeft()
})

test('an API that rejects its settings also stops the page', async () => {
  env.ALLOWED_ORIGINS = '*'
  const dev = launch()
  assert.equal(await dev.ended, 1)
  assert.match(dev.output(), /ALLOWED_ORIGINS/)
  assert.match(dev.output(), /dev: the API exited with status 2, see above\n$/)
  await nothingIsLeft()
})

/** Puts a shell script in the place of Go. */
function fakeGo(script) {
  writeFileSync(path.join(scratch, 'go'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  env.PATH = `${scratch}:${process.env.PATH}`
}

function launch() {
  return start(process.execPath, ['frontend-dev/dev.mjs'], { cwd: copy, env, detached: true })
}

/** Asks the page's server as a page of the origin does in a browser, and resolves to the status and the body. */
function askAs(origin, question, headers = {}) {
  const own = { Origin: origin, 'Sec-Fetch-Site': 'same-origin', 'Content-Type': 'application/json' }
  return new Promise((resolve, reject) => {
    const sent = request(
      `${origin}/__exchange`,
      { method: 'POST', headers: { ...own, ...headers } },
      async (response) => {
        let text = ''
        for await (const part of response) text += part
        resolve([response.statusCode, text.startsWith('{') ? JSON.parse(text) : text])
      },
    )
    sent.once('error', reject)
    sent.end(JSON.stringify(question))
  })
}

async function listen(port) {
  const server = createServer()
  await new Promise((resolve) => server.listen(Number(port), '127.0.0.1', resolve))
  return server
}

/** Sends SIGINT as a terminal does, to every process of the foreground group. */
function pressCtrlC({ child }) {
  process.kill(-child.pid, 'SIGINT')
}

async function nothingIsLeft() {
  await until('every process has ended', () => marked().length === 0)
  for (const port of [env.PORT, env.PAGE_PORT, env.BLOCKED_PORT]) {
    await assert.rejects(fetch(`http://127.0.0.1:${port}`), undefined, `port ${port}`)
  }
  assert.deepEqual(
    readdirSync(scratch).filter((name) => name.startsWith('api-dev-')),
    [],
  )
}

/** The processes that inherited the mark of this test's launcher. */
function marked() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(env.E2E_MARK)
      } catch {
        return false
      }
    })
}
