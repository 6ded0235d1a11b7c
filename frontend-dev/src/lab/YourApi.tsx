import { lazy, Suspense, useState } from 'react'
import type { Exchange } from '../api/client'
import { apiBase, apiOrigin, pageOrigin } from '../page'
import { useClient } from '../useClient'
import { Card, type CardProps } from './Card'

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']
const modes = ['cors', 'no-cors'] as const
/** Stands for the origin of the visitor's own frontend. */
const EXAMPLE_ORIGIN = 'http://localhost:3001'

/** Whether the development server can say what a browser would do for a page of another origin. */
const isToldMore = import.meta.env.VITE_EXCHANGE !== undefined
// The condition keeps it out of a build, from which the whole card is absent.
const Supposed = import.meta.env.DEV
  ? lazy(() => import('../exchange/Explained').then(({ Supposed }) => ({ default: Supposed })))
  : undefined

const credentialsModes = ['same-origin', 'include', 'omit'] as const

export function YourApi(card: CardProps) {
  const [url, setUrl] = useState(`${apiOrigin}/api/hello`)
  const [method, setMethod] = useState('GET')
  const [headerLines, setHeaderLines] = useState('')
  const [body, setBody] = useState('')
  const [credentials, setCredentials] = useState<RequestCredentials>('same-origin')
  const [mode, setMode] = useState<RequestMode>('cors')
  const [from, setFrom] = useState(pageOrigin)
  const [supposed, setSupposed] = useState<{ exchange: Exchange; origin: string }>()

  const target = targetOf(url)
  const { exchange, pending, busy, run } = useClient(target?.origin ?? apiBase)
  const headers = headersOf(headerLines)
  const mistake =
    (!target && 'The URL must begin with http:// or https://.') ||
    (typeof headers === 'string' && headers) ||
    (!isOrigin(from) && `An origin is a scheme, a host and a port, such as ${EXAMPLE_ORIGIN}.`)
  const dropped = typeof headers === 'string' ? [] : droppedBy(headers)

  return (
    <Card
      {...card}
      exchange={exchange}
      pending={pending}
      panel={
        supposed &&
        Supposed && (
          <Suspense>
            <Supposed {...supposed} />
          </Suspense>
        )
      }
      sample={commandFor(url, from === pageOrigin ? EXAMPLE_ORIGIN : from, method, headerLines, credentials)}
      why={
        isToldMore ? (
          <>
            Make any call from this page’s origin, {pageOrigin}, and see what stops it. Or name the origin of your own
            frontend: then the call is made outside the browser, and you see what a browser would do with it. A request
            that may change data is not sent a second time, and not at all for another origin.
          </>
        ) : (
          <>
            Make any call from this page’s origin, {pageOrigin}, and see what stops it. Your own frontend has another
            origin, which the API must allow as well. To check that, run the command below with your frontend’s origin
            in place of <code>{EXAMPLE_ORIGIN}</code>.
          </>
        )
      }
    >
      <form
        className="your-call"
        onSubmit={(event) => {
          event.preventDefault()
          if (busy || mistake || !target || typeof headers === 'string') return
          const hasBody = body !== '' && !['GET', 'HEAD'].includes(method.toUpperCase())
          if (from !== pageOrigin) {
            const requestHeaders = new Headers(headers)
            const requestBody = hasBody ? body : undefined
            const call = { method, url: target.href, credentials, mode, requestHeaders, requestBody }
            setSupposed({ exchange: { ...call, progress: false, milliseconds: 0 }, origin: from })
            return
          }
          setSupposed(undefined)
          void run((api) => api.send(method, target.href, { headers, credentials, mode, ...(hasBody && { body }) }))
        }}
      >
        <div className="actions">
          <label className="method">
            Method
            <input
              value={method}
              list="methods"
              autoComplete="off"
              required
              onChange={(event) => setMethod(event.target.value)}
            />
            <datalist id="methods">
              {methods.map((name) => (
                <option key={name} value={name} />
              ))}
            </datalist>
          </label>
          <label className="url">
            URL
            <input
              type="url"
              value={url}
              autoComplete="off"
              required
              aria-invalid={!target}
              onChange={(event) => setUrl(event.target.value)}
            />
          </label>
        </div>
        <label>
          Headers, one per line
          <textarea
            rows={2}
            value={headerLines}
            placeholder="Authorization: Bearer …"
            spellCheck={false}
            aria-invalid={typeof headers === 'string'}
            onChange={(event) => setHeaderLines(event.target.value)}
          />
        </label>
        {!['GET', 'HEAD'].includes(method.toUpperCase()) && (
          <label>
            Body
            <textarea rows={2} value={body} spellCheck={false} onChange={(event) => setBody(event.target.value)} />
          </label>
        )}
        {isToldMore && (
          <label className="from">
            Origin of the page
            <input
              value={from}
              autoComplete="off"
              spellCheck={false}
              required
              aria-invalid={!isOrigin(from)}
              onChange={(event) => setFrom(event.target.value.trim())}
            />
          </label>
        )}
        <div className="actions">
          <Choice label="Credentials" value={credentials} values={credentialsModes} onChange={setCredentials} />
          <Choice label="Mode" value={mode} values={modes} onChange={setMode} />
          <button type="submit" className="call" aria-disabled={Boolean(mistake)}>
            Send
          </button>
        </div>
        {mistake && (
          <p className="field-error" role="alert">
            {mistake}
          </p>
        )}
        {dropped.length > 0 && (
          <p className="hint">The browser leaves out {dropped.join(', ')}: no page may set that.</p>
        )}
      </form>
    </Card>
  )
}

