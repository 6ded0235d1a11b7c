package tests

import (
	"net/http"
	"strings"
	"testing"
)

// The test tables of jub0bs/cors, rs/cors, expressjs/cors and Starlette were applied
// to this server as settings. Their rows pass, except where this server differs
// on purpose. The two tests below list every difference: what the library does,
// what this server does, and the section of the standard that requires or allows
// it.

// These settings are accepted by one side and rejected by the other.
func TestSettingsUnlikeLibraries(t *testing.T) {
	t.Parallel()
	anonymous := []string{"CORS_ALLOW_CREDENTIALS=false"}
	tests := []struct {
		name     string // the library and its row
		setting  string
		beside   []string
		says     string // in the message; "" if this server accepts what the library rejects
		standard string
	}{
		{"rs/cors MatchAllOriginWithCredentials sends * with credentials", "ALLOWED_ORIGINS=*", nil, "CORS_ALLOW_CREDENTIALS=true",
			"Fetch, CORS protocol and credentials: with credentials, * allows nobody"},
		{"Starlette cors_allow_all reflects every origin with credentials", "ALLOWED_ORIGIN_REGEX=.*", nil, "lets null in",
			"Fetch, CORS protocol and credentials: an origin that may read with credentials must be trusted"},
		{"Starlette cors_allow_origin_regex takes https://.*", "ALLOWED_ORIGIN_REGEX=https://.*", nil, "https://evil.example",
			"Fetch, CORS protocol and credentials: an origin that may read with credentials must be trusted"},
		{"Starlette cors_allow_origin_regex_fullmatch leaves a dot bare", `ALLOWED_ORIGIN_REGEX=https://.*\.example.org`, nil, `write \. for a dot`,
			"HTML, 7.1.1 (origins): another host is another origin, and a bare dot matches any character"},
		{"Express matches a regexp without the scheme", `ALLOWED_ORIGIN_REGEX=://(.+\.)?example.com$`, nil, "begin with the scheme",
			"HTML, 7.1.1 (origins): the scheme is part of an origin"},
		{"Express matches a regexp without an anchor", `ALLOWED_ORIGIN_REGEX=foo\.com$`, nil, "begin with the scheme",
			"HTML, 7.1.1 (origins): evilfoo.com is another host"},
		{"Express takes an origin without a scheme", "ALLOWED_ORIGINS=bar.com", nil, "write https://bar.com",
			"Fetch, Origin header: a browser always sends the scheme"},
		{"jub0bs/cors accepts discrete origins next to *", "ALLOWED_ORIGINS=*,http://example.com", anonymous, "next to other origins",
			"Fetch, HTTP responses: Access-Control-Allow-Origin is one origin or *"},
		{"jub0bs/cors takes the wildcard of a public suffix without credentials", "ALLOWED_ORIGINS=https://*.com", anonymous, "public suffix",
			"URL, 3.2: below a public suffix, every name may have another owner"},
		{"jub0bs/cors takes any port", "ALLOWED_ORIGINS=http://*.example.com:*", nil, "wildcard",
			"HTML, 7.1.1 (origins): the port is part of an origin; ALLOWED_ORIGIN_REGEX can leave it open"},
		{"jub0bs/cors takes a host with a trailing dot", "ALLOWED_ORIGINS=http://example.com.:3999", nil, "http://example.com:3999",
			"URL, 3.7: with the dot it is another host, from which no page of example.com calls"},
		{"jub0bs/cors rejects blanks around an entry", "ALLOWED_ORIGINS= http://example.com:6060 ", nil, "",
			"URL, 3.2: a host has no blanks, so they separate entries"},
		{"jub0bs/cors rejects an IPv4-mapped IPv6 address", "ALLOWED_ORIGINS=http://[::ffff:7f7f:7f7f]:90", nil, "",
			"URL, 3.6: browsers serialize the address so"},
		{"rs/cors AllowedMethod takes methods that the server does not have", "CORS_ALLOWED_METHODS=GET,PURGE", nil, "PURGE",
			"RFC 9110, 15.5.6: every such request would get 405"},
		{"Express normalizes method names", "CORS_ALLOWED_METHODS=put,delete", nil, "case-sensitive",
			"RFC 9110, 9.1, and Fetch, methods: names are case-sensitive, and a page may send patch"},
		{"jub0bs/cors accepts discrete methods next to *", "CORS_ALLOWED_METHODS=*,GET", nil, "* alone",
			"Fetch, HTTP responses: with credentials, * stands for a method of that name"},
		{"jub0bs/cors accepts Authorization next to *", "CORS_ALLOWED_HEADERS=Authorization,*", nil, "* alone",
			"Fetch, CORS non-wildcard request-header name: a browser needs it by name, and * here sends it by name"},
		{"rs/cors MaxAgeNegative sends 0", "CORS_MAX_AGE=-1s", nil, "out of range",
			"Fetch, HTTP responses: Access-Control-Max-Age is a number of seconds without a sign; 0 is written 0"},
		{"rs/cors takes any origin over plain http with credentials", "ALLOWED_ORIGINS=http://*.bar.com",
			[]string{"APP_ENV=production", "SESSION_SECRET=" + secret}, "plain http",
			"Secure Contexts, 3.1: anyone on the network path can write such a page"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := append([]string{tt.setting}, tt.beside...)
			if tt.says == "" {
				start(t, env...)
				return
			}
			name, _, _ := strings.Cut(tt.setting, "=")
			for _, want := range []string{name, tt.says} {
				if message := launchInvalid(t, t.TempDir(), env...); !strings.Contains(message, want) {
					t.Errorf("the message lacks %q; standard: %s\n%s", want, tt.standard, message)
				}
			}
		})
	}
}

