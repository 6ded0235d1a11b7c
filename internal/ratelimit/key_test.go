package ratelimit

import (
	"net/netip"
	"testing"
)

func TestKey(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]struct{ key, network string }{
		"203.0.113.7":             {"search:203.0.113.7", "search:203.0.113"},
		"::ffff:203.0.113.7":      {"search:203.0.113.7", "search:203.0.113"},
		"2001:db8:1:2:3:4:5:6":    {"search:2001:db8:1:2", "search:2001:db8:1"},
		"2001:db8:1:2:ffff::1":    {"search:2001:db8:1:2", "search:2001:db8:1"},
		"2001:db8:1:3::1":         {"search:2001:db8:1:3", "search:2001:db8:1"},
		"2001:db8:abcd:ef12::1":   {"search:2001:db8:abcd:ef12", "search:2001:db8:abcd"},
		"2001:db8::1":             {"search:2001:db8:0:0", "search:2001:db8:0"},
		"fe80::1%eth0":            {"search:fe80:0:0:0", "search:fe80:0:0"},
		"::1":                     {"search:0:0:0:0", "search:0:0:0"},
		"":                        {"search:", "search"},
		"2001:db8:1:2:3:4:5:ffff": {"search:2001:db8:1:2", "search:2001:db8:1"},
	} {
		addr, _ := netip.ParseAddr(in)
		key := Key("search", addr)
		if key != want.key || networkOf(key) != want.network {
			t.Errorf("Key(%q) = %q of network %q, want %q of %q", in, key, networkOf(key), want.key, want.network)
		}
	}
	for _, key := range []string{"", "a", ":", ".a"} {
		if got := networkOf(key); got != key {
			t.Errorf("networkOf(%q) = %q, want the key itself", key, got)
		}
	}
}
