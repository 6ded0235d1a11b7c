package origin

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Pattern is one entry of the settings: an origin, or every subdomain of one.
type Pattern struct {
	Origin
	// Subdomains makes the pattern stand for the names below Host, one label
	// or more, and not for Host itself. It is written https://*.example.com.
	Subdomains bool
}

// ParsePattern reads an origin, or an origin whose left-most label is "*".
// The error says what is wrong and, where it can be guessed, what to write.
func ParsePattern(s string) (Pattern, error) {
	if !strings.Contains(s, "*") {
		o, err := Parse(s)
		return Pattern{Origin: o}, err
	}
	if !strings.Contains(s, "://") {
		return Pattern{}, errors.New("has no scheme; the only wildcard is https://*.example.com")
	}
	scheme, rest, _ := strings.Cut(s, "://*.")
	if strings.Contains(scheme, "*") || strings.Contains(rest, "*") {
		return Pattern{}, errors.New("has a * that is not the whole left-most label; the only wildcard is https://*.example.com")
	}
	o, err := parse(scheme + "://" + rest)
	if err != nil {
		return Pattern{}, err
	}
	last := o.Host[strings.LastIndexByte(o.Host, '.')+1:]
	if o.Host[0] == '[' || endsInNumber(last) {
		return Pattern{}, errors.New("has a * before an IP address, which has no subdomains; list each address")
	}
	return Pattern{Origin: o, Subdomains: true}, nil
}

// String is the pattern as the settings write it.
func (p Pattern) String() string {
	if !p.Subdomains {
		return p.Origin.String()
	}
	return strings.Replace(p.Origin.String(), "://", "://*.", 1)
}

// Policy is the set of origins that the settings mean. It does not change
// after NewPolicy and serves any number of goroutines.
type Policy struct {
	any       bool
	patterns  []Pattern
	exact     map[string]struct{}
	wildcards []Pattern
	regex     *regexp.Regexp
}

// Any is the policy of ALLOWED_ORIGINS=*: every origin, "null" too. It must
// not be used with credentials.
func Any() *Policy { return &Policy{any: true} }

// NewPolicy allows the origins that one of the patterns stands for or that
// the expression matches from end to end; a nil expression matches none, and
// no pattern and no expression at all allow nobody.
func NewPolicy(patterns []Pattern, expression *regexp.Regexp) *Policy {
	p := &Policy{patterns: patterns, exact: make(map[string]struct{}), regex: expression}
	for _, pattern := range patterns {
		if pattern.Subdomains {
			p.wildcards = append(p.wildcards, pattern)
		} else {
			p.exact[pattern.Origin.String()] = struct{}{}
		}
	}
	return p
}

// CompileRegex compiles a pattern that has to match a whole origin. It is
// compiled alone first, so that "a)|(b" cannot break out of the anchors.
func CompileRegex(pattern string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}

// AllowsAny reports whether the answer is the same for every origin.
func (p *Policy) AllowsAny() bool { return p.any }

// Allows reports whether a browser page of that origin may call. The value is
// an Origin header's, compared byte by byte: browsers write an origin in one
// way only, so whatever is spelled otherwise was not written by a browser.
func (p *Policy) Allows(value string) bool {
	if p.any {
		return value != "" && !strings.ContainsAny(value, ", \t")
	}
	if _, listed := p.exact[value]; listed {
		return true
	}
	if len(p.wildcards) == 0 && p.regex == nil {
		return false
	}
	o, err := parse(value)
	if err != nil {
		return false // neither a wildcard nor a regex may admit what is no origin
	}
	for _, w := range p.wildcards {
		if o.Scheme == w.Scheme && o.Port == w.Port && isSubdomain(o.Host, w.Host) {
			return true
		}
	}
	return p.regex != nil && p.regex.MatchString(value)
}

// isSubdomain compares whole labels: evilexample.com is not below example.com.
func isSubdomain(host, parent string) bool {
	return len(host) > len(parent)+1 && strings.HasSuffix(host, parent) && host[len(host)-len(parent)-1] == '.'
}

// String is the policy in the words of the settings, for the start-up line.
func (p *Policy) String() string {
	if p.any {
		return "*"
	}
	var entries []string
	for _, pattern := range p.patterns {
		entries = append(entries, pattern.String())
	}
	if p.regex != nil {
		entries = append(entries, "regex "+strings.TrimSuffix(strings.TrimPrefix(p.regex.String(), `\A(?:`), `)\z`))
	}
	if len(entries) == 0 {
		return "none"
	}
	return strings.Join(entries, ",")
}

// Why says in words why the policy does not allow a request with these Origin
// lines: the nearest listed origin and what differs. It is meant for the log;
// a stranger would learn the list from it. The values are hostile text and
// are not repeated.
func (p *Policy) Why(lines []string) string {
	if len(lines) != 1 || strings.ContainsAny(lines[0], ", \t") {
		return "several values: a browser sends one origin in one Origin line"
	}
	value := lines[0]
	if value == "null" {
		return "opaque origin: null is sent by sandboxed frames, file: and data: pages and after cross-origin redirects (http to https too); serve the page over http(s) and call the final URL"
	}
	o, err := parse(value)
	if err != nil {
		return p.whyMalformed(value, err)
	}
	if len(p.patterns) == 0 && p.regex == nil {
		return "ALLOWED_ORIGINS is empty: no cross-origin browser may call"
	}
	// Each names the one thing in which an origin differs from an entry. Where
	// several entries are near, the likelier mistake comes first.
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

// whyMalformed explains what no browser sends: a script or a proxy wrote it.
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

func (p Pattern) hasHost(o Origin) bool {
	return p.Subdomains && isSubdomain(o.Host, p.Host) || !p.Subdomains && o.Host == p.Host
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
	got, want := portOf(o), portOf(p.Origin)
	reason := fmt.Sprintf("port differs: %s is not %s as in the listed %s; ", got, want, p)
	if o.IsLoopback() && want == "5173" && len(got) == 4 && "5173" < got && got <= "5183" {
		return reason + "Vite moved because 5173 was taken: stop what runs there and set strictPort, or list this port too"
	}
	return reason + "list this one too"
}

func (p Pattern) whyNotDomain(o Origin) string {
	switch {
	case o.Scheme != p.Scheme || o.Port != p.Port:
	case p.Subdomains && o.Host == p.Host:
		return fmt.Sprintf("parent: %s stands for the names below it, not for %s itself; list that too", p, o.Host)
	case isSubdomain(o.Host, p.Host):
		return fmt.Sprintf("subdomain of the listed %s: list it too, or every subdomain as %s://*.%s", p, p.Scheme, p.Host)
	case isSubdomain(p.Host, o.Host):
		return fmt.Sprintf("parent of the listed %s: list it too", p)
	}
	return ""
}

func portOf(o Origin) string {
	if o.Port == "" {
		return defaultPort(o.Scheme)
	}
	return o.Port
}
