package config

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"example.com/api/internal/origin"
)

// developmentOrigins are the addresses at which Vite and older tools serve a page.
const developmentOrigins = "http://localhost:5173,http://127.0.0.1:5173,http://localhost:3000"

// origins parses ALLOWED_ORIGINS, where nil stands for not set, and
// ALLOWED_ORIGIN_REGEX.
func (m *mistakes) origins(list *string, regex string, production, credentials bool) (*origin.Policy, []*origin.Mistake) {
	const name = "ALLOWED_ORIGINS"
	if list == nil {
		text := developmentOrigins
		if production {
			m.addSecret(name, "is not set, and production has no default; write your frontend's origin, such as https://app.example.com; to allow no other origin, set it to the empty string in the environment (in .env, that counts as not set)")
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

// corsMethods accepts the methods that this server can answer. Browsers forbid
// CONNECT, TRACE and TRACK; any other word is a typing mistake.
func (m *mistakes) corsMethods(name, value string) []string {
	known := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
	all := distinct(m.entries(name, value))
	if slices.Equal(all, []string{"*"}) {
		return all
	}
	for _, entry := range all {
		if !slices.Contains(known, entry) {
			m.add(name, entry, "is not a method that a page can use here (methods are case-sensitive); write some of "+strings.Join(known, ",")+", or * alone")
		}
	}
	return all
}

// forbiddenRequestHeaders are set only by browsers (Fetch, 2.2.2). Allowing one has
// no effect, so a list that names it is a mistake.
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
			m.add(name, value, "has * next to other headers; write * alone to allow every header, Authorization included")
		case !httpguts.ValidHeaderFieldName(entry):
			m.add(name, entry, "is not a header name; write names such as Content-Type, separated by commas")
		case strings.HasPrefix(header, "Access-Control-"):
			m.add(name, entry, "belongs to the CORS protocol itself, and no page sends it; leave it out")
		case slices.Contains(forbiddenRequestHeaders, header) || strings.HasPrefix(header, "Sec-") || strings.HasPrefix(header, "Proxy-"):
			m.add(name, entry, "is set by the browser, which does not let a page send it; leave it out")
		}
	}
	return all
}

// requestHeaders are never in a response. A list that exposes one was probably
// meant for CORS_ALLOWED_HEADERS.
var requestHeaders = []string{
	"Accept-Charset", "Accept-Language", "Access-Control-Request-Headers", "Access-Control-Request-Method", "Authorization",
	"Cookie", "Cookie2", "Expect", "Host", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since",
	"Origin", "Proxy-Authorization", "Range", "Referer", "Te", "User-Agent", "X-Forwarded-For", "X-Forwarded-Host",
	"X-Forwarded-Proto", "X-Requested-With",
}

func (m *mistakes) corsExposed(name, value string, credentials bool) []string {
	all := distinct(m.entries(name, value))
	for _, entry := range all {
		switch {
		case entry == "*" && credentials:
			m.add(name, entry, "means only a header that is named * while CORS_ALLOW_CREDENTIALS=true; list the headers")
		case !httpguts.ValidHeaderFieldName(entry):
			m.add(name, entry, "is not a header name; write names such as X-Request-ID, separated by commas")
		case slices.Contains(requestHeaders, textproto.CanonicalMIMEHeaderKey(entry)):
			m.add(name, entry, "is a request header, which no response has; leave it out, or list it in CORS_ALLOWED_HEADERS")
		case strings.EqualFold(entry, "Set-Cookie") || strings.EqualFold(entry, "Set-Cookie2"):
			m.add(name, entry, "is hidden from JavaScript by every browser; leave it out")
		}
	}
	return all
}
