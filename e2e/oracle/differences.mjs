/**
 * Reads observations and counts where Chromium and Firefox differ:
 *
 *     node differences.mjs observations/1.jsonl ...
 *
 * It exits with 1 if a difference is of no known kind, and shows its cases.
 */
import { readFileSync } from 'node:fs'
import { differences } from './compare.mjs'
import { kinds } from './kinds.mjs'

const found = new Map(kinds.map(({ name }) => [name, { count: 0, cases: [] }]))
let total = 0
let differing = 0
const unknown = []
for (const file of process.argv.slice(2)) {
  for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) {
    const each = JSON.parse(line)
    total++
    const all = differences(each)
    if (all.length) differing++
    const seen = new Set()
    for (const difference of all) {
      const explaining = kinds.filter(({ touches, when }) => touches.test(difference.part) && when(each))
      for (const { name } of explaining) seen.add(name)
      if (explaining.length === 0) unknown.push({ each, difference })
    }
    for (const name of seen) {
      const kind = found.get(name)
      kind.count++
      if (kind.cases.length < 5) kind.cases.push(`${each.seed}/${each.case}`)
    }
  }
}
console.log(`${total} cases, ${differing} in which Chromium and Firefox differ`)
for (const [name, { count, cases }] of found) console.log(`${String(count).padStart(6)}  ${name}  ${cases.join(' ')}`)
for (const { each, difference } of unknown) {
  const { part, chromium, firefox } = difference
  console.log(`new: ${each.seed}/${each.case} (${each.topic}) ${part}: ${JSON.stringify(chromium)} and ${JSON.stringify(firefox)}`)
}
if (unknown.length) process.exitCode = 1
