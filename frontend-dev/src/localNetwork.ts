/** Local Network Access: a page from the internet may call this machine or its network only if the user permits it. */

/** Where a URL leads, as far as its host tells without the DNS. */
export function addressSpaceOf(url: string): 'loopback' | 'local' | 'public' {
  const { hostname } = new URL(url)
  if (/^(localhost|.+\.localhost|127\.[\d.]+|\[::1\])$/.test(hostname)) return 'loopback'
  const isLocal =
    /^(10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01]))\.[\d.]+$/.test(hostname) ||
    /\.local$/.test(hostname) ||
    /^\[(f[cd]|fe[89ab])/.test(hostname)
  return isLocal ? 'local' : 'public'
}

export function needsPermission(pageOrigin: string, url: string): boolean {
  return addressSpaceOf(pageOrigin) === 'public' && addressSpaceOf(url) !== 'public'
}

/** What the address belongs to, for a sentence. */
export function placeOf(url: string): string {
  return addressSpaceOf(url) === 'loopback' ? 'this machine' : 'your network'
}
