import { CallButton } from '../CallButton'
import { sameOrigin } from '../page'
import { useClient } from '../useClient'
import { Card, type CardProps } from './Card'

const headers = [
  { name: 'Content-Type', because: 'always readable' },
  { name: 'Cache-Control', because: 'always readable' },
  { name: 'X-Request-ID', because: 'exposed' },
  { name: 'X-RateLimit-Remaining', because: 'exposed' },
  { name: 'RateLimit', because: 'exposed' },
  { name: 'X-Content-Type-Options', because: 'sent, not exposed' },
  { name: 'Vary', because: 'sent, not exposed' },
]

export function ExposedHeaders(card: CardProps) {
  const { exchange, pending, busy, run } = useClient()
  const received = exchange?.response?.headers
  return (
    <Card
      {...card}
      exchange={exchange}
      pending={pending}
      why={
        <>
          The browser shows seven safelisted headers to every page that may read the response, and any other header only
          if <code>Access-Control-Expose-Headers</code> lists it.
        </>
      }
    >
      <div className="actions">
        <CallButton policy="default" busy={busy} onCall={() => run((api) => api.request('GET', '/api/hello'))}>
          GET hello
        </CallButton>
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
