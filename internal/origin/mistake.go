package origin

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// Mistake is a value in the settings that must not be used.
type Mistake struct {
	Setting string // "ALLOWED_ORIGINS" or "ALLOWED_ORIGIN_REGEX"
	Value   string // the entry or the pattern that is wrong
	Problem string // continues the value: "has a trailing slash"
	Remedy  string // what to do: "write https://example.com"
}

func (m *Mistake) Error() string { return m.Problem + "; " + m.Remedy }

// remedy says what to write instead of s, which Parse rejects.
func remedy(s string) string {
	if s == "null" {
		return "leave it out"
	}
	if guess, ok := guess(s); ok {
		return "write " + guess
	}
	return "write only scheme, host and port, such as https://app.example.com"
}

// guess returns the origin that was probably meant by s. It corrects the usual
// mistakes, one after another.
func guess(s string) (string, bool) {
	s = strings.TrimSuffix(strings.TrimPrefix(s, `["`), `"]`) // an entry of a JSON list
	s = strings.Trim(s, " \t\"'")
	wrong, meant := misspeltScheme(s)
	s = meant + s[len(wrong):]
	scheme, rest, found := strings.Cut(s, "://")
	scheme = strings.ToLower(scheme)
	switch {
	case !found:
		scheme, rest = "https", strings.TrimPrefix(s, "//")
		if host, _, _ := strings.Cut(rest, ":"); host == "localhost" || isAddress(host) || strings.HasPrefix(rest, "[") {
			scheme = "http" // certificates for addresses are rare
		}
		if !strings.Contains(rest, ".") && scheme == "https" {
			return "", false // a bare word: nobody can tell what was meant
		}
	case scheme == "ws":
		scheme = "http"
	case scheme == "wss":
		scheme = "https"
	}
	if i := strings.IndexAny(rest, "/?#\\"); i >= 0 {
		rest = rest[:i]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	if isWebScheme(scheme) {
		rest = guessHost(scheme, strings.ToLower(rest))
	}
	guessed := scheme + "://" + rest
	_, err := parse(guessed)
	return guessed, err == nil
}

// guessHost returns the host and the port that a browser would send, if there
// are any.
func guessHost(scheme, rest string) string {
	var host, port string
	if inner, ok := strings.CutPrefix(rest, "["); ok {
		inner, port, _ = strings.Cut(inner, "]")
		port = strings.TrimPrefix(port, ":")
		addr, _ := netip.ParseAddr(inner)
		host = FormatIPv6(addr.WithZone(""))
	} else {
		host, port, _ = strings.Cut(rest, ":")
		host = strings.TrimSuffix(host, ".")
		if ascii, err := idna.Lookup.ToASCII(host); err == nil {
			host = ascii
		}
	}
	if port = strings.TrimLeft(port, "0"); port == "" || port == DefaultPort(scheme) {
		return host
	}
	return host + ":" + port
}
