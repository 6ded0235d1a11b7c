package fetch

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Space is an IP address space of Local Network Access, from public to
// private.
type Space int

// The address spaces. SpaceUnknown is for a page or a server about which nothing is
// known.
const (
	SpaceUnknown Space = iota
	SpacePublic
	SpaceLocal    // 10/8, 172.16/12, 192.168/16, 169.254/16, fc00::/7, fe80::/10
	SpaceLoopback // 127/8, ::1
)

func (s Space) String() string {
	switch s {
	case SpacePublic:
		return "public"
	case SpaceLocal:
		return "local"
	case SpaceLoopback:
		return "loopback"
	}
	return "unknown"
}

// SpaceOf returns the address space of an address.
func SpaceOf(addr netip.Addr) Space {
	addr = addr.Unmap()
	switch {
	case !addr.IsValid():
		return SpaceUnknown
	case addr.IsLoopback(), addr.IsUnspecified():
		return SpaceLoopback
	case addr.IsPrivate(), addr.IsLinkLocalUnicast(), netip.MustParsePrefix("100.64.0.0/10").Contains(addr):
		return SpaceLocal
	}
	return SpacePublic
}

// SpaceOfHost returns the address space that a host name or address shows by itself,
// and SpaceUnknown for a name that must be looked up.
func SpaceOfHost(host string) Space {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return SpaceLoopback
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		if strings.HasSuffix(host, ".local") {
			return SpaceLocal
		}
		return SpaceUnknown
	}
	return SpaceOf(addr)
}

// IsTrustworthy reports whether a URL's origin is potentially trustworthy:
// https, or a loopback host (Secure Contexts, 3.1).
func IsTrustworthy(u *url.URL) bool {
	return u.Scheme == "https" || SpaceOfHost(u.Hostname()) == SpaceLoopback
}

// badPorts are the ports to which browsers do not connect, because servers speak
// other protocols than HTTP there (Fetch, port blocking).
var badPorts = []string{
	"0", "1", "7", "9", "11", "13", "15", "17", "19", "20", "21", "22", "23", "25", "37", "42", "43", "53", "69", "77", "79",
	"87", "95", "101", "102", "103", "104", "109", "110", "111", "113", "115", "117", "119", "123", "135", "137", "139", "143",
	"161", "179", "389", "427", "465", "512", "513", "514", "515", "526", "530", "531", "532", "540", "548", "554", "556", "563",
	"587", "601", "636", "989", "990", "993", "995", "1719", "1720", "1723", "2049", "3659", "4045", "4190", "5060", "5061",
	"6000", "6566", "6665", "6666", "6667", "6668", "6669", "6679", "6697", "10080",
}

// checkNetwork does what browsers check before CORS: the port, mixed content and
// Local Network Access. No response header changes their outcome.
func (w *walk) checkNetwork() bool {
	r := w.request
	if slices.Contains(badPorts, w.url.Port()) {
		return w.block(Verdict{Reason: BadPort, Param: w.url.Port(), Section: sectionPortBlocking})
	}
	page, err := url.Parse(r.Origin)
	if err != nil || r.Origin == "null" || r.CORSOnly {
		return true // nothing is known about the page, or it does not matter
	}
	space, known := r.Spaces[OriginOf(w.url)]
	if !known {
		space = SpaceOfHost(w.url.Hostname())
	}
	into := space > r.PageSpace && r.PageSpace != SpaceUnknown
	exempt := w.engine.LocalNetworkByHTTP && into && SpaceOfHost(w.url.Hostname()) >= SpaceLocal
	if page.Scheme == "https" && !IsTrustworthy(w.url) && !exempt {
		return w.block(Verdict{Reason: MixedContent, Param: w.url.String(), Section: sectionMixedContent})
	}
	if !into || !w.engine.LocalNetworkAccess {
		return true
	}
	v := Verdict{Param: space.String(), Section: sectionLocalNetwork}
	switch {
	case w.engine.LocalNetworkNeedsSecure && !IsTrustworthy(page) && (page.Scheme == "http" || page.Scheme == "https"):
		v.Reason = InsecureLocalNetwork
		return w.block(v)
	case r.LocalNetworkDenied:
		v.Reason = LocalNetworkDenied
		return w.block(v)
	}
	w.pass("local network", "the browser asks the user for permission first", sectionLocalNetwork)
	return true
}
