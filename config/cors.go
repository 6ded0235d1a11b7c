package config

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"example.com/api/internal/origin"
)

// developmentOrigins are where Vite and the older tools serve a page.
const developmentOrigins = "http://localhost:5173,http://127.0.0.1:5173,http://localhost:3000"

// origins parses ALLOWED_ORIGINS, where nil stands for not set, and
// ALLOWED_ORIGIN_REGEX.
func (m *mistakes) origins(list *string, regex string, production, credentials bool) (*origin.Policy, []*origin.Mistake) {
	const name = "ALLOWED_ORIGINS"
	if list == nil {
		text := developmentOrigins
		if production {
			m.addSecret(name, "is not set, and production has no default; write your frontend's origin, such as https://app.example.com, or set it to the empty string in the environment (in .env that counts as not set) to let no browser call from another origin")
			text = ""
		}
		list = &text
	}
	policy, warnings, mistakes := origin.ParsePolicy(origin.Options{
		Entries: m.entries(name, *list), Regex: regex, Credentials: credentials, Production: production,
	})
	m.addAll(mistakes)
	return policy, warnings
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
