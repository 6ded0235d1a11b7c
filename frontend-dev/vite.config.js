import { createServer } from 'node:http'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// The API allows http://localhost:5173 and http://127.0.0.1:5173 by default;
// 5174 is the same page under an origin that it does not allow.
const pagePort = Number(process.env.PAGE_PORT ?? 5173)
const blockedPort = Number(process.env.BLOCKED_PORT ?? 5174)
const apiPort = Number(process.env.API_PORT ?? 8080)

// 127.0.0.1 serves http://localhost too (browsers try both loopback addresses)
// and, unlike Vite's default, never only [::1].
const host = '127.0.0.1'

export default defineConfig(({ mode }) => ({
  plugins: [react(), blockedPage()],
  define: {
    'import.meta.env.VITE_PAGE_PORT': JSON.stringify(String(pagePort)),
    'import.meta.env.VITE_BLOCKED_PORT': JSON.stringify(String(blockedPort)),
    'import.meta.env.VITE_API_PORT': JSON.stringify(String(apiPort)),
  },
  server: {
    host,
    port: pagePort,
    // Moving on to the next free port would change the origin, and the API
    // would refuse the page.
    strictPort: true,
    // The page on the blocked port hears of changes from this server too.
    hmr: { clientPort: pagePort },
    // In proxy mode the page and the API share one origin. changeOrigin: false
    // keeps the Host header, by which the API sees that it is the same origin.
    proxy:
      mode === 'proxy'
        ? { '^/(api|healthz|readyz)(/|$|\\?)': { target: `http://127.0.0.1:${apiPort}`, changeOrigin: false } }
        : {},
  },
  test: { environment: 'happy-dom', include: ['src/**/*.test.{ts,tsx}'] },
}))

/** Serves the page a second time, on the port that the API does not allow. */
function blockedPage() {
  return {
    name: 'blocked-page',
    apply: (_, { command, mode }) => command === 'serve' && mode !== 'test',
    configureServer(vite) {
      const server = createServer(vite.middlewares)
      server.once('error', ({ message }) => {
        vite.config.logger.error(`the page for the blocked origin: ${message}`)
        process.exit(1)
      })
      // Comes and goes with Vite's own server, also when Vite restarts it.
      vite.httpServer.once('listening', () => server.listen(blockedPort, host))
      vite.httpServer.once('close', () => {
        server.close()
        server.closeAllConnections()
      })
    },
  }
}
