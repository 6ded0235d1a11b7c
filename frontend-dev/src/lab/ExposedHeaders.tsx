import { sameOrigin } from '../page'
import { Run } from '../Run'
import { useClient } from '../useClient'
import { Card } from './Card'

const headers = [
  { name: 'Content-Type', because: 'always readable' },
  { name: 'Cache-Control', because: 'always readable' },
  { name: 'X-Request-ID', because: 'exposed' },
  { name: 'X-RateLimit-Remaining', because: 'exposed' },
  { name: 'RateLimit', because: 'exposed' },
  { name: 'X-Content-Type-Options', because: 'sent, not exposed' },
  { name: 'Vary', because: 'sent, not exposed' },
]

export function ExposedHeaders() {
  const { exchange, busy, run } = useClient()
  const received = exchange?.response?.headers
  return (
    <Card
      id="headers"
      exchange={exchange}
      busy={busy}
      why={
        <>
          The browser shows seven simple headers to every page that may read the answer, and others only if{' '}
          <code>Access-Control-Expose-Headers</code> lists them.
        </>
      }
    >
      <div className="actions">
        <Run policy="default" busy={busy} onRun={() => run((api) => api.hello())}>
          GET hello
        </Run>
      </div>
      <table>
        <thead>
          <tr>
            <th scope="col">headers.get(…)</th>
            <th scope="col">JavaScript reads</th>
            <th scope="col">because it is</th>
          </tr>
        </thead>
        <tbody>
          {headers.map(({ name, because }) => (
            <tr key={name} data-header={name}>
              <th scope="row">{name}</th>
              <td>{received ? (received.get(name) ?? 'null') : '–'}</td>
              <td>{sameOrigin ? 'same origin: all readable' : because}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  )
}
