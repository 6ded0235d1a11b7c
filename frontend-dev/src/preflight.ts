import type { Exchange } from './api/client'

// The Fetch standard's CORS-safelisted methods, request headers and content types.
const SAFELISTED_METHODS = ['GET', 'HEAD', 'POST']
const SAFELISTED_HEADERS = ['accept', 'accept-language', 'content-language', 'content-type', 'range']
const SAFELISTED_CONTENT_TYPES = ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']

/** Why the browser sends a preflight before this cross-origin request; empty if it sends none. */
export function preflightReasons(exchange: Exchange): string[] {
  const { method, headers } = preflightRequest(exchange)
  const reasons: string[] = []
  if (method) reasons.push(`the method is ${method}`)
  for (const [name, value] of headers) {
    reasons.push(
      name === 'content-type' ? `the content type is ${mediaType(value)}` : `the header ${name} is not safelisted`,
    )
  }
  if (exchange.progress) reasons.push('the upload has progress listeners')
  return reasons
}

/** The method and the headers that the response to a preflight must allow. Safelisted ones need no permission. */
export function preflightRequest({ method, requestHeaders }: Exchange) {
  return {
    method: SAFELISTED_METHODS.includes(method) ? undefined : method,
    headers: [...requestHeaders].filter(([name, value]) => !isSafelisted(name, value)),
  }
}

function isSafelisted(name: string, value: string): boolean {
  if (name === 'content-type') return SAFELISTED_CONTENT_TYPES.includes(mediaType(value))
  return SAFELISTED_HEADERS.includes(name)
}

function mediaType(value: string): string {
  return value.split(';', 1)[0]!.trim().toLowerCase()
}
