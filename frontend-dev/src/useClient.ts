import { useMemo, useState } from 'react'
import {
  createClient,
  FormatError,
  NetworkError,
  ProblemError,
  TimeoutError,
  type Client,
  type Exchange,
} from './api/client'
import { recordStatus } from './apiStatus'
import { recordLimit } from './limits'
import { apiBase, isOwnApi } from './page'
import { recordSession } from './session'

const expectedErrors = [ProblemError, NetworkError, TimeoutError, FormatError]

/** Calls that are running. */
export interface Pending {
  /** On the clock of performance.now(). */
  started: number
  cancel: () => void
}

/** A client with its latest exchange. What it learns also updates the gauges and the API's status. */
export function useClient(baseUrl: string = apiBase) {
  const [exchange, setExchange] = useState<Exchange>()
  const [pending, setPending] = useState<Pending>()

  const options = useMemo(
    () => ({
      baseUrl,
      observe(exchange: Exchange) {
        setExchange(exchange)
        if (isOwnApi(exchange.url)) recordLimit(exchange)
        if (baseUrl !== apiBase) return
        recordStatus(exchange)
        recordSession(exchange)
      },
    }),
    [baseUrl],
  )
  const client = useMemo(() => createClient(options), [options])

  /**
   * Makes calls, which are pending meanwhile and can be cancelled. Resolves to
   * the API's or the network's error, if there is one.
   */
  async function run(calls: (api: Client) => Promise<unknown>): Promise<Error | undefined> {
    const controller = new AbortController()
    setPending({ started: performance.now(), cancel: () => controller.abort() })
    try {
      await calls(createClient({ ...options, signal: controller.signal }))
    } catch (error) {
      if (controller.signal.aborted) return undefined
      if (expectedErrors.some((type) => error instanceof type)) return error as Error
      throw error
    } finally {
      setPending(undefined)
    }
  }

  return { client, exchange, pending, busy: pending !== undefined, run }
}
