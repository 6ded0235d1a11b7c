// Package ratelimit counts requests in sliding windows: whom it counts, a
// store of bounded size in memory, and one in Redis that replicas share. Both
// stand behind ulule/limiter's Store interface.
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
// A key ends in the part of the address that tells clients of one network
// apart: the text before its last separator names the policy and the network,
// an IPv4 /24 or an IPv6 /48.
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

// networkOf returns the part of a key that its network shares.
func networkOf(key string) string {
	for i := len(key) - 1; i > 0; i-- {
		if key[i] == '.' || key[i] == ':' {
			return key[:i]
		}
	}
	return key
}
