package origin

import (
	"net/netip"
	"strings"
)

// HostList is the set of hosts by which this server may be called. The zero
// value allows none; it does not change and serves any number of goroutines.
type HostList struct {
	any       bool
	addresses bool // every IP address is allowed
	exact     map[string]struct{}
	parents   []string // each begins with a dot: ".example.com" stands for *.example.com
	text      string   // for String
}

// AnyHost allows every host, and a request without one.
func AnyHost() HostList { return HostList{any: true, text: "any"} }

// LocalHosts allows the names by which a developer calls a server on the
// developer's own machine or network: localhost, the names below it, and every
// IP address. A page of another name that an attacker's DNS points at this
// machine (DNS rebinding) sends that name as the Host, and is rejected.
func LocalHosts() HostList {
	return HostList{
		addresses: true,
		exact:     map[string]struct{}{"localhost": {}},
		parents:   []string{".localhost"},
		text:      "localhost,*.localhost,IP addresses",
	}
}

// NewHostList allows the given hosts. Each is a host as CheckHost accepts it,
// or "*.example.com" for every name below example.com, but not for
// example.com itself.
func NewHostList(hosts ...string) HostList {
	list := HostList{exact: make(map[string]struct{}), text: strings.Join(hosts, ",")}
	for _, host := range hosts {
		if parent, wildcard := strings.CutPrefix(host, "*"); wildcard {
			list.parents = append(list.parents, parent)
		} else {
			list.exact[host] = struct{}{}
		}
	}
	return list
}

// Allows reports whether the list contains the host, which must be in the form
// that CheckHost accepts: without a port, in lower case, IPv6 in brackets.
func (l HostList) Allows(host string) bool {
	if l.any {
		return true
	}
	if _, listed := l.exact[host]; listed {
		return true
	}
	for _, parent := range l.parents {
		if len(host) > len(parent) && strings.HasSuffix(host, parent) {
			return true
		}
	}
	return l.addresses && isAddress(host)
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// IsAny reports whether the list allows every host.
func (l HostList) IsAny() bool { return l.any }

// String returns the hosts as the settings write them, or "any".
func (l HostList) String() string { return l.text }
