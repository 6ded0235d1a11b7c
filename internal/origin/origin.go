// Package origin knows what a web origin is: how a browser writes one, which
// ones the settings mean, and why another is not among them. CORS, the
// cross-site check, the reason of a denial and the start-up checks all ask
// this package, so they cannot disagree.
package origin

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// maxLength bounds what Parse looks at: "https://", a host name of 253 bytes
// and a port. A header may hold a megabyte.
const maxLength = len("https://") + 253 + len(":65535")

// Origin is a scheme, a host and a port in the serialisation of the HTML and
// URL standards: lower case, no default port, IPv6 compressed and in brackets.
type Origin struct {
	Scheme string // "http" or "https"
	Host   string // "app.example.com", "127.0.0.1", "[::1]"
	Port   string // "" for the scheme's default port
}

// String is the Origin header's value.
func (o Origin) String() string {
	if o.Port == "" {
		return o.Scheme + "://" + o.Host
	}
	return o.Scheme + "://" + o.Host + ":" + o.Port
}

// IsLoopback reports whether the host can only be the browser's own machine:
// localhost, a name below it (RFC 6761, 6.3), 127.0.0.0/8 or [::1].
func (o Origin) IsLoopback() bool {
	if o.Host == "localhost" || strings.HasSuffix(o.Host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(o.Host, "[]"))
	return err == nil && addr.IsLoopback()
}

// Parse reads s, which must be just what a browser sends: anything that a
// browser would have written otherwise is refused, with an error that says
// what is wrong and, where it can be guessed, what to write instead.
func Parse(s string) (Origin, error) {
	o, err := parse(s)
	if err == nil {
		return o, nil
	}
	if guess, ok := normalise(s); ok {
		return Origin{}, fmt.Errorf("%w; write %s", err, guess)
	}
	return Origin{}, err
}

// parse is Parse without the guess: the request path takes this one.
func parse(s string) (Origin, error) {
	switch {
	case s == "":
		return Origin{}, errors.New("is empty")
	case s == "null":
		return Origin{}, errors.New("is what sandboxed frames, files and redirected requests of any site send, nobody's origin; leave it out")
	case len(s) > maxLength:
		return Origin{}, fmt.Errorf("is longer than any origin (%d bytes)", maxLength)
	}
	if err := checkCharacters(s); err != nil {
		return Origin{}, err
	}
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return Origin{}, errors.New("has no scheme")
	}
	if scheme != "http" && scheme != "https" {
		return Origin{}, fmt.Errorf("has the scheme %q; only http and https have origins that a page can call from", scheme)
	}
	if i := strings.IndexAny(rest, "/?#\\"); i >= 0 {
		switch {
		case rest[i:] == "/":
			return Origin{}, errors.New("has a trailing slash, which no browser sends")
		case rest[i] == '?':
			return Origin{}, errors.New("has a query; an origin ends after the port")
		case rest[i] == '#':
			return Origin{}, errors.New("has a fragment; an origin ends after the port")
		}
		return Origin{}, errors.New("has a path; an origin ends after the port")
	}
	if strings.Contains(rest, "@") {
		return Origin{}, errors.New("has user info before the @; an origin has none")
	}

	host, port := rest, ""
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		host, port = rest[:i], rest[i+1:]
		if err := checkPort(scheme, port); err != nil {
			return Origin{}, err
		}
	}
	if err := checkHost(host); err != nil {
		return Origin{}, err
	}
	return Origin{Scheme: scheme, Host: host, Port: port}, nil
}

func checkCharacters(s string) error {
	for i := range len(s) {
		switch b := s[i]; {
		case b >= 0x80:
			return errors.New("has characters outside ASCII; browsers send the punycode form (xn--…)")
		case b >= 'A' && b <= 'Z':
			return errors.New("has upper-case letters; browsers send lower case")
		case b == ',':
			return errors.New("holds several values")
		case b <= ' ' || b == 0x7f:
			return errors.New("has a blank or a control character in it")
		}
	}
	return nil
}

