// Package ratelimit keeps counters of requests: whom they count, and a store
// of bounded size behind ulule/limiter's interface.
package ratelimit

import "net/netip"

// ipv6Bits is the part of an IPv6 address that names a subscriber: who has a
// /64 can take a new address for each request.
const ipv6Bits = 64

// Key names the counter of a client under a policy. IPv4 counts by address,
// IPv6 by /64; all peers without an address, such as unix sockets, share one.
func Key(policy string, client netip.Addr) string {
	key := make([]byte, 0, 64)
	key = append(key, policy...)
	key = append(key, ':')
	if client.Is6() {
		network, _ := client.Prefix(ipv6Bits) // cannot fail: 64 is in range
		client = network.Addr()
	}
	return string(client.AppendTo(key))
}
