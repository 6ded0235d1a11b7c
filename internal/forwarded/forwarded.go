// Package forwarded decides which peers are trusted proxies, and therefore whether
// to believe the headers in which a proxy describes its client.
package forwarded

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies holds the networks of the trusted proxies. The zero value trusts no
// proxy: the client is then the TCP peer, whatever the headers say.
type Proxies struct {
	networks []netip.Prefix
}

// NewProxies returns Proxies that trust the given networks. IPv4-mapped networks
// must be written as IPv4, as ParseNetwork returns them.
func NewProxies(networks ...netip.Prefix) Proxies {
	return Proxies{networks: networks}
}

// ParseNetwork parses an IP address or a CIDR. It rejects a network that is wider
// than the proxies of any one operator need, because clients inside it could choose
// the address under which they are counted. The text of its error continues s: "is
// not an IP address or a CIDR".
func ParseNetwork(s string) (netip.Prefix, error) {
	if s == "*" {
		return netip.Prefix{}, fmt.Errorf("would let every client choose its own address; name the proxies' addresses")
	}
	network, err := netip.ParsePrefix(s)
	if err != nil {
		addr, err := netip.ParseAddr(s)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("is not an IP address or a CIDR; write, for example, 10.0.0.5 or 10.0.0.0/24")
		}
		network = netip.PrefixFrom(addr, addr.BitLen())
	}
	if addr := network.Addr(); addr.Is4In6() && network.Bits() >= 96 {
		network = netip.PrefixFrom(addr.Unmap(), network.Bits()-96)
	}
	if widest := widestNetwork(network.Addr()); network.Bits() < widest {
		return netip.Prefix{}, fmt.Errorf("would let many clients choose their own address; name the proxies' own networks (here, /%d is the widest allowed)", widest)
	}
	return network.Masked(), nil
}

// widestNetwork returns the fewest bits that a network of proxies may have at
// this address. A /8 is the largest private network of IPv4, and nobody runs
// proxies on more of the public Internet. Registries give an organization less
// than a /16 of IPv6.
func widestNetwork(addr netip.Addr) int {
	switch {
	case addr.Is4():
		return 8
	case addr.Is4In6():
		return 96 // a wider one is not all of IPv4, and contains ::1
	case addr.IsPrivate():
		return 7 // all of fc00::/7
	case addr.IsLinkLocalUnicast():
		return 10 // all of fe80::/10
	}
	return 16
}

// String lists the networks as the settings write them, or "none".
func (p Proxies) String() string {
	if len(p.networks) == 0 {
		return "none"
	}
	return strings.Join(p.Strings(), ",")
}

// Strings returns the networks in the form that gin.Engine.SetTrustedProxies
// accepts.
func (p Proxies) Strings() []string {
	var texts []string
	for _, n := range p.networks {
		texts = append(texts, n.String())
	}
	return texts
}

func (p Proxies) contains(addr netip.Addr) bool {
	for _, n := range p.networks {
		if n.Contains(addr) {
			return true
		}
	}
	return false
}

// TrustsPeer reports whether the request came directly from a trusted proxy.
func (p Proxies) TrustsPeer(r *http.Request) bool {
	return len(p.networks) > 0 && p.contains(peer(r))
}

// Client returns the address that the request came from: the peer's or, behind
// trusted proxies, the right-most address in X-Forwarded-For that is not one of
// them. Everything to the left of it was written by the client and is never
// read. An entry that is not an address ends the search at the last valid one.
// IPv4-mapped addresses become IPv4. Client returns the zero Addr for a peer
// without an IP address, such as a unix socket.
func (p Proxies) Client(r *http.Request) netip.Addr {
	client := peer(r)
	if len(p.networks) == 0 || !p.contains(client) {
		return client
	}
	// Several lines form one list, in order (RFC 9110, 5.3).
	lines := r.Header["X-Forwarded-For"]
	for _, line := range slices.Backward(lines) {
		for rest, more := line, true; more; {
			var entry string
			entry, rest, more = cutLast(rest)
			addr, ok := parseEntry(entry)
			if !ok {
				return client
			}
			client = addr
			if !p.contains(addr) {
				return client
			}
		}
	}
	return client
}

// IsHTTPS reports whether the client's own connection was encrypted.
func (p Proxies) IsHTTPS(r *http.Request) bool { return p.Scheme(r) == "https" }

// Scheme returns the scheme that the client used, in lower case: "https" on an
// encrypted connection, otherwise what a trusted proxy says. It returns "" if the
// peer is not trusted or does not name one.
func (p Proxies) Scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	claimed := ClaimedScheme(r)
	if claimed == "" || !p.TrustsPeer(r) {
		return ""
	}
	return claimed
}

// ClaimedScheme returns the scheme that the peer, trusted or not, claims in
// X-Forwarded-Proto for its own client, in lower case. Only the last value counts,
// because the nearest proxy wrote it.
func ClaimedScheme(r *http.Request) string {
	lines := r.Header["X-Forwarded-Proto"]
	if len(lines) == 0 {
		return ""
	}
	proto, _, _ := cutLast(lines[len(lines)-1])
	return strings.ToLower(proto)
}

func peer(r *http.Request) netip.Addr {
	addrPort, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return canonical(addrPort.Addr())
}

func canonical(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// cutLast splits a comma-separated list before its last entry.
func cutLast(list string) (last, rest string, more bool) {
	i := strings.LastIndexByte(list, ',')
	if i < 0 {
		return strings.Trim(list, " \t"), "", false
	}
	return strings.Trim(list[i+1:], " \t"), list[:i], true
}

// parseEntry reads an address that may have a port: 192.0.2.1, 192.0.2.1:80,
// 2001:db8::1, [2001:db8::1] and [2001:db8::1]:80.
func parseEntry(s string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return canonical(addr), true
	}
	if addrPort, err := netip.ParseAddrPort(s); err == nil {
		return canonical(addrPort.Addr()), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); ok {
			if addr, err := netip.ParseAddr(inner); err == nil && addr.Is6() {
				return canonical(addr), true
			}
		}
	}
	return netip.Addr{}, false
}