func checkPort(scheme, port string) error {
	if port == "" {
		return errors.New("ends in a colon without a port")
	}
	if strings.Trim(port, "0123456789") != "" {
		return fmt.Errorf("has the port %q, which is no number", port)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("has the port %s; ports go from 1 to 65535", port)
	}
	if port[0] == '0' {
		return fmt.Errorf("has the port %s with leading zeros", port)
	}
	if port == defaultPort(scheme) {
		return fmt.Errorf("spells out %s's default port, which browsers leave out", scheme)
	}
	return nil
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// CheckHost reports why host is no host that a browser would write: a DNS
// name in lower-case ASCII without a trailing dot, an IPv4 address, or an IPv6
// address in brackets, each in its canonical form.
func CheckHost(host string) error {
	if err := checkCharacters(host); err != nil {
		return err
	}
	return checkHost(host)
}

func checkHost(host string) error {
	if host == "" {
		return errors.New("has no host")
	}
	if host[0] == '[' {
		return checkIPv6(host)
	}
	if strings.HasSuffix(host, ".") {
		return errors.New("has a trailing dot; to a browser that is another host")
	}
	if len(host) > 253 {
		return errors.New("has a host name of over 253 bytes")
	}
	last := ""
	for label := range strings.SplitSeq(host, ".") {
		if err := checkLabel(host, label); err != nil {
			return err
		}
		last = label
	}
	// The URL standard takes a host that ends in a number for an IPv4 address
	// and rewrites it: 127.1 is sent as 127.0.0.1.
	if endsInNumber(last) {
		if addr, err := netip.ParseAddr(host); err != nil || !addr.Is4() {
			return fmt.Errorf("has the host %q, which is no complete IPv4 address", host)
		}
	}
	return nil
}

func checkLabel(host, label string) error {
	switch {
	case label == "":
		return fmt.Errorf("has the host %q with an empty label", host)
	case len(label) > 63:
		return fmt.Errorf("has a label of over 63 bytes in the host %q", host)
	case label[0] == '-' || label[len(label)-1] == '-':
		return fmt.Errorf("has the label %q, which starts or ends with a hyphen", label)
	}
	for i := range len(label) {
		if b := label[i]; (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '-' && b != '_' {
			return fmt.Errorf("has the character %q in the host", b)
		}
	}
	return nil
}

func endsInNumber(label string) bool {
	if strings.Trim(label, "0123456789") == "" {
		return true
	}
	hex, found := strings.CutPrefix(label, "0x")
	return found && strings.Trim(hex, "0123456789abcdef") == ""
}

func checkIPv6(host string) error {
	inner, closed := strings.CutSuffix(host[1:], "]")
	addr, err := netip.ParseAddr(inner)
	if !closed || err != nil || !addr.Is6() || addr.Zone() != "" {
		return fmt.Errorf("has the host %q, which is no IPv6 address in brackets", host)
	}
	if canonical := FormatIPv6(addr); canonical != host {
		return fmt.Errorf("has an IPv6 address that browsers write as %s", canonical)
	}
	return nil
}

// FormatIPv6 returns the address as the URL standard serialises it: in
// brackets, and without a dotted form for IPv4-mapped addresses.
func FormatIPv6(addr netip.Addr) string {
	if addr.Is4In6() {
		b := addr.As16()
		return fmt.Sprintf("[::ffff:%x:%x]", uint16(b[12])<<8|uint16(b[13]), uint16(b[14])<<8|uint16(b[15]))
	}
	return "[" + addr.String() + "]"
}

// normalise guesses what origin somebody meant who wrote s: the usual slips
// undone, one after the other.
func normalise(s string) (string, bool) {
	s = strings.ToLower(strings.Trim(s, " \t\"'"))
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		scheme, rest = "https", strings.TrimPrefix(s, "//")
		if host, _, _ := strings.Cut(rest, ":"); host == "localhost" || host == "127.0.0.1" {
			scheme = "http"
		}
	}
	if i := strings.IndexAny(rest, "/?#\\"); i >= 0 {
		rest = rest[:i]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	if host, port, found := strings.Cut(rest, ":"); found && rest[0] != '[' {
		port = strings.TrimLeft(port, "0")
		if port == "" || port == defaultPort(scheme) {
			rest = host
		} else {
			rest = strings.TrimSuffix(host, ".") + ":" + port
		}
	}
	rest = strings.TrimSuffix(rest, ".")
	if inner, ok := strings.CutPrefix(rest, "["); ok {
		inner, tail, _ := strings.Cut(inner, "]")
		if addr, err := netip.ParseAddr(inner); err == nil && addr.Is6() {
			if tail == ":"+defaultPort(scheme) {
				tail = ""
			}
			rest = FormatIPv6(addr.WithZone("")) + tail
		}
	}
	guess := scheme + "://" + rest
	if !strings.Contains(rest, ".") && !found && scheme == "https" {
		return "", false // a bare word: nobody can tell what was meant
	}
	_, err := parse(guess)
	return guess, err == nil
}
