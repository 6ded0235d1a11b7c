package origin

import (
	"fmt"
	"strings"

	"golang.org/x/net/idna"
)

// Pattern is one entry of ALLOWED_ORIGINS: an origin, or every subdomain of one.
type Pattern struct {
	Origin
	// Subdomains makes the pattern stand for the names below Host, one label
	// or more, and not for Host itself. It is written https://*.example.com.
	Subdomains bool
}

// parsePattern reads an origin, or an origin whose left-most label is "*".
func parsePattern(s string) (Pattern, *Mistake) {
	if strings.Count(s, "://") > 1 && strings.ContainsAny(s, "; \t\r\n") {
		return Pattern{}, &Mistake{Value: s, Problem: "has several origins", Remedy: "separate them with commas: https://app.example.com,https://www.example.com"}
	}
	if !strings.Contains(s, "*") {
		o, err := parse(s)
		if err != nil {
			return Pattern{}, &Mistake{Value: s, Problem: err.Error(), Remedy: remedy(s)}
		}
		return Pattern{Origin: o}, nil
	}
	const onlyWildcard = "the only wildcard is https://*.example.com"
	if !strings.Contains(s, "://") {
		return Pattern{}, &Mistake{Value: s, Problem: "has no scheme", Remedy: onlyWildcard}
	}
	scheme, rest, _ := strings.Cut(s, "://*.")
	if strings.Contains(scheme, "*") || strings.Contains(rest, "*") {
		return Pattern{}, &Mistake{Value: s, Problem: "has a * that is not the whole left-most label", Remedy: onlyWildcard + "; write other patterns, such as http://localhost:[0-9]+, into ALLOWED_ORIGIN_REGEX"}
	}
	parent := scheme + "://" + rest
	o, err := parse(parent)
	switch {
	case err != nil:
		mistake := &Mistake{Value: s, Problem: err.Error(), Remedy: onlyWildcard}
		if guess, ok := guess(parent); ok {
			mistake.Remedy = "write " + strings.Replace(guess, "://", "://*.", 1)
		}
		return Pattern{}, mistake
	case !o.isWeb():
		return Pattern{}, &Mistake{Value: s, Problem: "has a * in the origin of an app", Remedy: "list each app exactly, or write a pattern into ALLOWED_ORIGIN_REGEX"}
	case o.Host[0] == '[' || endsInNumber(o.Host):
		return Pattern{}, &Mistake{Value: s, Problem: "has a * before an IP address, which has no subdomains", Remedy: "list each address"}
	}
	return Pattern{Origin: o, Subdomains: true}, nil
}

// String returns the pattern as the settings write it.
func (p Pattern) String() string {
	if !p.Subdomains {
		return p.Origin.String()
	}
	return strings.Replace(p.Origin.String(), "://", "://*.", 1)
}

func (p Pattern) matches(o Origin) bool {
	return o.Scheme == p.Scheme && o.Port == p.Port && p.hasHost(o)
}

func (p Pattern) hasHost(o Origin) bool {
	return p.Subdomains && isSubdomain(o.Host, p.Host) || !p.Subdomains && o.Host == p.Host
}

// isSubdomain compares whole labels: evilexample.com is not below example.com.
func isSubdomain(host, parent string) bool {
	return len(host) > len(parent) && strings.HasSuffix(host, parent) && host[len(host)-len(parent)-1] == '.'
}

// checkPattern returns what is unsafe about a well-formed pattern, or nil. If the
// settings must be secure, plain http is unsafe: anyone on the path can read
// credentials that cross a network unencrypted.
func checkPattern(p Pattern, secure bool) *Mistake {
	mistake := &Mistake{Value: p.String()}
	switch {
	case secure && p.Scheme == "http" && !p.IsLoopback():
		mistake.Problem, mistake.Remedy = plainHTTP, "write https://, or set CORS_ALLOW_CREDENTIALS=false"
	case p.isWeb() && !isBrowserPunycode(p.Host):
		mistake.Problem, mistake.Remedy = "has a punycode label (xn--...) that browsers reject", "copy the host from the browser's address bar"
	case p.Subdomains && coversPublicSuffix(p.Host):
		mistake.Problem, mistake.Remedy = wholeSuffix(p.Host), "write your own domain, such as https://*.example.com"
	default:
		return nil
	}
	return mistake
}

const plainHTTP = "is plain http: with credentials in production, anyone on the network path can read and change what is sent"

// isBrowserPunycode reports whether the URL standard's domain to ASCII leaves
// the host as it is.
func isBrowserPunycode(host string) bool {
	browser := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckHyphens(false), idna.StrictDomainName(false))
	ascii, err := browser.ToASCII(host)
	return err == nil && ascii == host
}

// wholeSuffix says what is wrong with *.host.
func wholeSuffix(host string) string {
	return fmt.Sprintf("covers a whole public suffix, %q or one below it, where anyone can register a name", host)
}
