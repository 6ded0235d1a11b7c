import { existsSync } from 'node:fs'

/** What both drivers share. */

/** The number of the case whose URL is in `text`, or undefined. */
export function caseOf(text) {
  const [, number] = /:\d+\/c\/(\d+)\/\d+/.exec(text ?? '') ?? []
  return number === undefined ? undefined : Number(number)
}

/** The path of a browser's program: `variable`, or where Debian has it. */
export function executable(variable, usual, debianPackage) {
  const program = process.env[variable] ?? usual
  if (existsSync(program)) return program
  throw new Error(`${program} is missing: apt-get install ${debianPackage}, or set ${variable} to its path`)
}
