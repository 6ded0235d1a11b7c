/** What both drivers share. */

/** The number of the case whose URL is in `text`, or undefined. */
export function caseOf(text) {
  const [, number] = /:\d+\/c\/(\d+)\/\d+/.exec(text ?? '') ?? []
  return number === undefined ? undefined : Number(number)
}