interface ChoiceProps<Value extends string> {
  label: string
  value: string
  values: readonly Value[]
  onChange: (value: Value) => void
}

function Choice<Value extends string>({ label, value, values, onChange }: ChoiceProps<Value>) {
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => onChange(event.target.value as Value)}>
        {values.map((value) => (
          <option key={value}>{value}</option>
        ))}
      </select>
    </label>
  )
}

/** The text as one word of a POSIX shell. Importing it from ../snippets would split the first file of the build. */
const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** The command that makes the same call as a page of another origin would. */
function commandFor(
  url: string,
  origin: string,
  method: string,
  headerLines: string,
  credentials: RequestCredentials,
): string {
  const parts = ['go run ./cmd/corscheck --safe', quote(url), `--origin ${quote(origin)}`]
  if (method !== 'GET') parts.push(`--method ${quote(method)}`)
  for (const line of headerLines.split('\n').filter((line) => line.trim() !== '')) parts.push(`--header ${quote(line)}`)
  if (credentials === 'include') parts.push('--credentials')
  return parts.join(' ')
}

/** Reports whether the text can be an origin; corscheck says what is wrong with one that a browser does not send. */
function isOrigin(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\/[^/?#]+$/i.test(text)
}

function targetOf(url: string): URL | undefined {
  if (!URL.canParse(url)) return undefined
  const target = new URL(url)
  return /^https?:$/.test(target.protocol) ? target : undefined
}

/** The headers that the lines name, or what is wrong with a line. */
function headersOf(lines: string): Record<string, string> | string {
  const headers: Record<string, string> = {}
  for (const line of lines.split('\n').filter((line) => line.trim() !== '')) {
    const colon = line.indexOf(':')
    const [name, value] = [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]
    if (colon < 1) return `“${line}” is not a header; write Name: value.`
    try {
      new Headers([[name, value]])
    } catch {
      return `“${line}” is not a valid header.`
    }
    headers[name] = value
  }
  return headers
}

/** The names that the browser does not let a page set. */
function droppedBy(headers: Record<string, string>): string[] {
  const { headers: kept } = new Request(location.href, { headers })
  return Object.keys(headers).filter((name) => !kept.has(name))
}
