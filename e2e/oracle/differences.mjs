/**
 * Reads observations of both browsers and counts where Chromium and Firefox differ:
 *
 *     node differences.mjs observations/1.jsonl ...
 *
 * It exits with 1 if a difference is of no known kind, and shows its cases.
 */
import { readFileSync } from 'node:fs'
import { explain, kinds } from './kinds.mjs'

const examples = 5

const found = new Map(kinds.map(({ name }) => [name, []]))
const unknown = []
let total = 0
let differing = 0
for (const file of process.argv.slice(2)) {
  for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) {
    const each = JSON.parse(line)
    const replay = `${each.seed}/${each.case}`
    const explained = explain(each)
    total++
    if (explained.names.length + explained.unknown.length > 0) differing++
    for (const name of explained.names) found.get(name).push(replay)
    for (const { part, chromium, firefox } of explained.unknown) {
      unknown.push(`new: ${replay} (${each.topic}) ${part}: ${JSON.stringify(chromium)} and ${JSON.stringify(firefox)}`)
    }
  }
}
console.log(`${total} cases, ${differing} in which Chromium and Firefox differ`)
for (const [name, cases] of found) {
  console.log(`${String(cases.length).padStart(6)}  ${name}  ${cases.slice(0, examples).join(' ')}`)
}
for (const line of unknown) console.log(line)
if (unknown.length) process.exitCode = 1
