/**
 * The origins of pages and APIs. All of them are this machine: both browsers are
 * told that the names of `names` are loopback.
 */

/** Two hosts of one site, and one of another. */
export const names = ['app.example.com', 'api.example.com', 'api.example.org']

const hosts = ['localhost', '127.0.0.1', ...names]

export const ports = { http: [47101, 47102], https: [47103, 47104] }

export const origins = Object.entries(ports).flatMap(([scheme, ports]) =>
  ports.flatMap((port) => hosts.map((host) => ({ scheme, host, port, origin: `${scheme}://${host}:${port}` }))),
)

export const pagePath = '/page'
/** The server sends it with a policy that makes its origin opaque. */
export const sandboxPath = '/sandbox'
