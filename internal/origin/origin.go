// Package origin defines what a web origin is: how a browser writes one, which
// origins the settings allow, and why another one is not allowed. CORS, the
// cross-site check, the reason for a denial and the checks at startup all use this
// package, so they cannot disagree.
package origin

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"example.com/api/internal/spelling"
)

// maxLength bounds what Parse reads: "https://", a host name of 253 bytes and a
// port. A header may hold a megabyte.
const maxLength = len("https://") + 253 + len(":65535")

// Origin is a scheme, a host and a port as a browser writes them. A web origin
// (http or https) has the serialization of the URL standard: lower case, no
// default port, IPv6 compressed and in brackets. Any other scheme makes an app
// origin, that of a page in a native shell or a browser extension; its host is
// compared as it stands.
type Origin struct {
	Scheme string // "https", "capacitor", "chrome-extension"
	Host   string // "app.example.com", "127.0.0.1", "[::1]"
	Port   string // "" for the scheme's default port
}

// String returns the value of the Origin header.
func (o Origin) String() string {
	if o.Port == "" {
		return o.Scheme + "://" + o.Host
	}
	return o.Scheme + "://" + o.Host + ":" + o.Port
}

// isWeb reports whether the page came by http or https.
func (o Origin) isWeb() bool { return isWebScheme(o.Scheme) }

func isWebScheme(scheme string) bool { return scheme == "http" || scheme == "https" }

// IsLoopback reports whether the host can only be the browser's own machine:
// localhost, a name below it (RFC 6761, 6.3), 127.0.0.0/8 or [::1].
func (o Origin) IsLoopback() bool {
	if o.Host == "localhost" || strings.HasSuffix(o.Host, ".localhost") {
		return true
	}
	addr, _ := netip.ParseAddr(strings.Trim(o.Host, "[]"))
	return addr.IsLoopback()
}

// Parse parses s, which must be exactly what a browser sends. The error is a
// *Mistake. It says what a browser would have written differently and, if that can
// be guessed, what to write instead.
func Parse(s string) (Origin, error) {
	o, err := parse(s)
	if err != nil {
		return Origin{}, &Mistake{Value: s, Problem: err.Error(), Remedy: remedy(s)}
	}
	return o, nil
}

// parse is Parse without the remedy, for the request path.
func parse(s string) (Origin, error) {
	switch {
	case s == "":
		return Origin{}, errors.New("is empty")
	case s == "null":
		return Origin{}, errors.New("is what sandboxed frames, local files and redirected requests of any site send, so it identifies nobody")
	case len(s) > maxLength:
		return Origin{}, fmt.Errorf("is longer than any origin (%d bytes)", maxLength)
	}
	if err := checkCharacters(s); err != nil {
		return Origin{}, err
	}
	if wrong, _ := misspeltScheme(s); wrong != "" {
		return Origin{}, fmt.Errorf("begins with %q, which looks like a misspelling of http:// or https://", wrong)
	}
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return Origin{}, errors.New("has no scheme")
	}
	if err := checkScheme(scheme); err != nil {
		return Origin{}, err
	}
	if isWebScheme(scheme) {
		if err := checkLowerCase(rest); err != nil {
			return Origin{}, err
		}
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
	check := checkAppHost
	if isWebScheme(scheme) {
		check = checkHost
	}
	if err := check(host); err != nil {
		return Origin{}, err
	}
	return Origin{Scheme: scheme, Host: host, Port: port}, nil
}

func checkCharacters(s string) error {
	for i := range len(s) {
		switch b := s[i]; {
		case b >= 0x80:
			return errors.New("has characters outside ASCII; browsers send the punycode form (xn--...)")
		case b == ',':
			return errors.New("has several values")
		case b <= ' ' || b == 0x7f:
			return errors.New("contains a blank or a control character")
		}
	}
	return nil
}

func checkLowerCase(s string) error {
	if strings.ContainsFunc(s, func(r rune) bool { return r >= 'A' && r <= 'Z' }) {
		return errors.New("has upper-case letters; browsers send lower case")
	}
	return nil
}

// opaqueSchemes are those whose pages have no origin of their own: browsers
// send null for them, or the origin of the page that opened the connection.
var opaqueSchemes = []string{"file", "data", "blob", "about", "javascript", "ws", "wss", "ftp"}

func checkScheme(scheme string) error {
	if err := checkLowerCase(scheme); err != nil {
		return err
	}
	if slices.Contains(opaqueSchemes, scheme) {
		return fmt.Errorf("has the scheme %q, whose pages have no origin of their own", scheme)
	}
	for i := range len(scheme) {
		b := scheme[i]
		letter := b >= 'a' && b <= 'z'
		if !letter && (i == 0 || (b < '0' || b > '9') && b != '+' && b != '.' && b != '-') {
			return fmt.Errorf("has the scheme %q, which is not valid", scheme)
		}
	}
	if scheme == "" {
		return errors.New("has no scheme")
	}
	return nil
}

