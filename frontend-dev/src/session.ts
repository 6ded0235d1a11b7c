/** Who is signed in at the API, as the page's calls have shown it: cookies that are HttpOnly say nothing to scripts. */
import { createClient, type Exchange } from './api/client'
import { recordLimit } from './limits'
import { apiBase } from './page'
import { createStore } from './store'

/** The guest's name; null if nobody is signed in; undefined while that is not known. */
const guest = createStore<string | null | undefined>(undefined)
const api = createClient({
  baseUrl: apiBase,
  observe(exchange) {
    recordLimit(exchange)
    recordSession(exchange)
  },
})

/** Set in localStorage once somebody has signed in here. Without it, the page does not ask when it loads: most visitors would only get a 401. */
const REMEMBER = 'has-signed-in'

export async function askWhoIsSignedIn(): Promise<void> {
  await api.request('GET', '/api/session').catch(() => {})
}

export function askIfSignedInBefore(): void {
  if (remembered()?.getItem(REMEMBER)) void askWhoIsSignedIn()
}

export function recordSession({ method, url, credentials, response }: Exchange): void {
  if (new URL(url).pathname !== '/api/session' || credentials === 'omit' || !response) return
  const { status, body } = response
  const name = (body as { name?: string } | null | undefined)?.name // The response to HEAD has no body.
  if (name !== undefined && (status === 200 || status === 201)) {
    guest.set(name)
    remember()
  } else if (status === 401 || (method === 'DELETE' && status === 204)) {
    guest.set(null)
    remembered()?.removeItem(REMEMBER)
  }
}

/** The storage may be full, which throws. The page then does not ask when it loads. */
function remember() {
  try {
    remembered()?.setItem(REMEMBER, 'yes')
  } catch {}
}

/** The browser may deny all storage, which throws. */
function remembered(): Storage | undefined {
  try {
    return localStorage
  } catch {
    return undefined
  }
}

export const useGuest = guest.use
