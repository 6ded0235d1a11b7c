package config

import (
	"fmt"
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/idna"

	"example.com/api/internal/origin"
)

// developmentOrigins are where Vite and the older tools serve a page.
const developmentOrigins = "http://localhost:5173,http://127.0.0.1:5173,http://localhost:3000"

// origins parses ALLOWED_ORIGINS, where nil stands for not set, and
// ALLOWED_ORIGIN_REGEX. In production plain http is refused with credentials:
// those that cross a network in clear are anybody's.
func (m *mistakes) origins(list *string, regex string, production, credentials bool) *origin.Policy {
	const name = "ALLOWED_ORIGINS"
	secure := production && credentials
	if list == nil {
		text := developmentOrigins
		if production {
			m.addSecret(name, "is not set; production has no default: write your frontend's origin, such as https://app.example.com, or set it to the empty string in the environment (in .env that counts as not set) to let no browser call from elsewhere")
			text = ""
		}
		list = &text
	}
	all := m.entries(name, *list)
	everybody := slices.Contains(all, "*")
	if everybody && (len(all) > 1 || regex != "") {
		m.add(name, *list, "has * beside other origins; * alone means every origin")
	}
	if everybody && credentials {
		m.add(name, "*", "cannot stand with CORS_ALLOW_CREDENTIALS=true: browsers reject the pair; list the origins, or set CORS_ALLOW_CREDENTIALS=false")
	}
	var patterns []origin.Pattern
	for _, entry := range distinct(all) {
		if entry == "*" {
			continue
		}
		pattern, err := origin.ParsePattern(entry)
		if err != nil {
			m.add(name, entry, withRemedy(err.Error()+punycodeHint(entry)))
			continue
		}
		if wrong := unsafePattern(pattern, secure); wrong != "" {
			m.add(name, entry, wrong)
			continue
		}
		patterns = append(patterns, pattern)
	}
	expression := m.originRegex("ALLOWED_ORIGIN_REGEX", regex, secure)
	if everybody {
		return origin.Any()
	}
	return origin.NewPolicy(patterns, expression)
}

// originRegex returns nil for "".
func (m *mistakes) originRegex(name, value string, secure bool) *regexp.Regexp {
	if value == "" {
		return nil
	}
	expression, err := origin.CompileRegex(value)
	if err != nil {
		m.add(name, value, "does not compile: "+err.Error()+`; write a pattern such as https://[a-z0-9-]+\.example\.com`)
		return nil
	}
	if wrong := unsafeRegex(value, expression, secure); wrong != "" {
		m.add(name, value, wrong)
	}
	return expression
}

// withRemedy adds what an entry looks like to a text that says only what is
// wrong with it.
func withRemedy(wrong string) string {
	if strings.Contains(wrong, "; ") {
		return wrong
	}
	return wrong + "; write scheme, host and port alone, such as https://app.example.com"
}

// punycodeHint names the form that browsers send of a host outside ASCII.
func punycodeHint(entry string) string {
	if !strings.ContainsFunc(entry, func(r rune) bool { return r > unicode.MaxASCII }) {
		return ""
	}
	scheme, rest, found := strings.Cut(strings.ToLower(entry), "://")
	rest, wildcard := strings.CutPrefix(strings.TrimRight(rest, "/"), "*.")
	ascii, err := idna.Lookup.ToASCII(rest)
	if !found || err != nil {
		return ""
	}
	if wildcard {
		ascii = "*." + ascii
	}
	if _, err := origin.ParsePattern(scheme + "://" + ascii); err != nil {
		return ""
	}
	return fmt.Sprintf(": %s://%s", scheme, ascii)
}

func unsafePattern(p origin.Pattern, secure bool) string {
	if secure && p.Scheme == "http" && !p.IsLoopback() {
		return "is plain http: with credentials in production anybody on the way reads them; write https://, or set CORS_ALLOW_CREDENTIALS=false"
	}
	if strings.Contains(p.Host, "xn--") {
		// As the URL standard's domain to ASCII does it.
		browser := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckHyphens(false), idna.StrictDomainName(false))
		if ascii, err := browser.ToASCII(p.Host); err != nil || ascii != p.Host {
			return "has a punycode label (xn--…) that browsers refuse; copy the host from the browser's address bar"
		}
	}
	if p.Subdomains && coversPublicSuffix(p.Host) {
		return wholeSuffix(p.Host) + "https://*.example.com"
	}
	return ""
}

// wholeSuffix is what is wrong with *.host, up to the example of a remedy.
func wholeSuffix(host string) string {
	return fmt.Sprintf("covers a whole public suffix, %q or one below it, where anybody can register a name; write your own domain, such as ", host)
}

// corsMethods takes the methods that this server can answer. CONNECT, TRACE
// and TRACK are forbidden to browsers; other words are typing mistakes.
func (m *mistakes) corsMethods(name, value string) []string {
	known := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
	all := distinct(m.entries(name, value))
	if slices.Equal(all, []string{"*"}) {
		return all
	}
	for _, entry := range all {
		if !slices.Contains(known, entry) {
			m.add(name, entry, "is no method that a page can use here (methods are case-sensitive); write some of "+strings.Join(known, ",")+", or * alone")
		}
	}
	return all
}

// forbiddenRequestHeaders are set by browsers alone (Fetch, 2.2.2); to allow
// them does nothing and tells of a misunderstanding.
var forbiddenRequestHeaders = []string{
	"Accept-Charset", "Accept-Encoding", "Connection", "Content-Length", "Cookie", "Cookie2", "Date", "Dnt", "Expect", "Host",
	"Keep-Alive", "Origin", "Referer", "Set-Cookie", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Via",
}

func (m *mistakes) corsHeaders(name, value string) []string {
	all := distinct(m.entries(name, value))
	if slices.Equal(all, []string{"*"}) {
		return all
	}
	for _, entry := range all {
		header := textproto.CanonicalMIMEHeaderKey(entry)
		switch {
		case entry == "*":
			m.add(name, value, "has * beside other headers; * alone means every header, Authorization too")
		case !httpguts.ValidHeaderFieldName(entry):
			m.add(name, entry, "is no header name; write names such as Content-Type, separated by commas")
		case strings.HasPrefix(header, "Access-Control-"):
			m.add(name, entry, "is a header of the CORS protocol itself, which no page sends; leave it out")
		case slices.Contains(forbiddenRequestHeaders, header) || strings.HasPrefix(header, "Sec-") || strings.HasPrefix(header, "Proxy-"):
			m.add(name, entry, "is a header that browsers set themselves and forbid to pages; leave it out")
		}
	}
	return all
}

func (m *mistakes) corsExposed(name, value string, credentials bool) []string {
	all := distinct(m.entries(name, value))
	for _, entry := range all {
		switch {
		case entry == "*" && credentials:
			m.add(name, entry, "means a header named * where CORS_ALLOW_CREDENTIALS=true; list the headers")
		case entry == "*":
		case !httpguts.ValidHeaderFieldName(entry):
			m.add(name, entry, "is no header name; write names such as X-Request-ID, separated by commas")
		case strings.EqualFold(entry, "Set-Cookie") || strings.EqualFold(entry, "Set-Cookie2"):
			m.add(name, entry, "is never shown to JavaScript; leave it out")
		}
	}
	return all
}
