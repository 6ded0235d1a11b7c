/**
 * Runs in the page, so it may use nothing from outside: makes the calls all at
 * once and returns what each came to, in order.
 */
export function callAll(requests) {
  const timeoutSeconds = 20
  return Promise.all(requests.map(call))

  async function call({ url, body, ...options }) {
    const timeout = new Promise((resolve) => {
      setTimeout(() => resolve({ outcome: 'timeout' }), timeoutSeconds * 1000)
    })
    return Promise.race([run(url, { ...options, body: makeBody(body) }), timeout])
  }

  async function run(url, options) {
    try {
      const response = await fetch(url, options)
      // An unread body would keep its connection.
      await response.arrayBuffer()
      const { type, status, redirected, headers } = response
      return { outcome: 'resolved', type, status, redirected, readable: [...new Set(headers.keys())] }
    } catch ({ name, message }) {
      return { outcome: 'rejected', name, message }
    }
  }

  function makeBody(kind) {
    const text = '{"a":1}'
    if (kind === 'text') return text
    if (kind === 'params') return new URLSearchParams({ a: '1' })
    if (kind === 'form') {
      const form = new FormData()
      form.append('a', '1')
      return form
    }
    if (kind === 'blob') return new Blob([text])
    if (kind === 'json blob') return new Blob([text], { type: 'application/json' })
    if (kind === 'text blob') return new Blob([text], { type: 'text/plain' })
    if (kind === 'buffer') return new TextEncoder().encode(text)
    return undefined
  }
}
