/** A request as text to paste elsewhere. */
import type { Exchange } from './api/client'

/** The request as a command for a POSIX shell. It sends the page's origin and no cookies. */
export function asCurl({ method, url, requestHeaders, requestBody }: Exchange, origin: string): string {
  const parts = ['curl -i', `-X ${method}`, quote(url), `-H ${quote(`Origin: ${origin}`)}`]
  for (const [name, value] of requestHeaders) parts.push(`-H ${quote(`${name}: ${value}`)}`)
  if (typeof requestBody === 'string') parts.push(`--data-raw ${quote(requestBody)}`)
  else for (const [name, value] of requestBody ?? []) parts.push(`-F ${quote(formPart(name, value))}`)
  return parts.join(' ')
}

/** The request in JavaScript. The content of files is left out. */
export function asFetch({ method, url, credentials, mode = 'cors', requestHeaders, requestBody }: Exchange): string {
  const lines: string[] = []
  const options = [`method: ${literal(method)}`, `credentials: ${literal(credentials)}`]
  if (mode !== 'cors') options.push(`mode: ${literal(mode)}`)
  const headers = Object.fromEntries(requestHeaders)
  if (Object.keys(headers).length > 0) options.push(`headers: ${JSON.stringify(headers)}`)
  if (typeof requestBody === 'string') {
    options.push(`body: ${literal(requestBody)}`)
  } else if (requestBody) {
    lines.push('const body = new FormData()')
    for (const [name, value] of requestBody) {
      const part = typeof value === 'string' ? literal(value) : `new File([], ${literal(value.name)})`
      lines.push(`body.append(${literal(name)}, ${part})`)
    }
    options.push('body')
  }
  lines.push(`await fetch(${literal(url)}, {`, ...options.map((option) => `  ${option},`), '})')
  return lines.join('\n')
}

/** A file's name is quoted for curl, which would split it at a comma or semicolon. */
function formPart(name: string, value: FormDataEntryValue): string {
  if (typeof value === 'string') return `${name}=${value}`
  return `${name}=@"${value.name.replace(/["\\]/g, '\\$&')}"`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

function literal(text: string): string {
  return JSON.stringify(text)
}
