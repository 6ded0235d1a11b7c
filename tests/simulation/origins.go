package simulation

import (
	"math/rand/v2"
	"strings"
)

// kind is what the settings mean for an origin.
type kind int

const (
	none    kind = iota // the request has no Origin
	own                 // the origin of the server's own pages
	allowed             // one that the settings name
	denied
)

// origin is the Origin lines of a request, and what the settings mean for them.
type origin struct {
	lines []string
	kind  kind
}

const (
	apiHost            = "api.example.com"
	allowedOrigins     = "https://app.example.com,https://*.example.org,capacitor://localhost"
	allowedOriginRegex = `https://pr-[0-9]+\.preview\.example\.net`
)

func allowedOriginSamples() []string {
	return []string{
		"https://app.example.com", "https://a.example.org", "https://a.b.example.org",
		"capacitor://localhost", "https://pr-12.preview.example.net",
	}
}

func deniedOriginSamples() []string {
	return []string{
		"null", "https://example.org", "http://app.example.com", "https://app.example.com:8443",
		"https://app.example.com.evil.test", "https://evilexample.org", "https://app.example.com/",
		"https://APP.example.com", "https://app.example.com, https://a.example.org",
		"https://pr-12.preview.example.net.evil.test", "https://xpr-12.preview.example.net",
		"https://pr-.preview.example.net", "http://a.example.org", "ionic://localhost", "https://a.example.org.",
		"https://api.example.com:444", "https://", "\xffhttps://app.example.com",
	}
}

// isAPIHost reports whether a Host names the server. Its port, its case and a dot at
// its end do not matter.
func isAPIHost(host string) bool {
	host, _, _ = strings.Cut(host, ":")
	return strings.ToLower(strings.TrimSuffix(host, ".")) == apiHost
}

// randomOrigin returns an origin; scheme is that of the server's own pages.
func randomOrigin(rng *rand.Rand, scheme string) origin {
	pick := func(list []string) []string { return []string{list[rng.IntN(len(list))]} }
	switch rng.IntN(10) {
	case 0, 1:
		return origin{}
	case 2:
		return origin{[]string{scheme + "://" + apiHost}, own}
	case 3, 4:
		return origin{pick(deniedOriginSamples()), denied}
	case 5:
		return origin{append(pick(allowedOriginSamples()), pick(allowedOriginSamples())...), denied}
	}
	return origin{pick(allowedOriginSamples()), allowed}
}
