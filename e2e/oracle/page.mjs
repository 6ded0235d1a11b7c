/**
 * Runs in the page, so it may use nothing from outside: makes the calls all at
 * once and returns what each came to, in order.
 */
export function callAll(requests) {
  const timeoutSeconds = 20
  return Promise.all(requests.map(call))

  async function call({ url, body, uploadListener, ...options }) {
    const timeout = new Promise((resolve) => {
      setTimeout(() => resolve({ outcome: 'timeout' }), timeoutSeconds * 1000)
    })
    const run = uploadListener ? upload : fetchOnce
    return Promise.race([run(url, { ...options, body: makeBody(body) }), timeout])
  }

  async function fetchOnce(url, options) {
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

  /** An XMLHttpRequest whose upload is listened to, which `fetch` cannot. */
  function upload(url, { method, headers, body, credentials }) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest()
      request.upload.addEventListener('progress', () => {})
      request.addEventListener('error', () => resolve({ outcome: 'rejected', name: 'TypeError', message: '' }))
      request.addEventListener('load', () => {
        const lines = request.getAllResponseHeaders().trimEnd().split('\r\n')
        const readable = [...new Set(lines.filter(Boolean).map((line) => line.split(':')[0].toLowerCase()))].sort()
        resolve({ outcome: 'resolved', status: request.status, redirected: request.responseURL !== url, readable })
      })
      try {
        request.open(method, url)
        request.withCredentials = credentials === 'include'
        for (const [name, value] of headers) request.setRequestHeader(name, value)
        request.send(body)
      } catch ({ name, message }) {
        resolve({ outcome: 'rejected', name, message })
      }
    })
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
