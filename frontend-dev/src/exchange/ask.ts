/**
 * Asks the development server what the browser hides about a call: see
 * ../../exchange.mjs. It asks from outside the browser, and repeats nothing
 * that may change something.
 */
import type { Exchange } from '../api/client'
import { addressSpaceOf } from '../localNetwork'
import type { Setting } from '../settings'

/** What cmd/corscheck says; docs/corscheck.md describes each member. */
export interface Check {
  allowed: boolean
  browsers?: Browser[]
  exchanges: Message[]
  fix?: { text: string; server?: string; lines?: string[]; note?: string }
  warnings?: string[]
  cookies?: { ok: boolean; text: string }[]
  error?: string
  reason?: string
}

export interface Browser {
  name: string
  allowed: boolean
  sent: boolean
  status?: number
  readable?: string[]
  reason?: string
  explanation?: string
  preflight?: boolean
  section?: string
  checks: { ok: boolean; title: string; detail?: string; section?: string }[]
}

/** A request and its response; `status` is 0 if none came. */
export interface Message {
  preflight?: boolean
  method: string
  url: string
  sent: [string, string][]
  stand_in?: string
  status: number
  came: [string, string][]
  broken?: string
}

export interface Answer {
  check: Check
  /** The lines about the call in the API's log. */
  log: string[]
  /** Of this project's API: the settings that are set, and those of them that .env cannot change. */
  settings?: { values: Partial<Record<Setting, string>>; fixed: Setting[] }
  /** Whether the user lets this page call this machine or its network; undefined for any other address. */
  permission?: PermissionState | undefined
}

/** How much earlier than computed the call may have started, in milliseconds. */
const SLACK = 50

/**
 * Resolves to undefined if there is nobody to ask. `ended` is when the call ended, on
 * the clock of Date.now(). `origin` is that of the page that would make the call; by
 * default this page, which has made it.
 */
export async function ask(
  exchange: Exchange,
  ended: number,
  signal: AbortSignal,
  origin?: string,
): Promise<Answer | undefined> {
  await null // In development, React starts each effect twice, and ends the first at once.
  if (signal.aborted) return undefined
  const { method, url, credentials, mode = 'cors', requestHeaders, requestBody, progress, milliseconds } = exchange
  const question = {
    method,
    url,
    origin,
    credentials,
    mode,
    headers: [...sendable(requestHeaders)],
    hasBody: requestBody !== undefined,
    hasListener: progress,
    started: ended - milliseconds - SLACK,
    ended,
  }
  try {
    const response = await fetch(import.meta.env.VITE_EXCHANGE!, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(question),
      signal,
    })
    if (!response.ok) return undefined
    return { ...((await response.json()) as Answer), permission: await permissionFor(url) }
  } catch {
    return undefined
  }
}

/** The state of the permission that Local Network Access asks for, where the browser has it. */
async function permissionFor(url: string): Promise<PermissionState | undefined> {
  const space = addressSpaceOf(url)
  if (space === 'public') return undefined
  try {
    const { state } = await navigator.permissions.query({ name: `${space}-network` as PermissionName })
    return state
  } catch {
    return undefined
  }
}

/** The headers that the browser lets a page send; it leaves out the others without a word. */
function sendable(headers: Headers): Headers {
  return new Request(location.href, { headers }).headers
}

/** What this page's browser makes of the call. Chromium stands for every browser but Firefox. */
export function thisBrowser({ browsers = [] }: Check): Browser | undefined {
  const name = navigator.userAgent.includes('Firefox/') ? 'Firefox' : 'Chromium'
  return browsers.find((browser) => browser.name === name)
}

export function header(message: Message | undefined, side: 'sent' | 'came', name: string): string | undefined {
  return message?.[side].find(([other]) => other.toLowerCase() === name)?.[1]
}