// These requests get a different response.
func TestResponsesUnlikeLibraries(t *testing.T) {
	t.Parallel()
	const page = "http://localhost:9090"
	exact := []string{"ALLOWED_ORIGINS=" + page + ",http://*.bar.com", "CORS_ALLOWED_METHODS=GET,POST,PUT", "CORS_ALLOWED_HEADERS=Authorization,Content-Type", "CORS_MAX_AGE=30s", "CORS_EXPOSED_HEADERS=X-Foo,Cache-Control"}
	open := []string{"ALLOWED_ORIGINS=*", "CORS_ALLOW_CREDENTIALS=false", "CORS_ALLOWED_METHODS=*", "CORS_ALLOWED_HEADERS=*", "CORS_EXPOSED_HEADERS=*"}
	reflecting := []string{"ALLOWED_ORIGINS=" + page, "CORS_ALLOWED_HEADERS=*"}
	origin := "Origin: " + page
	asks := func(method string, headers ...string) []string {
		return append([]string{"Access-Control-Request-Method: " + method}, headers...)
	}
	from := func(value string, headers ...string) []string { return append(headers, "Origin: "+value) }
	tests := []struct {
		name     string // the library and its row
		env      []string
		method   string
		headers  []string
		status   int
		want     map[string]string
		standard string
	}{
		{"all four run the handler for a disallowed origin", exact, "GET", from("https://example.com"), http.StatusForbidden,
			map[string]string{"Access-Control-Allow-Origin": absent, "Vary": "Origin"},
			"Fetch, HTTP responses: a server that does not take part is encouraged to answer 403 without the headers"},
		{"Starlette and Express send allow-credentials to a disallowed origin", exact, "GET", from("https://example.com"), http.StatusForbidden,
			map[string]string{"Access-Control-Allow-Credentials": absent, "Access-Control-Expose-Headers": absent},
			"Fetch, HTTP responses: such a response must not have any of the headers"},
		{"rs/cors answers a disallowed preflight with 204, Starlette with 400", exact, "OPTIONS", from("https://example.com", asks("GET")...), http.StatusForbidden,
			map[string]string{"Access-Control-Allow-Origin": absent, "Access-Control-Allow-Methods": absent},
			"Fetch, HTTP responses: 403 without the headers"},
		{"jub0bs/cors rejects a preflight for a method that is not listed", exact, "OPTIONS", from(page, asks("PURGE")...), http.StatusNoContent,
			map[string]string{"Access-Control-Allow-Origin": page, "Access-Control-Allow-Methods": "GET,POST,PUT"},
			"Fetch, CORS-preflight fetch: the browser compares the list with its method, and stops"},
		{"jub0bs/cors and Starlette reject a preflight for a header that is not listed", exact, "OPTIONS", from(page, asks("GET", "Access-Control-Request-Headers: bar,baz,foo")...), http.StatusNoContent,
			map[string]string{"Access-Control-Allow-Headers": "Authorization,Content-Type"},
			"Fetch, CORS-preflight fetch: the browser compares the list with its headers, and stops"},
		{"rs/cors and jub0bs/cors name only the method that was asked for", exact, "OPTIONS", from(page, asks("PUT")...), http.StatusNoContent,
			map[string]string{"Access-Control-Allow-Methods": "GET,POST,PUT"},
			"Fetch, CORS-preflight cache: one response serves all listed methods"},
		{"Starlette answers a preflight with 200 and a body", exact, "OPTIONS", from(page, asks("GET")...), http.StatusNoContent,
			map[string]string{"Content-Length": absent, "Content-Type": absent},
			"Fetch, CORS-preflight fetch: any ok status; RFC 9110, 15.3.5: 204 has no content"},
		{"Express takes every OPTIONS for a preflight", exact, "OPTIONS", from(page), http.StatusNoContent,
			map[string]string{"Allow": "GET, HEAD", "Access-Control-Allow-Methods": absent, "Access-Control-Max-Age": absent},
			"Fetch, HTTP requests: a preflight has Access-Control-Request-Method"},
		{"rs/cors takes OPTIONS without Origin for a preflight", exact, "OPTIONS", asks("PUT"), http.StatusNoContent,
			map[string]string{"Allow": "GET, HEAD", "Access-Control-Allow-Methods": absent, "Vary": "Origin"},
			"Fetch, HTTP requests: a preflight is a CORS request, which has an Origin"},
		{"rs/cors lowers the case of an Origin before it compares", exact, "GET", from("http://FOO.bar.com"), http.StatusForbidden,
			map[string]string{"Access-Control-Allow-Origin": absent},
			"RFC 6454, 6.2 and 7: a browser sends lower case, byte for byte"},
		{"rs/cors and Starlette allow a private network", exact, "OPTIONS", from(page, asks("PUT", "Access-Control-Request-Private-Network: true")...), http.StatusNoContent,
			map[string]string{"Access-Control-Allow-Private-Network": absent},
			"Fetch has no such header; Local Network Access, which replaced the proposal, asks the user"},
		{"jub0bs/cors drops safelisted names from the exposed headers", exact, "GET", from(page), http.StatusOK,
			map[string]string{"Access-Control-Expose-Headers": "X-Foo,Cache-Control"},
			"Fetch, CORS-safelisted response-header name: listing one changes nothing"},
		{"jub0bs/cors rejects more than 16 empty elements", exact, "OPTIONS", from(page, asks("POST", "Access-Control-Request-Headers: authorization"+strings.Repeat(",", 17))...), http.StatusNoContent,
			map[string]string{"Access-Control-Allow-Headers": "Authorization,Content-Type"},
			"RFC 9110, 5.6.1.2: a recipient ignores empty elements"},
		{"all three that reflect return blanks and empty elements as they came", reflecting, "OPTIONS", from(page, asks("GET", "Access-Control-Request-Headers: bar \t, baz\t,,foo\t")...), http.StatusNoContent,
			map[string]string{"Access-Control-Allow-Headers": "bar,baz,foo"},
			"RFC 9110, 5.6.1.1: a sender generates no empty elements"},
		{"Express reflects what is not a name", reflecting, "OPTIONS", from(page, asks("GET", "Access-Control-Request-Headers: b@r")...), http.StatusNoContent,
			map[string]string{"Access-Control-Allow-Headers": absent},
			"Fetch, HTTP responses: Access-Control-Allow-Headers is a list of names"},
		{"jub0bs/cors sends a literal * for methods and headers", open, "OPTIONS", from(page, asks("PURGE", "Access-Control-Request-Headers: authorization,content-type")...), http.StatusNoContent,
			map[string]string{"Access-Control-Allow-Methods": "PURGE", "Access-Control-Allow-Headers": "authorization,content-type"},
			"Fetch, CORS non-wildcard request-header name: * does not cover Authorization"},
		{"rs/cors MatchAllOrigin varies by Origin", open, "GET", []string{origin}, http.StatusOK,
			map[string]string{"Access-Control-Allow-Origin": "*", "Vary": absent},
			"Fetch, CORS protocol and HTTP caches: a response with * for every origin needs no Vary"},
		{"rs/cors NoConfig and Starlette send * only with an Origin", open, "GET", nil, http.StatusOK,
			map[string]string{"Access-Control-Allow-Origin": "*", "Vary": absent},
			"Fetch, CORS protocol and HTTP caches: without Vary, every response needs the header"},
		{"Starlette returns the origin of a request with a cookie", open, "GET", []string{origin, "Cookie: star_cookie=sugar"}, http.StatusOK,
			map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": absent, "Vary": absent},
			"Fetch, CORS protocol and credentials: without allow-credentials, the browser keeps that response from the page"},
	}
	servers := make(map[string]*server)
	for _, tt := range tests {
		if key := strings.Join(tt.env, " "); servers[key] == nil {
			servers[key] = start(t, tt.env...)
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := servers[strings.Join(tt.env, " ")].do(t, tt.method, "/api/hello", "", tt.headers...)
			checkStatus(t, a, tt.status)
			checkHeaders(t, a, tt.want)
			if t.Failed() {
				t.Log("standard:", tt.standard)
			}
		})
	}
}
