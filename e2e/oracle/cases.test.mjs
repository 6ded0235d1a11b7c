import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { makeCase, makeCases } from './cases.mjs'

test('the same seed gives the same cases, on every machine', () => {
  const digest = createHash('sha256')
    .update(JSON.stringify(makeCases(1, 2000)))
    .digest('hex')
  // Change it together with the generator, and make the observations in testdata anew.
  assert.equal(digest, 'b4ce69746f8a742205d09f8ddf05842068894a9975ac53480319ed6d6f84ecbf')
})

for (const name of ['1.jsonl', 'differences.jsonl']) {
  test(`testdata/${name} holds cases that the generator makes`, () => {
    const lines = readFileSync(path.join(import.meta.dirname, 'testdata', name), 'utf8')
      .trimEnd()
      .split('\n')
    for (const line of lines) {
      const { observed, ...recorded } = JSON.parse(line)
      assert.deepEqual(recorded, makeCase(recorded.seed, recorded.case))
      assert.deepEqual(Object.keys(observed), ['chromium', 'firefox'])
    }
  })
}

test('a case depends on its own number alone, so that it can be replayed by itself', () => {
  assert.deepEqual(makeCase(7, 41), makeCases(7, 50)[41])
  assert.notDeepEqual(makeCase(7, 41), makeCase(8, 41))
})

test('every string in a case is made of bytes', () => {
  for (const each of makeCases(1, 500)) assert.doesNotMatch(JSON.stringify(each), /[\u0100-\uffff]/)
})

test('an answer can be sent as it stands', () => {
  for (const { hops } of makeCases(2, 1000)) {
    for (const { preflight, response } of hops) {
      for (const { status, headers, body = '' } of [preflight, response]) {
        for (const [name, value] of headers) assert.doesNotMatch(name + value, /[\r\n\0]/)
        const lengths = headers.filter(([name]) => name === 'Content-Length').map(([, value]) => value)
        assert.deepEqual(lengths, status === 204 || status === 304 ? [] : [String(body.length)])
      }
    }
  }
})

test('each URL belongs to one case and one hop', () => {
  const paths = makeCases(3, 1000).flatMap((each) => each.hops.map(({ url }) => new URL(url).pathname))
  assert.equal(new Set(paths).size, paths.length)
})
