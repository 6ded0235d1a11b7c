package fetch

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"example.com/api/internal/origin"
)

// ParseURL reads the address of a request as a browser would write it: http
// or https, the host in lower case and in its ASCII form, without the
// scheme's default port. The text of its error continues s: "is not a URL".
func ParseURL(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil {
		return nil, errors.New("is not a URL")
	}
	return normalizeURL(u)
}

func normalizeURL(u *url.URL) (*url.URL, error) {
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("is not an http:// or https:// URL")
	}
	host, err := normalizeHost(u.Hostname())
	if err != nil {
		return nil, err
	}
	port, err := normalizePort(u.Scheme, u.Port())
	if err != nil {
		return nil, err
	}
	out := *u
	out.Host = host + port
	if out.Path == "" {
		out.Path = "/"
	}
	return &out, nil
}

func normalizeHost(host string) (string, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		switch {
		case addr.Zone() != "":
			return "", fmt.Errorf("has the host %q, whose zone browsers reject", host)
		case addr.Is6():
			return origin.FormatIPv6(addr), nil
		}
		return addr.String(), nil
	}
	if addr, ok := parseIPv4(host); ok {
		if !addr.IsValid() {
			return "", fmt.Errorf("has the host %q, which ends in a number but is not an IPv4 address", host)
		}
		return addr.String(), nil
	}
	ascii, err := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false)).ToASCII(host)
	if err != nil || ascii == "" || strings.ContainsAny(ascii, " <>[]\\^`{|}%#") {
		return "", fmt.Errorf("has the host %q, which is not valid", host)
	}
	return ascii, nil
}

// parseIPv4 reads a host that ends in a number, which browsers take for an
// IPv4 address with one to four parts in decimal, octal or hexadecimal (URL
// standard, "IPv4 parser"). It reports false for any other host, and an
// invalid address where the number is out of range.
func parseIPv4(host string) (netip.Addr, bool) {
	parts := strings.Split(strings.TrimSuffix(host, "."), ".")
	last := strings.ToLower(parts[len(parts)-1])
	if _, err := strconv.ParseUint(strings.TrimPrefix(last, "0x"), 16, 64); !isDigits(last) && (!strings.HasPrefix(last, "0x") || last != "0x" && err != nil) {
		return netip.Addr{}, false
	}
	if len(parts) > 4 {
		return netip.Addr{}, true
	}
	var value uint64
	for i, part := range parts {
		n, err := parseIPv4Number(part)
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (5 - len(parts)) // the last part fills what is left
		}
		if err != nil || n >= 1<<bits {
			return netip.Addr{}, true
		}
		value = value<<bits | n
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true
}

func parseIPv4Number(s string) (uint64, error) {
	s = strings.ToLower(s)
	switch {
	case s == "0x":
		return 0, nil
	case strings.HasPrefix(s, "0x"):
		return strconv.ParseUint(s[2:], 16, 64)
	case len(s) > 1 && s[0] == '0':
		return strconv.ParseUint(s[1:], 8, 64)
	}
	return strconv.ParseUint(s, 10, 64)
}

func normalizePort(scheme, port string) (string, error) {
	if port == "" || port == origin.DefaultPort(scheme) {
		return "", nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", fmt.Errorf("has the port %q; ports go from 0 to 65535", port)
	}
	return ":" + strconv.FormatUint(n, 10), nil
}

// OriginOf is the serialized origin of a URL from ParseURL.
func OriginOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// ParseOrigin reads a page's origin, or a page's address, of which it takes
// the origin. Besides http and https it takes "null" and the origins of app
// shells and extensions (capacitor://localhost, chrome-extension://ID). The text of
// its error continues s: "has no scheme".
func ParseOrigin(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "null" {
		return s, nil
	}
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return "", errors.New("has no scheme; write it as a browser does, for example https://app.example.com")
	}
	if scheme = strings.ToLower(scheme); scheme == "http" || scheme == "https" {
		u, err := ParseURL(s)
		if err != nil {
			return "", err
		}
		return OriginOf(u), nil
	}
	switch scheme {
	case "file", "data", "blob", "about", "javascript":
		return "", fmt.Errorf("has the scheme %q, whose pages send Origin: null; write null", scheme)
	}
	host, _, _ := strings.Cut(rest, "/")
	if host == "" || !isToken(scheme) || strings.ContainsAny(host, " ,?#@") {
		return "", errors.New("is not an origin; write it as a browser does, for example https://app.example.com")
	}
	return scheme + "://" + host, nil
}

// SameSite reports whether a page's origin and a URL are same-site, which
// decides about cookies: the same scheme and the same registrable domain. The
// port does not count.
func (e Engine) SameSite(origin string, u *url.URL) bool {
	page, err := url.Parse(origin)
	return err == nil && page.Host != "" && (page.Scheme == u.Scheme || e.SchemelessSite) && site(page.Hostname()) == site(u.Hostname())
}

// site returns the registrable domain of a host, or the host itself if it has
// none: an address, localhost, a public suffix.
func site(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return host
	}
	return domain
}
