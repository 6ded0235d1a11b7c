import type { Exchange } from './api/client'

const SIMPLE_METHODS = ['GET', 'HEAD', 'POST']
const SIMPLE_HEADERS = ['accept', 'accept-language', 'content-language', 'content-type', 'range']
const SIMPLE_CONTENT_TYPES = ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']

/**
 * Why the browser asks with a preflight before it sends this request to
 * another origin; empty when it does not (Fetch standard, "CORS-preflight").
 */
export function preflightReasons({ method, requestHeaders, progress }: Exchange): string[] {
  const reasons: string[] = []
  if (!SIMPLE_METHODS.includes(method)) reasons.push(`the method is ${method}`)
  for (const [name, value] of requestHeaders) {
    if (!SIMPLE_HEADERS.includes(name)) reasons.push(`the header ${name} is not a simple one`)
    const type = value.split(';', 1)[0]!.trim().toLowerCase()
    if (name === 'content-type' && !SIMPLE_CONTENT_TYPES.includes(type)) reasons.push(`the content type is ${type}`)
  }
  if (progress) reasons.push('the upload has progress listeners')
  return reasons
}
