/** What the development server does for the page, apart from serving it. The built page does without. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'

/** How often the API is called, and how long it may take, in milliseconds. */
const INTERVAL = 500
const PATIENCE = 1_000

/** Calls the API's /healthz. Tells the pages whether it responds: when they ask, and when that changes. See src/apiStatus.ts. */
export function watchApi(apiPort) {
  return {
    name: 'watch-api',
    apply: 'serve',
    configureServer(vite) {
      const address = `${vite.config.env.VITE_API_URL || `http://localhost:${apiPort}`}/healthz`
      let up
      let timer
      let closed = false
      const check = async () => {
        const responds = await fetch(address, { signal: AbortSignal.timeout(PATIENCE) }).then(
          (response) => response.ok,
          () => false,
        )
        if (closed) return
        if (responds !== up) {
          up = responds
          vite.ws.send('api:status', { up })
        }
        timer = setTimeout(check, INTERVAL)
      }
      vite.ws.on('api:status', (_, page) => {
        if (up !== undefined) page.send('api:status', { up })
      })
      vite.httpServer?.once('listening', check)
      vite.httpServer?.once('close', () => {
        closed = true
        clearTimeout(timer)
      })
    },
  }
}

const root = path.dirname(import.meta.dirname)
const shown = /^\/repository\/((docs|frontend-dev\/src)\/[\w/-]+\.(md|tsx?))$/

/** Serves the documents and the page's source as text, so that the page can link to them. */
export function repositoryFiles() {
  return {
    name: 'repository-files',
    apply: 'serve',
    configureServer(vite) {
      vite.middlewares.use(async (request, response, next) => {
        const [, file] = shown.exec(request.url) ?? []
        const text = file && (await readFile(path.join(root, file)).catch(() => undefined))
        if (!text) return next()
        response.setHeader('Content-Type', 'text/plain; charset=utf-8')
        response.end(text)
      })
    },
  }
}
