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
import { apiBase } from './page'

const expectedErrors = [ProblemError, NetworkError, TimeoutError, FormatError]

/** A client with its latest exchange. What it learns also updates the gauges and the API's status. */
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
          if (baseUrl === apiBase) recordStatus(exchange)
        },
      }),
    [baseUrl],
  )

  /** Makes calls, and is busy meanwhile. Resolves to the API's or the network's error, if there is one. */
  async function run(calls: (api: Client) => Promise<unknown>): Promise<Error | undefined> {
    setBusy(true)
    try {
      await calls(client)
    } catch (error) {
      if (expectedErrors.some((type) => error instanceof type)) return error as Error
      throw error
    } finally {
      setBusy(false)
    }
  }

  return { client, exchange, busy, run }
}
