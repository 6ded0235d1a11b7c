/**
 * Copies Swagger UI from the npm package to docs/, the large files compressed.
 * With --check it writes nothing, and fails when docs/ differs from the package.
 *
 * `npm ci` verifies the package against the hash in package-lock.json, so the
 * check shows that docs/ holds exactly the release that the lock file names.
 * To update, change the version in package.json and run `npm install`, then
 * `npm run swagger-ui`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'

const from = path.join(import.meta.dirname, 'node_modules/swagger-ui-dist')
const to = path.join(import.meta.dirname, 'docs')

const files = [
  ['swagger-ui-bundle.js', 'swagger-ui-bundle.js.gz'],
  ['swagger-ui.css', 'swagger-ui.css.gz'],
  ['swagger-ui-bundle.js.LICENSE.txt', 'swagger-ui-bundle.js.LICENSE.txt'],
  ['LICENSE', 'swagger-ui.LICENSE.txt'],
  ['NOTICE', 'swagger-ui.NOTICE.txt'],
]

const check = process.argv.includes('--check')
const different = files.filter(([source, name]) => {
  const content = readFileSync(path.join(from, source))
  const file = path.join(to, name)
  const isCompressed = name.endsWith('.gz')
  if (check) return !holds(file, content, isCompressed)
  // gzipSync writes no time and no file name, so the same content gives the
  // same file.
  writeFileSync(file, isCompressed ? gzipSync(content, { level: 9 }) : content)
  return false
})
if (different.length > 0) {
  const names = different.map(([, name]) => `docs/${name}`).join(', ')
  console.error(`${names}: not the content of swagger-ui-dist in package-lock.json; run \`npm run swagger-ui\``)
  process.exit(1)
}

/**
 * Reports whether a file holds the content. What counts is the content after
 * decompression: other versions of zlib may compress it to other bytes.
 */
function holds(file, content, isCompressed) {
  try {
    const stored = readFileSync(file)
    return (isCompressed ? gunzipSync(stored) : stored).equals(content)
  } catch {
    return false // missing, or not gzip
  }
}
