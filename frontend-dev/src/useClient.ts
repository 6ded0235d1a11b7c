import { useMemo, useState } from 'react'
import { createClient, NetworkError, ProblemError, TimeoutError, type Client, type Exchange } from './api/client'
import { recordLimit } from './limits'
import { apiBase } from './page'
import { recordReach } from './reach'

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
      if (error instanceof ProblemError || error instanceof NetworkError || error instanceof TimeoutError) return error
      throw error
    } finally {
      setBusy(false)
    }
  }

  return { client, exchange, busy, run }
}
