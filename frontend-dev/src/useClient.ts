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
import { recordLimit } from './limits'
import { apiBase } from './page'
import { recordReach } from './reach'

const expected = [ProblemError, NetworkError, TimeoutError, FormatError]

/** A client whose latest exchange can be shown, and whose limits the gauges show. */
export function useClient(baseUrl: string = apiBase) {
  const [exchange, setExchange] = useState<Exchange>()
  const [busy, setBusy] = useState(false)

  const client = useMemo(
    () =>
      createClient({
        baseUrl,
        observe(exchange) {
          setExchange(exchange)
          recordLimit(exchange)
          if (baseUrl === apiBase) recordReach(exchange)
        },
      }),
    [baseUrl],
  )

  /** Runs calls one batch at a time; resolves to the error of the API or the network, if any. */
  async function run(calls: (api: Client) => Promise<unknown>): Promise<Error | undefined> {
    setBusy(true)
    try {
      await calls(client)
    } catch (error) {
      if (expected.some((type) => error instanceof type)) return error as Error
      throw error
    } finally {
      setBusy(false)
    }
  }

  return { client, exchange, busy, run }
}
