// Package ratelimit counts requests in sliding windows. It has the keys of clients, a
// store of bounded size in memory, and a store in Redis that replicas share. Both
// stores implement ulule/limiter's Store interface.
package ratelimit

import (
	"net/netip"
	"strconv"
)

// Key names the counter of a client under a policy. IPv4 counts by address
// and IPv6 by /64, because a subscriber who has a /64 can take a new address
// for each request. All peers without an address, such as those on a Unix
// socket, share one counter.
//
// The text before a key's last separator names the policy and the network, an IPv4
// /24 or an IPv6 /48. The text after it tells the clients of that network apart.
func Key(policy string, client netip.Addr) string {
	key := make([]byte, 0, 64)
	key = append(key, policy...)
	client = client.Unmap()
	if !client.Is6() {
		return string(client.AppendTo(append(key, ':')))
	}
	address := client.As16()
	for i := 0; i < 8; i += 2 { // all four groups, unlike netip, which abbreviates zeros
		key = append(key, ':')
		key = strconv.AppendUint(key, uint64(address[i])<<8|uint64(address[i+1]), 16)
	}
	return string(key)
}

// networkOf returns the part of a key that all clients of its network share.
func networkOf(key string) string {
	for i := len(key) - 1; i > 0; i-- {
		if key[i] == '.' || key[i] == ':' {
			return key[:i]
		}
	}
	return key
}
