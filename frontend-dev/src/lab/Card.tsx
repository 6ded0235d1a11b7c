import type { ReactNode } from 'react'
import type { Exchange } from '../api/client'
import { CopyButton } from '../CopyButton'
import { ExchangePanel } from '../ExchangePanel'
import { repositoryFile } from '../page'
import type { Pending } from '../useClient'

/** What a card gets from its row in cards.ts. */
export interface CardProps {
  /** The fragment that leads to the card. */
  id: string
  title: string
  /** The card's file, below src. */
  source?: string | undefined
}

interface Props extends CardProps {
  /** Why the browser does what the card shows. */
  why: ReactNode
  /** The latest call; `null` for a card that makes none, which has no panel. */
  exchange: Exchange | undefined | null
  pending?: Pending | undefined
  /** The same call in plain code, or the setting that changes the outcome. */
  sample?: string
  /** Takes the place of the exchange's panel. */
  panel?: ReactNode
  /** The buttons. */
  children?: ReactNode
}

export function Card({ id, title, source, why, exchange, pending, sample, panel, children }: Props) {
  return (
    <section
      className={exchange === null ? 'card alone' : 'card'}
      id={id}
      aria-labelledby={`${id}-title`}
      aria-busy={pending !== undefined}
    >
      <div className="card-text">
        <h3 id={`${id}-title`}>{title}</h3>
        <p className="why">{why}</p>
        {children}
        {sample && (
          <div className="sample">
            <pre>{sample}</pre>
            <CopyButton text={sample} label={/^[A-Z_]+=/.test(sample) ? 'Copy the line for .env' : 'Copy'} />
          </div>
        )}
        {source && import.meta.env.DEV && (
          <p className="hint">
            Source: <a href={repositoryFile(`frontend-dev/src/${source}`)}>{source}</a>
          </p>
        )}
      </div>
      {exchange !== null && (panel ?? <ExchangePanel exchange={exchange} pending={pending} />)}
    </section>
  )
}
