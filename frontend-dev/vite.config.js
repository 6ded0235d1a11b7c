import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { exchange } from './exchange.mjs'
import { repositoryFiles, watchApi } from './plugins.mjs'

// By default the API allows http://localhost:5173 and http://127.0.0.1:5173.
// Port 5174 serves the same page from an origin that it does not allow.
const pagePort = Number(process.env.PAGE_PORT ?? 5173)
const blockedPort = Number(process.env.BLOCKED_PORT ?? 5174)
const apiPort = Number(process.env.API_PORT ?? 8080)

// Listening on 127.0.0.1 also serves http://localhost, because browsers try both
// loopback addresses. Vite's default may listen only on [::1]. Only PAGE_HOST
// opens the page to other machines.
const host = process.env.PAGE_HOST || '127.0.0.1'

export default defineConfig(({ mode }) => ({
  plugins: [
    react(),
    blockedPage(),
    exchange({ corscheck: process.env.CORSCHECK, apiPort, traceId: process.env.PROBE_TRACE_ID }),
    watchApi(apiPort),
    repositoryFiles(),
    compressed(),
  ],
  define: {
    'import.meta.env.VITE_PAGE_PORT': JSON.stringify(String(pagePort)),
    'import.meta.env.VITE_BLOCKED_PORT': JSON.stringify(String(blockedPort)),
    'import.meta.env.VITE_API_PORT': JSON.stringify(String(apiPort)),
  },
  build: {
    // The first versions with light-dark(). For older ones, each colour would be there twice.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // The same browsers preload modules by themselves.
    modulePreload: { polyfill: false },
  },
  server: {
    host,
    port: pagePort,
    // The next free port would be another origin, which the API does not allow.
    strictPort: true,
    // The page on the blocked port gets its updates from this server as well.
    hmr: { clientPort: pagePort },
    // In proxy mode the page and the API share one origin. The API recognizes it
    // by the Host header, which changeOrigin: false preserves.
    proxy:
      mode === 'proxy'
        ? { '^/(api|healthz|readyz)(/|$|\\?)': { target: `http://127.0.0.1:${apiPort}`, changeOrigin: false } }
        : {},
  },
  test: { environment: 'happy-dom', include: ['src/**/*.test.{ts,tsx}', '*.test.mjs'] },
}))

/** Serves the page a second time, on a port that the API does not allow. */
function blockedPage() {
  return {
    name: 'blocked-page',
    apply: (_, { command, mode }) => command === 'serve' && mode !== 'test',
    configureServer(vite) {
      const server = createServer(vite.middlewares)
      server.once('error', ({ message }) => {
        vite.config.logger.error(`the page on the blocked port: ${message}`)
        process.exit(1)
      })
      // Starts and stops with Vite's own server, including when Vite restarts it.
      vite.httpServer.once('listening', () => server.listen(blockedPort, host))
      vite.httpServer.once('close', () => {
        server.close()
        server.closeAllConnections()
      })
    },
  }
}

/** Writes each file of a build compressed as well, for servers that send such files. */
function compressed() {
  return {
    name: 'compressed',
    apply: 'build',
    // Only then are the files final.
    writeBundle({ dir }, bundle) {
      for (const name of Object.keys(bundle).filter((name) => /\.(html|js|css)$/.test(name))) {
        const file = path.join(dir, name)
        const content = readFileSync(file)
        writeFileSync(`${file}.br`, brotliCompressSync(content))
        writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }))
      }
    },
  }
}
