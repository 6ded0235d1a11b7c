/** Which ports are in use on this machine, and by which process. */
import { execFile } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { createServer } from 'node:net'

/** Reports whether a port is in use on one of the hosts. */
export async function isTaken(port, hosts) {
  for (const host of hosts) {
    const taken = await new Promise((resolve) => {
      const probe = createServer()
      probe.once('error', (error) => resolve(error.code === 'EADDRINUSE'))
      probe.listen(Number(port), host, () => probe.close(() => resolve(false)))
    })
    if (taken) return true
  }
  return false
}

/** The process that listens on a TCP port, with its command; undefined if the system does not tell, as with another user's process. */
export function listener(port) {
  return process.platform === 'linux' ? listenerInProc(port) : listenerByLsof(port)
}

async function listenerInProc(port) {
  const hexPort = Number(port).toString(16).toUpperCase().padStart(4, '0')
  const sockets = new Set()
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const lines = await readFile(table, 'utf8').catch(() => '')
    for (const line of lines.split('\n')) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
      if (state === '0A' && local.endsWith(`:${hexPort}`)) sockets.add(`socket:[${inode}]`)
    }
  }
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const files = await readdir(`/proc/${pid}/fd`).catch(() => [])
    for (const file of files) {
      if (!sockets.has(await readlink(`/proc/${pid}/fd/${file}`).catch(() => ''))) continue
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      return {
        pid,
        command: command
          .split(/[\0\s]+/)
          .join(' ')
          .trim()
          .slice(0, 100),
      }
    }
  }
  return undefined
}

function listenerByLsof(port) {
  return new Promise((resolve) => {
    execFile('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc'], (_, output = '') => {
      const [, pid, command] = /^p(\d+)\nc(.*)$/m.exec(output) ?? []
      resolve(pid && { pid, command })
    })
  })
}
