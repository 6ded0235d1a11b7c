/**
 * The origins of pages and APIs. All of them are this machine: both browsers are
 * told that the names of `names` are loopback.
 */

/** Two hosts of one site, and one of another. */
export const names = ['app.example.com', 'api.example.com', 'api.example.org']

const hosts = ['localhost', '127.0.0.1', ...names]

/** Fixed, so that a seed gives the same cases everywhere, and below those that systems give to outgoing connections. */
const ordinaryPorts = { http: [18101, 18102], https: [18103, 18104] }

/**
 * Both browsers are told that these ports have public addresses, so a page from
 * there that calls any other port calls into the local network, which needs the
 * user's permission. It is granted or denied beforehand, by origin.
 */
const publicPorts = { denied: { http: 18105, https: 18106 }, granted: { http: 18107, https: 18108 } }

export const ports = {
  http: [...ordinaryPorts.http, publicPorts.denied.http, publicPorts.granted.http],
  https: [...ordinaryPorts.https, publicPorts.denied.https, publicPorts.granted.https],
}

export const origins = Object.entries(ordinaryPorts).flatMap(([scheme, ports]) =>
  ports.flatMap((port) => hosts.map((host) => ({ scheme, host, port, origin: `${scheme}://${host}:${port}` }))),
)

/** Of ordinary pages: the first port of each scheme. */
export const pageOrigins = origins.filter(({ scheme, port }) => port === ordinaryPorts[scheme][0])

/** Of pages with a public address. */
export const publicOrigins = Object.entries(publicPorts).flatMap(([permission, ports]) =>
  Object.entries(ports).flatMap(([scheme, port]) =>
    names.map((host) => ({ scheme, host, port, origin: `${scheme}://${host}:${port}`, permission })),
  ),
)

export const pagePath = '/page'
/** The server sends it with a policy that makes its origin opaque. */
export const sandboxPath = '/sandbox'
