package origin

import (
	"regexp"
	"slices"
	"strings"
)

// Policy is the set of origins that the settings allow. It does not change, so it is
// safe for concurrent use.
type Policy struct {
	any       bool
	patterns  []Pattern
	exact     map[string]struct{}
	wildcards []Pattern
	regex     *regexp.Regexp
}

// Options are the settings that decide who may call.
type Options struct {
	Entries     []string // of ALLOWED_ORIGINS; {"*"}: every origin
	Regex       string   // ALLOWED_ORIGIN_REGEX; "": none
	Credentials bool
	Production  bool
}

// ParsePolicy parses the settings and returns every mistake in them. The policy must
// be used only if there is none. A warning is a value that is accepted here, but
// would be a mistake in production with credentials.
func ParsePolicy(options Options) (policy *Policy, warnings, mistakes []*Mistake) {
	report := func(list *[]*Mistake, setting string, m *Mistake) {
		m.Setting = setting
		*list = append(*list, m)
	}
	everyone := slices.Contains(options.Entries, "*")
	if everyone && (len(options.Entries) > 1 || options.Regex != "") {
		report(&mistakes, "ALLOWED_ORIGINS", &Mistake{
			Value: strings.Join(options.Entries, ","), Problem: "has * next to other origins", Remedy: "write * alone for every origin, or leave it out"})
	}
	if everyone && options.Credentials {
		report(&mistakes, "ALLOWED_ORIGINS", &Mistake{
			Value: "*", Problem: "cannot be used with CORS_ALLOW_CREDENTIALS=true: browsers reject the pair", Remedy: "list the origins, or set CORS_ALLOW_CREDENTIALS=false"})
	}
	secure := options.Production && options.Credentials
	var patterns []Pattern
	for _, entry := range options.Entries {
		if entry == "*" {
			continue
		}
		pattern, mistake := parsePattern(entry)
		if mistake == nil {
			mistake = checkPattern(pattern, secure)
		}
		if mistake != nil {
			report(&mistakes, "ALLOWED_ORIGINS", mistake)
		}
		if !slices.Contains(patterns, pattern) {
			patterns = append(patterns, pattern)
		}
	}
	var expression *regexp.Regexp
	if options.Regex != "" {
		var warning, mistake *Mistake
		expression, warning, mistake = parseRegex(options.Regex, secure)
		if warning != nil {
			report(&warnings, "ALLOWED_ORIGIN_REGEX", warning)
		}
		if mistake != nil {
			report(&mistakes, "ALLOWED_ORIGIN_REGEX", mistake)
		}
	}
	if everyone {
		return Any(), warnings, mistakes
	}
	return newPolicy(patterns, expression), warnings, mistakes
}

// Any returns the policy of ALLOWED_ORIGINS=*, which allows every origin, including
// "null". It must not be used with credentials.
func Any() *Policy { return &Policy{any: true} }

// newPolicy allows the origins that one of the patterns stands for, or that the
// expression matches from end to end. A nil expression matches none. Without a
// pattern or an expression, the policy allows no origin.
func newPolicy(patterns []Pattern, expression *regexp.Regexp) *Policy {
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

// AllowsAny reports whether the response is the same for every origin.
func (p *Policy) AllowsAny() bool { return p.any }

// Allows reports whether pages on that origin may call. The value is that of an
// Origin header. It is compared byte by byte, because browsers write an origin in
// only one way.
func (p *Policy) Allows(value string) bool {
	if p.any {
		return value != "" && !strings.ContainsAny(value, ", \t")
	}
	if _, listed := p.exact[value]; listed {
		return true
	}
	o, err := parse(value)
	if err != nil {
		return false // neither a wildcard nor a regex may admit what is not an origin
	}
	for _, w := range p.wildcards {
		if w.matches(o) {
			return true
		}
	}
	return p.regex != nil && p.regex.MatchString(value)
}

// AllowedBy returns the setting that allows the origin, and the entry or the pattern
// in it that does. Both are empty if the policy does not allow the origin.
func (p *Policy) AllowedBy(value string) (setting, entry string) {
	if p.any {
		return "ALLOWED_ORIGINS", "*"
	}
	for _, pattern := range p.patterns {
		if newPolicy([]Pattern{pattern}, nil).Allows(value) {
			return "ALLOWED_ORIGINS", pattern.String()
		}
	}
	if newPolicy(nil, p.regex).Allows(value) {
		return "ALLOWED_ORIGIN_REGEX", p.regexText()
	}
	return "", ""
}

// Entries returns the entries of ALLOWED_ORIGINS.
func (p *Policy) Entries() []string {
	if p.any {
		return []string{"*"}
	}
	var entries []string
	for _, pattern := range p.patterns {
		entries = append(entries, pattern.String())
	}
	return entries
}

// regexText returns ALLOWED_ORIGIN_REGEX. The policy must have one.
func (p *Policy) regexText() string {
	return strings.TrimSuffix(strings.TrimPrefix(p.regex.String(), `\A(?:`), `)\z`)
}

// String returns the policy as the settings write it, for the log line at
// startup.
func (p *Policy) String() string {
	entries := p.Entries()
	if p.regex != nil {
		entries = append(entries, "regex "+p.regexText())
	}
	if len(entries) == 0 {
		return "none"
	}
	return strings.Join(entries, ",")
}
