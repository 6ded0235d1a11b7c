/** The cause of a failed call, from what the development server found out. */
import { TimeoutError, type Exchange } from '../api/client'
import { placeOf } from '../localNetwork'
import { lineWith, type Setting } from '../settings'
import { header, thisBrowser, type Answer, type Browser, type Message } from './ask'

export interface Diagnosis {
  /** A name for the cause: a reason of corscheck, or one of this file. */
  cause: string
  /** The cause in one sentence. */
  summary: string
  /** What to do about it. */
  fix: string
  /** What to paste: lines of .env or of another server's configuration. */
  lines?: string[]
  note?: string | undefined
}

/** Why no response came, by the reason that corscheck names. */
const unreachable: Record<string, [summary: string, fix: string]> = {
  NameNotFound: ['No computer has this name.', 'Correct the host name in the URL.'],
  ConnectionRefused: [
    'Nothing listens at this address: the API is not running, or it listens on another port.',
    'Start the API, or correct the port in the URL.',
  ],
  HostUnreachable: ['No network leads to this address.', 'Check the address, the network and the VPN.'],
  TimedOut: [
    'The API does not respond: it accepts the request and stays silent, or a firewall drops it.',
    'Find out what the API is waiting for: a deadlock, a breakpoint, or a database that does not respond.',
  ],
  ConnectionClosed: [
    'The API closed the connection without a response.',
    'Look for a crash in the API’s log. If the port speaks only TLS, write https:// in the URL.',
  ],
  InvalidResponse: ['What came is not an HTTP response.', 'Check that the port in the URL is that of the API.'],
  NeedsHTTP: ['The API does not speak TLS on this port.', 'Write http:// in the URL.'],
  NeedsTLS: ['The API speaks only TLS on this port.', 'Write https:// in the URL.'],
  UntrustedAuthority: [
    'The browser does not trust the API’s certificate: no authority that it knows has signed it.',
    'Install the certificate’s authority on this machine, or open the URL in a tab and accept the certificate.',
  ],
  WrongName: ['The API’s certificate is for another name.', 'Call the API under the name in its certificate.'],
  InvalidCertificate: ['The API’s certificate is not valid.', 'Renew the certificate.'],
}

/** Where the lines of a fix belong, by the server that corscheck takes the API for. */
const places: Record<string, string> = {
  api: 'In the .env of this project’s server',
  nginx: 'In nginx, in the location of the API',
  caddy: 'In the Caddyfile, in the site of the API',
  express: 'In Express, with the package cors',
  fastapi: 'In FastAPI',
  spring: 'In Spring',
}

const GATEWAY_STATUSES = [502, 503, 504]

/** `isBlockedPort` says that the page comes from the port that the API does not allow, on purpose. */
export function diagnose(exchange: Exchange, answer: Answer, pageOrigin: string, isBlockedPort = false): Diagnosis {
  const { check } = answer
  const browser = thisBrowser(check)
  const last = check.exchanges.at(-1)
  const standIn =
    last?.stand_in &&
    `${exchange.method} may change data, so it was not sent again: a ${last.stand_in} to the same URL was sent instead.`
  if (check.error) return noResponse(exchange, answer, last)
  if (browser && !browser.allowed) {
    const found = blocked(exchange, answer, browser, last, pageOrigin, isBlockedPort)
    return { ...found, note: found.note ?? standIn }
  }
  if (answer.permission === 'denied') {
    return {
      cause: 'LocalNetwork',
      summary: `The browser does not let this page call an address of ${placeOf(exchange.url)}: the user has not permitted it.`,
      fix: `Permit it in the browser’s settings for ${pageOrigin}, then load the page again. No header of the API can permit it.`,
    }
  }
  if (exchange.error instanceof TimeoutError) {
    return {
      cause: 'Slow',
      summary: `The API responds now, but did not within ${seconds(exchange)} s.`,
      fix: 'Find out what took so long. The API may still have carried out the request.',
      note: standIn,
    }
  }
  if (last?.broken && !standIn) {
    return {
      cause: 'BrokenBody',
      summary: 'The response broke off, so its body is not complete.',
      fix: 'Look for a crash in the API’s log, and for a wrong Content-Length.',
      note: last.broken,
    }
  }
  if (standIn) {
    return {
      cause: 'NotRepeated',
      summary: `Nothing blocks this ${exchange.method}: the preflight passes, if there is one, and so does a GET to the same URL.`,
      fix: `Look at the response to ${exchange.method} itself: an error that lacks the CORS headers, or a connection that broke.`,
      note: standIn,
    }
  }
  return {
    cause: 'Interrupted',
    summary: 'The same call succeeds now, outside the browser: the API was restarting, or the connection broke.',
    fix: 'Send it again. If it fails again, an extension or a Content-Security-Policy of the page blocks it.',
  }
}

