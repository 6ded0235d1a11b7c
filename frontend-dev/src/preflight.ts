import type { Exchange } from './api/client'

const SIMPLE_METHODS = ['GET', 'HEAD', 'POST']
const SIMPLE_HEADERS = ['accept', 'accept-language', 'content-language', 'content-type', 'range']
const SIMPLE_CONTENT_TYPES = ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']

/**
 * Why the browser asks with a preflight before it sends this request to
 * another origin; empty when it does not (Fetch standard, "CORS-preflight").
 */
export function preflightReasons(exchange: Exchange): string[] {
  const { method, headers } = preflightAsks(exchange)
  const reasons: string[] = []
  if (method) reasons.push(`the method is ${method}`)
  for (const [name, value] of headers) {
    reasons.push(
      name === 'content-type' ? `the content type is ${mediaType(value)}` : `the header ${name} is not a simple one`,
    )
  }
  if (exchange.progress) reasons.push('the upload has progress listeners')
  return reasons
}

/** The method and the headers that a preflight's answer must list. Simple ones need no leave. */
export function preflightAsks({ method, requestHeaders }: Exchange) {
  return {
    method: SIMPLE_METHODS.includes(method) ? undefined : method,
    headers: [...requestHeaders].filter(([name, value]) => !isSimple(name, value)),
  }
}

function isSimple(name: string, value: string): boolean {
  if (name === 'content-type') return SIMPLE_CONTENT_TYPES.includes(mediaType(value))
  return SIMPLE_HEADERS.includes(name)
}

function mediaType(value: string): string {
  return value.split(';', 1)[0]!.trim().toLowerCase()
}
