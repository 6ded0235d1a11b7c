import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { executable } from './browsers.mjs'

const program = path.join(import.meta.dirname, 'observe.mjs')
const count = 60

const engines = [
  { name: 'chromium', missing: missing('CHROMIUM', '/usr/bin/chromium', 'chromium') },
  { name: 'firefox', missing: missing('FIREFOX', '/usr/bin/firefox-esr', 'firefox-esr') },
]

for (const { name, missing } of engines) {
  test(`${name} does what the committed observations say`, { skip: missing }, (t) => {
    const out = mkdtempSync(path.join(tmpdir(), 'oracle-'))
    t.after(() => rmSync(out, { recursive: true, force: true }))
    const run = observe('--seed', '1', '--cases', String(count), '--engine', name, '--out', out)
    assert.equal(run.status, 0, run.stderr)
    assert.match(
      run.stdout,
      new RegExp(`^seed 1: ${count} cases in .*; ${name} \\d+ allowed, \\d+ blocked, 0 timed out; .*\\n$`),
    )
    const seen = read(path.join(out, '1.jsonl'))
    const recorded = read(path.join(import.meta.dirname, 'testdata/1.jsonl')).slice(0, count)
    for (const [index, { observed, ...each }] of recorded.entries()) {
      assert.deepEqual({ ...seen[index], observed: undefined }, { ...each, observed: undefined })
      assert.deepEqual(stable(seen[index].observed[name]), stable(observed[name]), `case ${each.case}`)
    }
  })
}

const mistakes = [
  { args: ['--seed', 'x'], want: '--seed x: want a whole number below 1,000,000,000\n' },
  { args: ['--cases', '-1'], want: /--cases/ },
  { args: ['--engine', 'safari'], want: '--engine safari: want chromium, firefox, both\n' },
  { args: ['--third-party-cookies', 'no'], want: '--third-party-cookies no: want allow, block\n' },
  { args: ['--unknown'], want: /Unknown option '--unknown'/ },
]

for (const { args, want } of mistakes) {
  test(`${args.join(' ')} is refused, and nothing starts`, () => {
    const { status, stderr } = observe(...args)
    assert.equal(status, 2)
    if (typeof want === 'string') assert.equal(stderr, want)
    else assert.match(stderr, want)
  })
}

function observe(...args) {
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' })
}

function read(file) {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** What must be the same in every run and in the next versions, without a form's random boundary and the browser's name. */
function stable({ arrived, result: { message, ...result }, corsError, failedParameter, stored }) {
  const text = JSON.stringify({ arrived, result, corsError, failedParameter, stored })
  return JSON.parse(text.replace(/(boundary=-+)\w+/g, '$1').replace(/Mozilla[^"]*/g, ''))
}

/** Why a browser's test is skipped, or false. In CI a missing browser is an error. */
function missing(...program) {
  try {
    return void executable(...program) ?? false
  } catch (error) {
    if (process.env.CI === 'true') throw error
    console.log(`SKIP: ${error.message}`)
    return error.message
  }
}