function noResponse(exchange: Exchange, { check, settings }: Answer, last: Message | undefined): Diagnosis {
  const cause = check.reason!
  const [summary, fix] = unreachable[cause] ?? [`${sentence(check.error!)}`, 'Change the request.']
  if (cause === 'TimedOut' && last?.preflight) {
    return {
      cause,
      summary: 'The API does not respond to the preflight, the OPTIONS request that asks for permission.',
      fix,
    }
  }
  if (cause === 'ConnectionRefused' && settings) {
    return {
      cause,
      summary: `Nothing listens at ${new URL(exchange.url).origin}: the API is not running.`,
      fix: 'Start it with make dev. If make dev is running, its output says why the API has ended.',
    }
  }
  return { cause, summary, fix }
}

function blocked(
  exchange: Exchange,
  answer: Answer,
  browser: Browser,
  last: Message | undefined,
  pageOrigin: string,
  isBlockedPort: boolean,
): Diagnosis {
  const { check, log, settings } = answer
  const cause = browser.reason!
  const found: Diagnosis = {
    cause,
    summary: sentence(browser.explanation!),
    fix: sentence(check.fix?.text ?? ''),
    lines: check.fix?.lines ?? [],
    note: check.fix?.note,
  }
  if (found.lines!.length > 0) found.fix += ` ${places[check.fix?.server ?? ''] ?? 'As response headers'}:`
  const { method } = exchange
  const isMissing = cause === 'MissingAllowOriginHeader'
  if (cause === 'MethodDisallowedByPreflightResponse' && method !== method.toUpperCase()) {
    return {
      cause: 'MethodCase',
      summary: `The API does not allow the method ${method}: methods are case-sensitive.`,
      fix: `Write method: '${method.toUpperCase()}'.`,
    }
  }
  if (cause === 'MethodDisallowedByPreflightResponse')
    found.summary = `The API’s response to the preflight does not allow the method ${method}.`
  if (cause === 'HeaderDisallowedByPreflightResponse') {
    const names = missingHeaders(last)
    found.summary = `The API’s response to the preflight does not allow the ${names.length === 1 ? 'header' : 'headers'} ${names.join(', ')}.`
  }
  if (isMissing && GATEWAY_STATUSES.includes(browser.status ?? 0)) {
    return {
      cause: 'Gateway',
      summary: `A proxy in front of the API responded with ${browser.status}, because it could not reach the API. The proxy’s own errors have no CORS headers.`,
      fix: 'Start the API behind the proxy, or correct the address that the proxy forwards to.',
    }
  }
  if (!settings) return found
  const reason = log.map(reasonOf).find(Boolean)
  if (isMissing && browser.status === 403) {
    return {
      ...found,
      ...change('ALLOWED_ORIGINS', [pageOrigin], settings),
      cause: 'OriginDenied',
      // The first clause says what differs; the line of the log has the rest.
      summary: `The API does not allow the origin ${pageOrigin}${reason ? `: ${reason.split(';')[0]}` : ''}.`,
      note: isBlockedPort ? 'This is the lab’s second page. The API does not allow its port, on purpose.' : undefined,
    }
  }
  if (cause === 'MethodDisallowedByPreflightResponse')
    return { ...found, ...change('CORS_ALLOWED_METHODS', [method], settings) }
  if (cause === 'HeaderDisallowedByPreflightResponse')
    return { ...found, ...change('CORS_ALLOWED_HEADERS', missingHeaders(last), settings) }
  if (cause === 'InvalidAllowCredentials')
    return { ...found, ...change('CORS_ALLOW_CREDENTIALS', [], settings), lines: ['CORS_ALLOW_CREDENTIALS=true'] }
  return found
}

/** The change of a setting as a whole line, and where it belongs. */
function change(
  setting: Setting,
  values: string[],
  { values: current, fixed }: NonNullable<Answer['settings']>,
): Pick<Diagnosis, 'fix' | 'lines'> {
  const line = lineWith(setting, values, current[setting])
  const where = fixed.includes(setting)
    ? `${setting} is set in the environment of make dev, which takes precedence over .env. Change it there and start make dev again:`
    : 'Write this line into .env. make dev restarts the API when you save the file.'
  return { fix: where, lines: [line] }
}

/** The header names that the preflight asked for and its response does not list. */
function missingHeaders(preflight: Message | undefined): string[] {
  const names = (text = '') =>
    text
      .split(',')
      .map((name) => name.trim().toLowerCase())
      .filter(Boolean)
  const allowed = names(header(preflight, 'came', 'access-control-allow-headers'))
  return names(header(preflight, 'sent', 'access-control-request-headers')).filter((name) => !allowed.includes(name))
}

/** The reason in a line of the API's log, in either of its formats. */
export function reasonOf(line: string): string | undefined {
  const quoted = /\breason=("(?:[^"\\]|\\.)*")|"reason":("(?:[^"\\]|\\.)*")/.exec(line)
  const text = quoted?.[1] ?? quoted?.[2]
  if (text) {
    try {
      return JSON.parse(text) as string
    } catch {
      return text.slice(1, -1)
    }
  }
  return /\breason=(\S+)/.exec(line)?.[1]
}

function sentence(text: string): string {
  const whole = text.replace(/\.$/, '')
  return `${whole.charAt(0).toUpperCase()}${whole.slice(1)}.`
}

function seconds({ milliseconds }: Exchange): number {
  return Math.round(milliseconds / 1000)
}
