import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { differences } from './compare.mjs'
import { explain, kinds } from './kinds.mjs'

const read = (name) => readFileSync(path.join(import.meta.dirname, name), 'utf8')
const observations = ['testdata/1.jsonl', 'testdata/differences.jsonl'].flatMap((name) =>
  read(name)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line)),
)

test('every difference in the committed observations is of a known kind', () => {
  for (const each of observations) assert.deepEqual(explain(each).unknown, [], `${each.seed}/${each.case}`)
})

test('every kind is seen in a committed observation, and is described', () => {
  const document = read('DIFFERENCES.md')
  const seen = new Set(observations.flatMap((each) => explain(each).names))
  for (const { name } of kinds) {
    assert.ok(seen.has(name), `${name}: no observation shows it`)
    assert.match(document, new RegExp(`^\\| ${name} \\| \\d+/\\d+ \\|`, 'm'))
  }
})

test('the case named beside a kind shows it', () => {
  const rows = [...read('DIFFERENCES.md').matchAll(/^\| ([\w ,-]+) \| (\d+)\/(\d+) \|/gm)]
  const named = rows.filter(([, name]) => kinds.some((kind) => kind.name === name))
  assert.ok(named.length >= kinds.length)
  for (const [, name, seed, number] of named) {
    const each = observations.find((each) => each.seed === Number(seed) && each.case === Number(number))
    assert.ok(each, `${seed}/${number} is not among the committed observations`)
    assert.ok(explain(each).names.includes(name), `${seed}/${number} does not show ${name}`)
  }
})

const requests = { arrived: [{ hop: 0, preflight: false, method: 'GET', headers: [['Origin', 'http://a']] }] }
const allowed = { ...requests, result: { outcome: 'resolved', type: 'cors', status: 200, readable: ['x'] }, stored: [] }
const blocked = { ...requests, result: { outcome: 'rejected', name: 'TypeError' }, stored: [] }

const rows = [
  { name: 'the same', chromium: allowed, firefox: allowed, want: [] },
  { name: 'allowed or blocked', chromium: allowed, firefox: blocked, want: ['outcome'] },
  {
    name: 'a request more',
    chromium: { ...allowed, arrived: [] },
    firefox: allowed,
    want: ['sent'],
  },
  {
    name: 'another origin',
    chromium: { ...allowed, arrived: [{ ...requests.arrived[0], headers: [['Origin', 'null']] }] },
    firefox: allowed,
    want: ['request origin'],
  },
  {
    name: 'a header more to read',
    chromium: allowed,
    firefox: { ...allowed, result: { ...allowed.result, readable: ['x', 'y'] } },
    want: ['readable'],
  },
  {
    name: 'a cookie more',
    chromium: allowed,
    firefox: { ...allowed, stored: [{ host: 'a', name: 'k' }] },
    want: ['stored'],
  },
  {
    name: 'the same reason under another name',
    chromium: { ...blocked, corsError: 'PreflightAllowOriginMismatch' },
    firefox: { ...blocked, consoleCategories: ['Security', 'CORSAllowOriginNotMatchingOrigin', 'CORSDidNotSucceed2'] },
    want: [],
  },
  {
    name: 'another reason',
    chromium: { ...blocked, corsError: 'AllowOriginMismatch' },
    firefox: { ...blocked, consoleCategories: ['CORSMissingAllowOrigin2'] },
    want: ['reason'],
  },
]

for (const { name, chromium, firefox, want } of rows) {
  test(`compare: ${name}`, () => {
    const found = differences({ request: { headers: [] }, observed: { chromium, firefox } })
    assert.deepEqual(
      found.map(({ part }) => part),
      want,
    )
  })
}