// maxMisspelling is the largest number of edits from http:// or https:// that counts
// as a misspelling. An app's own scheme is further away.
const maxMisspelling = 2

// misspeltScheme returns the beginning of s that is nearly, but not quite, http://
// or https://, and which of the two it is nearer to.
func misspeltScheme(s string) (wrong, meant string) {
	letters := strings.IndexFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if letters < 0 || strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://") || slices.Contains(opaqueSchemes, strings.ToLower(s[:letters])) {
		return "", ""
	}
	rest := strings.TrimLeft(s[letters:], `:/\`)
	start := s[:len(s)-len(rest)]
	lower := strings.ToLower(start)
	if lower == "http://" || lower == "https://" { // only the case is wrong
		return "", ""
	}
	toHTTPS, toHTTP := spelling.Edits(lower, "https://"), spelling.Edits(lower, "http://")
	switch {
	case min(toHTTPS, toHTTP) > maxMisspelling:
		return "", ""
	case toHTTPS <= toHTTP:
		return start, "https://"
	}
	return start, "http://"
}

func checkPort(scheme, port string) error {
	if port == "" {
		return errors.New("ends in a colon without a port")
	}
	if strings.Trim(port, "0123456789") != "" {
		return fmt.Errorf("has the port %q, which is not a number", port)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("has the port %s; ports go from 1 to 65535", port)
	}
	if port[0] == '0' {
		return fmt.Errorf("has the port %s with leading zeros", port)
	}
	if port == DefaultPort(scheme) {
		return fmt.Errorf("spells out the default port of %s, which browsers leave out", scheme)
	}
	return nil
}

// DefaultPort returns the port that browsers leave out for the scheme: "443" for
// https and "80" for http. It returns "" for any other.
func DefaultPort(scheme string) string {
	switch scheme {
	case "https":
		return "443"
	case "http":
		return "80"
	}
	return ""
}

// CheckHost reports why host is not one that a browser would write: a DNS name
// in lower-case ASCII without a trailing dot, an IPv4 address, or an IPv6
// address in brackets, each in its canonical form.
func CheckHost(host string) error {
	if err := checkCharacters(host); err != nil {
		return err
	}
	if err := checkLowerCase(host); err != nil {
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
		return errors.New("has a trailing dot, which makes it another host to a browser")
	}
	if len(host) > 253 {
		return errors.New("has a host name of over 253 bytes")
	}
	for label := range strings.SplitSeq(host, ".") {
		if err := checkLabel(host, label); err != nil {
			return err
		}
	}
	// The URL standard reads a host that ends in a number as an IPv4 address
	// and rewrites it: 127.1 is sent as 127.0.0.1.
	if endsInNumber(host) {
		if addr, _ := netip.ParseAddr(host); !addr.Is4() {
			return fmt.Errorf("has the host %q, which is not a complete IPv4 address", host)
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

// checkAppHost accepts the hosts that native shells and extensions use:
// localhost, ids, UUIDs (in upper case in Safari), and the dot of app://. in
// Electron.
func checkAppHost(host string) error {
	if host == "" {
		return errors.New("has no host")
	}
	for i := range len(host) {
		b := host[i]
		if (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && (b < '0' || b > '9') && b != '-' && b != '_' && b != '.' {
			return fmt.Errorf("has the character %q in the host", b)
		}
	}
	return nil
}

// endsInNumber reports whether the last label is a number to the URL standard.
func endsInNumber(host string) bool {
	label := host[strings.LastIndexByte(host, '.')+1:]
	if strings.Trim(label, "0123456789") == "" {
		return true
	}
	hex, found := strings.CutPrefix(label, "0x")
	return found && strings.Trim(hex, "0123456789abcdef") == ""
}

func checkIPv6(host string) error {
	addr, _ := netip.ParseAddr(strings.TrimSuffix(host[1:], "]"))
	if !addr.Is6() || addr.Zone() != "" {
		return fmt.Errorf("has the host %q, which is not an IPv6 address in brackets", host)
	}
	if canonical := FormatIPv6(addr); canonical != host {
		return fmt.Errorf("has an IPv6 address that browsers write as %s", canonical)
	}
	return nil
}

// FormatIPv6 returns the address as the URL standard serializes it: in
// brackets, and without a dotted form for IPv4-mapped addresses.
func FormatIPv6(addr netip.Addr) string {
	if addr.Is4In6() {
		b := addr.As16()
		return fmt.Sprintf("[::ffff:%x:%x]", uint16(b[12])<<8|uint16(b[13]), uint16(b[14])<<8|uint16(b[15]))
	}
	return "[" + addr.String() + "]"
}
