import { useSecondsUntil } from './countdown'
import { policies, useLimit, type Policy } from './limits'

/** How much of each rate limit is left. */
export function Gauges() {
  return (
    <section className="gauges" aria-label="Rate limits">
      {policies.map(({ policy, covers }) => (
        <Gauge key={policy} policy={policy} covers={covers} />
      ))}
    </section>
  )
}

function Gauge({ policy, covers }: { policy: Policy; covers: string }) {
  const state = useLimit(policy)
  const reset = useSecondsUntil(state?.resetAt ?? 0)
  const wait = useSecondsUntil(state?.blockedUntil ?? 0)
  // At the reset the whole limit is available again, whatever the last
  // response said.
  const left = state && (reset === 0 ? state.limit : state.remaining)
  const when = wait > 0 ? `wait ${wait} s` : reset > 0 ? `resets in ${reset} s` : state ? 'full' : 'not called yet'
  return (
    <div className="gauge" data-policy={policy} data-blocked={wait > 0}>
      <span className="gauge-name" title={covers}>
        {policy}
      </span>
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
    </div>
  )
}
