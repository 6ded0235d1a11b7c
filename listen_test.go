package main

import (
	"net"
	"strings"
	"testing"
)

// Whoever writes an IPv4 address must not open IPv6: net.Listen takes 0.0.0.0
// for all addresses of both.
func TestIPv4AddressListensOnIPv4Alone(t *testing.T) {
	t.Parallel()
	for address, network := range map[string]string{
		"0.0.0.0:0":   "0.0.0.0:",
		"127.0.0.1:0": "127.0.0.1:",
		"[::1]:0":     "[::1]:",
		"localhost:0": "127.0.0.1:",
	} {
		listener, err := listen(address, "PORT")
		if err != nil {
			if strings.HasPrefix(address, "[") {
				continue // a machine without IPv6
			}
			t.Fatal(err)
		}
		if got := listener.Addr().(*net.TCPAddr).String(); !strings.HasPrefix(got, network) {
			t.Errorf("listen(%s): got %s, want %s…", address, got, network)
		}
		listener.Close()
	}
}
