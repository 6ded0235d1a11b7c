package origin

import (
	"net/netip"
	"strings"
)

// HostList is the set of hosts under which this server may be called. The zero value
// allows none. A HostList does not change, so it is safe for concurrent use.
type HostList struct {
	any       bool
	addresses bool // every IP address is allowed
	exact     map[string]struct{}
	parents   []string // each begins with a dot: ".example.com" stands for *.example.com
	text      string   // for String
}

// AnyHost allows every host, and a request without one.
func AnyHost() HostList { return HostList{any: true, text: "any"} }

// LocalHosts allows the names under which developers call a server on their own
// machine or network: localhost, the names below it, and every IP address. If an
// attacker's DNS points another name at this machine (DNS rebinding), a page with
// that name sends it as the Host and is rejected.
func LocalHosts() HostList {
	return HostList{
		addresses: true,
		exact:     map[string]struct{}{"localhost": {}},
		parents:   []string{".localhost"},
		text:      "localhost,*.localhost,IP addresses",
	}
}

// ParseHosts reads the entries of ALLOWED_HOSTS: host names, IP addresses, and
// *.example.com for every name below example.com, but not for example.com
// itself. The list must be used only if there is no mistake.
func ParseHosts(entries []string) (HostList, []*Mistake) {
	var hosts []string
	var mistakes []*Mistake
	for _, entry := range entries {
		host, mistake := parseHost(strings.ToLower(entry))
		if mistake != nil {
			mistake.Setting, mistake.Value = "ALLOWED_HOSTS", entry
			mistakes = append(mistakes, mistake)
			continue
		}
		hosts = append(hosts, host)
	}
	return NewHostList(distinct(hosts)...), mistakes
}

func parseHost(entry string) (string, *Mistake) {
	if addr, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil && addr.Zone() == "" {
		if addr.Is6() {
			return FormatIPv6(addr), nil
		}
		return addr.String(), nil
	}
	parent, wildcard := strings.CutPrefix(entry, "*.")
	switch err := CheckHost(parent); {
	case err != nil:
		return "", &Mistake{Problem: err.Error(), Remedy: "write host names without scheme, port and path: api.example.com, *.example.com"}
	case wildcard && isAddress(parent):
		return "", &Mistake{Problem: "has a * before an IP address, which has no subdomains", Remedy: "list each address"}
	case wildcard && coversPublicSuffix(parent):
		return "", &Mistake{Problem: wholeSuffix(parent), Remedy: "write your own domain, such as *.example.com"}
	}
	return entry, nil
}

// NewHostList allows the hosts, each in the form that CheckHost accepts, or
// written *.example.com.
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
