package origin

import (
	"fmt"
	"strings"
)

// Why says why the policy does not allow a request with these Origin lines and this
// Host: it names the nearest listed origin and what differs. The reason is for the
// log, because a stranger would learn the list from it. The values are hostile
// text, so they are not repeated.
func (p *Policy) Why(lines []string, host string) string {
	if len(lines) != 1 || strings.ContainsAny(lines[0], ", \t") {
		return "several values: a browser sends one origin in one Origin line"
	}
	value := lines[0]
	if value == "null" {
		return "opaque origin: sandboxed frames, file: and data: pages and pages behind a cross-origin redirect (http to https too) send null; serve the page over http(s) and call the final URL"
	}
	o, err := parse(value)
	if err != nil {
		return p.whyMalformed(value, err)
	}
	if o.Scheme == "https" && o.hostAndPort() == strings.TrimSuffix(strings.ToLower(host), ":443") {
		return "scheme unknown: this is the API's own address over https, but the request arrived as plain http; if TLS ends at a proxy in front, let it send X-Forwarded-Proto: https, and list its address in TRUSTED_PROXIES"
	}
	if len(p.patterns) == 0 && p.regex == nil {
		return "ALLOWED_ORIGINS is empty: no page on another origin may call"
	}
	// Each names the one thing in which an origin differs from an entry. If several
	// entries are near, the likelier mistake comes first.
	differences := []func(Pattern, Origin) string{
		Pattern.whyNotScheme, Pattern.whyNotLoopback, Pattern.whyNotPort, Pattern.whyNotDomain,
	}
	for _, differs := range differences {
		for _, listed := range p.patterns {
			if reason := differs(listed, o); reason != "" {
				return reason
			}
		}
	}
	return "not listed: add it to ALLOWED_ORIGINS if its pages may call with the user's cookies"
}

// whyMalformed explains a value that no browser sends, but a script or a proxy.
func (p *Policy) whyMalformed(value string, err error) string {
	if len(value) <= maxLength {
		if p.Allows(strings.TrimSuffix(value, "/")) {
			return "trailing slash: without it the origin is listed; no browser sends one"
		}
		if p.Allows(strings.ToLower(value)) {
			return "case: in lower case the origin is listed; browsers send lower case"
		}
	}
	return "malformed: it " + err.Error()
}

func (p Pattern) whyNotScheme(o Origin) string {
	if !p.hasHost(o) || o.Port != p.Port {
		return ""
	}
	return fmt.Sprintf("scheme differs: %s is not %s as in the listed %s", o.Scheme, p.Scheme, p)
}

func (p Pattern) whyNotLoopback(o Origin) string {
	if o.Scheme != p.Scheme || o.Port != p.Port || !o.IsLoopback() || !p.IsLoopback() || p.Subdomains || isSubdomain(o.Host, p.Host) {
		return ""
	}
	return fmt.Sprintf("%s for %s: to a browser these are two origins; open the page under the listed %s or list both", o.Host, p.Host, p)
}

func (p Pattern) whyNotPort(o Origin) string {
	if !p.hasHost(o) || o.Scheme != p.Scheme {
		return ""
	}
	got, want := o.portOrDefault(), p.portOrDefault()
	reason := fmt.Sprintf("port differs: %s is not %s as in the listed %s; ", got, want, p)
	if o.IsLoopback() && want == "5173" && len(got) == 4 && "5173" < got && got <= "5183" {
		return reason + "if Vite moved because 5173 was taken, stop what runs there and set strictPort, or list this port too"
	}
	return reason + "list this one too in ALLOWED_ORIGINS"
}

func (p Pattern) whyNotDomain(o Origin) string {
	switch {
	case o.Scheme != p.Scheme || o.Port != p.Port || !o.isWeb():
	case p.Subdomains && o.Host == p.Host:
		return fmt.Sprintf("parent: %s stands for the names below it, not for %s itself; list that too", p, o.Host)
	case isSubdomain(o.Host, p.Host):
		return fmt.Sprintf("subdomain of the listed %s: list it too, or every subdomain as %s://*.%s", p, p.Scheme, p.Host)
	case isSubdomain(p.Host, o.Host):
		return fmt.Sprintf("parent of the listed %s: list it too", p)
	}
	return ""
}

func (o Origin) hostAndPort() string {
	_, rest, _ := strings.Cut(o.String(), "://")
	return rest
}

func (o Origin) portOrDefault() string {
	switch {
	case o.Port != "":
		return o.Port
	case !o.isWeb():
		return "none"
	}
	return DefaultPort(o.Scheme)
}
