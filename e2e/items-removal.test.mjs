/** A copy of the page without the sample: delete the folder, then the lines that the compiler names. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { root } from './support/processes.mjs'

const modules = path.join(root, 'frontend-dev/node_modules')
const notCopied = /\/(node_modules|dist)$/

let copy, page

before(() => {
  copy = mkdtempSync(path.join(tmpdir(), 'e2e-removal-'))
  page = path.join(copy, 'frontend-dev')
  cpSync(path.join(root, 'frontend-dev'), page, { recursive: true, filter: (name) => !notCopied.test(name) })
  symlinkSync(modules, path.join(page, 'node_modules'))
})

after(() => rmSync(copy, { recursive: true, force: true }))

test('without the items, the types, the unit tests and the build of the page pass', () => {
  const description = path.join(copy, 'internal/openapi/openapi.yaml')
  mkdirSync(path.dirname(description), { recursive: true })
  writeFileSync(description, withoutPaths(readFileSync(path.join(root, 'internal/openapi/openapi.yaml'), 'utf8')))
  run('openapi-typescript', '../internal/openapi/openapi.yaml', '-o', 'src/api/generated/openapi.ts')
  rmSync(path.join(page, 'src/items'), { recursive: true })

  const deleted = []
  for (let lines; (lines = namedLines()).size > 0; ) {
    for (const [file, numbers] of lines) {
      const source = readFileSync(path.join(page, file), 'utf8').split('\n')
      deleted.push(...numbers.map((number) => `${file}: ${source[number - 1].trim()}`))
      writeFileSync(path.join(page, file), source.filter((_, i) => !numbers.includes(i + 1)).join('\n'))
    }
    assert.ok(deleted.length <= 6, `an import and a row in each of three files, not:\n${deleted.join('\n')}`)
  }

  run('vitest', 'run')
  run('vite', 'build', '--logLevel', 'warn')
})

/** The description without the paths of the items. */
function withoutPaths(description) {
  const rest = description.replace(/^ {2}\/api\/(?:items|search)\S*:\n(?: {4}.*\n|\n)+/gm, '')
  assert.ok(!/\/api\/(items|search)/.test(rest.slice(rest.indexOf('\npaths:'), rest.indexOf('\ncomponents:'))))
  return rest
}

/** The lines that the compiler names, by file. */
function namedLines() {
  const { stdout } = spawnSync('npx', ['tsc', '--pretty', 'false'], { cwd: page, encoding: 'utf8' })
  const lines = new Map()
  for (const [, file, number] of stdout.matchAll(/^(src\/\S+?)\((\d+),\d+\): error/gm)) {
    lines.set(file, [...new Set([...(lines.get(file) ?? []), Number(number)])])
  }
  return lines
}

function run(command, ...args) {
  const { status, stdout, stderr } = spawnSync('npx', [command, ...args], { cwd: page, encoding: 'utf8' })
  assert.equal(status, 0, `${command} ${args.join(' ')}:\n${stdout}${stderr}`)
}
