import { useSecondsUntil } from './countdown'
import { policies, useLimit, type Policy } from './limits'

/** How much of each rate limit is left. */
export function Gauges() {
  return (
    <section className="gauges" aria-labelledby="gauges-title">
      <h2 id="gauges-title">Requests left, by rate limit</h2>
      {policies.map(({ policy, covers }) => (
        <Gauge key={policy} policy={policy} covers={covers} />
      ))}
    </section>
  )
}

function Gauge({ policy, covers }: { policy: Policy; covers: string }) {
  const state = useLimit(policy)
  const more = useSecondsUntil(state?.moreAt ?? 0)
  const wait = useSecondsUntil(state?.blockedUntil ?? 0)
  const isFull = useSecondsUntil(state?.fullAt ?? 0) === 0
  const left = state && (isFull ? state.limit : state.remaining)
  const when = !state
    ? 'not called yet'
    : wait > 0
      ? `wait ${wait} s`
      : isFull
        ? 'full'
        : more > 0
          ? `more in ${more} s`
          : 'available'
  return (
    <div className="gauge" data-policy={policy} data-blocked={wait > 0}>
      <span className="gauge-name">{policy}</span>
      <span className="gauge-count">
        {left ?? '–'}
        <small> / {state?.limit ?? '–'}</small>
      </span>
      <span
        className="gauge-bar"
        {...(state && {
          role: 'meter',
          'aria-label': `${policy}: requests left`,
          'aria-valuemin': 0,
          'aria-valuemax': state.limit,
          'aria-valuenow': left,
          'aria-valuetext': `${left} of ${state.limit}, ${when}`,
        })}
      >
        <span style={{ inlineSize: state ? `${(100 * left!) / state.limit}%` : 0 }} />
      </span>
      <span className="gauge-when">{when}</span>
      <span className="gauge-covers">{covers}</span>
    </div>
  )
}
