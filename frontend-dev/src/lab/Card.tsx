import type { ReactNode } from 'react'
import type { Exchange } from '../api/client'
import { ExchangePanel } from '../ExchangePanel'
import { cards, type CardId } from './cards'

interface Props {
  id: CardId
  /** Why the browser does what the card shows. */
  why: ReactNode
  exchange: Exchange | undefined
  busy?: boolean
  /** The same in plain code, or the setting that changes it. */
  sample?: string
  /** The buttons. */
  children: ReactNode
}

export function Card({ id, why, exchange, busy = false, sample, children }: Props) {
  const card = cards.find((card) => card.id === id)
  if (!card) return null
  return (
    <section className="card" id={id} aria-labelledby={`${id}-title`} aria-busy={busy}>
      <div className="card-text">
        <h3 id={`${id}-title`}>{card.title}</h3>
        <p className="why">{why}</p>
        {children}
        {sample && <pre className="sample">{sample}</pre>}
      </div>
      <ExchangePanel exchange={exchange} />
    </section>
  )
}
