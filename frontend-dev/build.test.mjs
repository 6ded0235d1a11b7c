// @vitest-environment node
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'

/**
 * What a browser may load to show the lab, in bytes: by brotli from a server
 * that sends such files, and by gzip. React alone takes about 58,000 and 67,400.
 */
const MAX_BROTLI = 72_000
const MAX_GZIP = 80 * 1024

let folder

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'page-build-'))
  const vite = path.join(import.meta.dirname, 'node_modules/vite/bin/vite.js')
  const env = { ...process.env, NODE_ENV: 'production', CORSCHECK: '/usr/bin/true' }
  execFileSync(process.execPath, [vite, 'build', '--outDir', folder, '--logLevel', 'error'], {
    cwd: import.meta.dirname,
    env,
  })
}, 60_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

// ../e2e/size.test.mjs holds that browsers load nothing else for it.
test.each([
  ['br', MAX_BROTLI],
  ['gz', MAX_GZIP],
])('the lab is small: %s', (extension, max) => {
  const html = readFileSync(path.join(folder, 'index.html'), 'utf8')
  const files = [...html.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map(([, name]) => name)
  expect(files.length).toBeGreaterThan(1)
  const sizes = ['index.html', ...files].map((name) => [name, statSync(path.join(folder, `${name}.${extension}`)).size])
  const icon = statSync(path.join(folder, 'icon.svg')).size
  const total = sizes.reduce((sum, [, size]) => sum + size, icon)
  expect(total, JSON.stringify(sizes)).toBeLessThan(max)
})

test('the compressed files hold the same', () => {
  const texts = readdirSync(folder, { recursive: true }).filter((name) => /\.(html|js|css)$/.test(name))
  for (const name of texts) {
    const file = path.join(folder, name)
    const content = readFileSync(file)
    expect(brotliDecompressSync(readFileSync(`${file}.br`)).equals(content), name).toBe(true)
    expect(gunzipSync(readFileSync(`${file}.gz`)).equals(content), name).toBe(true)
  }
})

test('nothing of the development server is in it', () => {
  for (const name of readdirSync(folder, { recursive: true }).filter((name) => /\.(js|css|html)$/.test(name))) {
    const text = readFileSync(path.join(folder, name), 'utf8')
    for (const trace of ['__exchange', 'corscheck', 'stand_in', 'Asking outside', 'your-api', 'blocked-origin']) {
      expect(text, name).not.toContain(trace)
    }
  }
})
