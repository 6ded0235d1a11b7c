package tests

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// preflight asks as a browser does.
func (s *server) preflight(t *testing.T, path, origin, method string, headers ...string) answer {
	t.Helper()
	return s.do(t, "OPTIONS", path, "", append(headers, "Origin: "+origin, "Access-Control-Request-Method: "+method)...)
}

// checkPreflight asserts that a page of origin may send what it asked for.
func checkPreflight(t *testing.T, a answer, origin string) {
	t.Helper()
	checkStatus(t, a, http.StatusNoContent)
	checkHeaders(t, a, map[string]string{
		"Access-Control-Allow-Origin":      origin,
		"Access-Control-Allow-Credentials": "true",
		"Access-Control-Max-Age":           "600",
		"X-Request-ID":                     absent,
		"X-RateLimit-Limit":                absent,
		"Location":                         absent,
	})
	checkTokens(t, a, "Access-Control-Allow-Methods", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
	checkTokens(t, a, "Access-Control-Allow-Headers", "Authorization", "Content-Type", "If-Match", "X-Request-ID")
	checkVary(t, a, "Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers")
	if a.body != "" {
		t.Errorf("body: got %q, want none", a.body)
	}
}

func TestAllowedOriginMayRead(t *testing.T) {
	t.Parallel()
	s := start(t, "ALLOWED_ORIGINS="+app+",https://*.example.org,https://*.example.net:8443,http://*.localhost:5173,http://localhost:5173,https://xn--9ca.com,http://[::1]:5173",
		`ALLOWED_ORIGIN_REGEX=https://pr-[0-9]+\.example\.dev|https://x\.example\.dev:[0-9]+`)
	for _, origin := range []string{
		app, "http://localhost:5173", "https://xn--9ca.com", "http://[::1]:5173",
		"https://a.example.org", "https://a.b.example.org", "https://xn--9ca.example.org", "https://a-1.example.org", "https://a.example.net:8443",
		"http://shop.localhost:5173", "https://pr-7.example.dev", "https://x.example.dev:81",
	} {
		t.Run(origin, func(t *testing.T) {
			t.Parallel()
			a := s.get(t, "/api/hello", "Origin: "+origin)
			checkStatus(t, a, http.StatusOK)
			checkReadable(t, a, origin)
			checkHeaders(t, a, map[string]string{"Access-Control-Allow-Methods": absent, "Access-Control-Max-Age": absent})
			checkTokens(t, a, "Access-Control-Expose-Headers", "X-Request-ID", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
				"RateLimit", "RateLimit-Policy", "Retry-After", "Location", "ETag")
			checkPreflight(t, s.preflight(t, "/api/session", origin, "POST", "Access-Control-Request-Headers: content-type"), origin)
		})
	}
}

func TestPreflightForAnyPath(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, path := range []string{
		"/", "/healthz", "/readyz", "/api/hello", "/api/hello?q=a", "/api/upload", "/api/session",
		"/unknown", "/api/session/", "/api/session/1/2", "/api", "//api//hello", "/a%2Fb", "/%00",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			checkPreflight(t, s.preflight(t, path, vite, method, "Access-Control-Request-Headers: content-type,x-request-id"), vite)
		}
	}
	// Unlisted methods and headers are the browser's to refuse: the lists say so.
	checkPreflight(t, s.preflight(t, "/api/session", vite, "PROPFIND", "Access-Control-Request-Headers: x-other"), vite)
}

func TestPreflightReachesNothingElse(t *testing.T) {
	t.Parallel()
	s := start(t, "RATE_LIMIT_DEFAULT=2-H", "RATE_LIMIT_UPLOAD=1-H", "ALLOWED_HOSTS=api.example.com", "HTTPS_REDIRECT=true")
	for range 5 {
		checkPreflight(t, s.preflight(t, "/api/hello", vite, "GET"), vite)
		checkPreflight(t, s.preflight(t, "/api/upload", vite, "POST", "Sec-Fetch-Site: cross-site"), vite)
		checkPreflight(t, s.preflight(t, "/api/session", vite, "DELETE", "Host: other.example.com"), vite)
	}
	s = start(t, "RATE_LIMIT_DEFAULT=2-H")
	for range 5 {
		checkPreflight(t, s.preflight(t, "/api/hello", vite, "GET"), vite)
	}
	checkHeaders(t, s.get(t, "/api/hello"), map[string]string{"X-RateLimit-Remaining": "1"})
}

func TestCORSSettings(t *testing.T) {
	t.Parallel()
	preflight := func(ask ...string) func(*testing.T, *server) answer {
		return func(t *testing.T, s *server) answer {
			return s.do(t, "OPTIONS", "/api/session", "", append([]string{"Origin: " + vite}, ask...)...)
		}
	}
	actual := func(t *testing.T, s *server) answer { return s.get(t, "/api/hello", "Origin: "+vite) }
	put := "Access-Control-Request-Method: PUT"
	tests := []struct {
		setting string
		ask     func(*testing.T, *server) answer
		want    map[string]string
	}{
		{"CORS_ALLOW_CREDENTIALS=false", preflight(put), map[string]string{"Access-Control-Allow-Origin": vite, "Access-Control-Allow-Credentials": absent}},
		{"CORS_ALLOW_CREDENTIALS=false", actual, map[string]string{"Access-Control-Allow-Origin": vite, "Access-Control-Allow-Credentials": absent}},
		{"CORS_MAX_AGE=0", preflight(put), map[string]string{"Access-Control-Max-Age": "0"}},
		{"CORS_MAX_AGE=0s", preflight(put), map[string]string{"Access-Control-Max-Age": "0"}},
		{"CORS_MAX_AGE=90s", preflight(put), map[string]string{"Access-Control-Max-Age": "90"}},
		{"CORS_MAX_AGE=24h", preflight(put), map[string]string{"Access-Control-Max-Age": "86400"}},
		{"CORS_ALLOWED_METHODS=GET,PUT", preflight(put), map[string]string{"Access-Control-Allow-Methods": "get,put"}},
		{"CORS_ALLOWED_METHODS= GET , PUT ", preflight(put), map[string]string{"Access-Control-Allow-Methods": "get,put"}},
		{"CORS_ALLOWED_METHODS=*", preflight(put), map[string]string{"Access-Control-Allow-Methods": "put"}},
		{"CORS_ALLOWED_METHODS=*", preflight("Access-Control-Request-Method: DELETE"), map[string]string{"Access-Control-Allow-Methods": "delete"}},
		{"CORS_ALLOWED_METHODS=*", preflight("Access-Control-Request-Method: PROPFIND"), map[string]string{"Access-Control-Allow-Methods": "propfind"}},
		{"CORS_ALLOWED_HEADERS=X-One, X-Two", preflight(put), map[string]string{"Access-Control-Allow-Headers": "x-one,x-two"}},
		{"CORS_ALLOWED_HEADERS=*", preflight(put, "Access-Control-Request-Headers: authorization,x-one"), map[string]string{"Access-Control-Allow-Headers": "authorization,x-one"}},
		{"CORS_ALLOWED_HEADERS=*", preflight(put, "Access-Control-Request-Headers: authorization", "Access-Control-Request-Headers: x-one"),
			map[string]string{"Access-Control-Allow-Headers": "authorization,x-one"}},
		{"CORS_ALLOWED_HEADERS=*", preflight(put), map[string]string{"Access-Control-Allow-Headers": absent}},
		{"CORS_EXPOSED_HEADERS=X-One,X-Two", actual, map[string]string{"Access-Control-Expose-Headers": "x-one,x-two"}},
	}
	servers := make(map[string]*server)
	for _, tt := range tests {
		if servers[tt.setting] == nil {
			servers[tt.setting] = start(t, tt.setting)
		}
		t.Run(tt.setting, func(t *testing.T) {
			a := tt.ask(t, servers[tt.setting])
			if a.status >= 300 {
				t.Errorf("status: got %d", a.status)
			}
			for name, want := range tt.want {
				got := absent
				if a.header.Values(name) != nil {
					got = strings.Join(tokens(a.header, name), ",")
				}
				if got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
			checkVary(t, a, "Origin")
		})
	}
}

// Who asks for any origin gives up credentials.
func TestAnyOrigin(t *testing.T) {
	t.Parallel()
	s := start(t, append(unlimited, "ALLOWED_ORIGINS=*", "CORS_ALLOW_CREDENTIALS=false")...)
	open := map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": absent}
	for _, origin := range []string{app, "http://localhost:5173", "null", "chrome-extension://abc"} {
		a := s.get(t, "/api/hello", "Origin: "+origin)
		checkStatus(t, a, http.StatusOK)
		checkHeaders(t, a, open)
		a = s.get(t, "/nowhere", "Origin: "+origin)
		checkStatus(t, a, http.StatusNotFound)
		checkHeaders(t, a, open)
		a = s.do(t, "POST", "/api/session", `{"name":"a"}`, "Origin: "+origin, "Sec-Fetch-Site: cross-site", jsonType)
		checkStatus(t, a, http.StatusCreated)
		checkHeaders(t, a, open)
		a = s.preflight(t, "/api/session", origin, "POST")
		checkStatus(t, a, http.StatusNoContent)
		checkHeaders(t, a, open)
		checkHeaders(t, a, map[string]string{"Access-Control-Max-Age": "600"})
		checkTokens(t, a, "Access-Control-Allow-Methods", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
		checkVary(t, a, "Access-Control-Request-Method", "Access-Control-Request-Headers")
	}
	for _, lines := range [][]string{nil, {"Origin: " + app, "Origin: https://evil.com"}, {"Origin: " + app + ", null"}, {"Origin: "}} {
		a := s.raw(t, append([]string{"GET /api/hello HTTP/1.1"}, lines...)...)
		checkStatus(t, a, http.StatusOK)
		checkHeaders(t, a, open)
		if hasToken(a.header, "Vary", "Origin") {
			t.Errorf("Vary: got %q, want no Origin: the response is the same for every origin", a.header["Vary"])
		}
	}
	a := s.do(t, "POST", "/api/session", `{"name":"a"}`, "Sec-Fetch-Site: cross-site", jsonType)
	checkStatus(t, a, http.StatusForbidden)
}

// hostile are origins that resemble an allowed one, https://app.example.com.
var hostile = []string{
	// Another name.
	"https://evil.com", "https://evilapp.example.com.evil.com", "https://app.example.com.evil.com", "https://app.example.comevil.com",
	"https://app.example.com-evil.com", "https://appxexample.com", "https://app.examplexcom", "https://evilexample.com", "https://app.evilexample.com",
	"https://example.com", "https://app.example.co", "https://app.example.com.", "https://app.example.com..", "https://.example.com", "https://..example.com",
	"https://a..example.com", "https://-.example.com", "https://*.example.com", "https://*", "*", "https://com", "https://example.com.app",
	// Another port or scheme.
	"https://app.example.com:443", "https://app.example.com:80", "https://app.example.com:8443", "https://app.example.com:", "https://app.example.com:0443",
	"https://app.example.com:443443", "https://app.example.com:evil", "https://app.example.com:443.evil.com", "http://app.example.com",
	"ftp://app.example.com", "ws://app.example.com", "file://app.example.com", "chrome-extension://app.example.com", "httpss://app.example.com",
	"https:app.example.com", "https:/app.example.com", "https:///app.example.com", "//app.example.com", "app.example.com", "://app.example.com",
	// Case.
	"https://APP.example.com", "https://app.example.COM", "HTTPS://app.example.com", "Https://App.Example.Com",
	// What is no part of an origin.
	"https://app.example.com/", "https://app.example.com/path", "https://app.example.com?", "https://app.example.com?x=1", "https://app.example.com#",
	"https://app.example.com#x", "https://me@app.example.com", "https://me:pw@app.example.com", "https://app.example.com@evil.com",
	"https://evil.com/app.example.com", "https://evil.com#.example.com", "https://evil.com?.example.com", "https://evil.com/.example.com",
	`https://evil.com\.example.com`, "https://evil.com:80#.example.com", "https://evil.com;.example.com", "https://evil.com%23.example.com",
	"https://app.example.com%00", "https://app%2eexample.com", "https://app.example.com%2eevil.com", "https://evil.com%2f.example.com",
	// Several, or none.
	"null", "NULL", "Null", "undefined", "about:blank", "data:text/html,x", "blob:https://app.example.com",
	"https://app.example.com https://app.example.com", "https://app.example.com,https://app.example.com", "https://app.example.com, https://evil.com",
	"https://evil.com, https://app.example.com", "https://evil.com https://app.example.com", "https://evil.com\thttps://app.example.com", "https://app.example.com,",
	",https://app.example.com", "https://app.example.com;", `"https://app.example.com"`, "<https://app.example.com>", "'https://app.example.com'",
	"https://evil.com\t.example.com", "https://app.example.com\tevil", "https:// app.example.com",
	// Letters that look alike, punycode and bytes outside ASCII.
	"https://аpp.example.com", "https://app.exаmple.com", "https://app。example。com", "https://app.example.com\u200b", "https://ａpp.example.com", "https://app.example.cоm",
	"https://app.xn--exmple-4nf.com", "https://xn--app-.xn--example-.com", "https://app.example.com\xff", "https://\xe9.example.com",
	// Addresses.
	"https://127.0.0.1", "http://127.0.0.1:5173", "https://[::1]", "https://[app.example.com]", "https://0x7f000001", "https://2130706433",
	// Too long.
	"https://" + strings.Repeat("a", 8000) + ".evil.com", "https://" + strings.Repeat("a.", 3000) + "evil.com", strings.Repeat("https://app.example.com", 200),
}

func TestHostileOriginIsDenied(t *testing.T) {
	t.Parallel()
	policies := []struct{ name, setting string }{
		{"exact", "ALLOWED_ORIGINS=" + app},
		{"wildcard", "ALLOWED_ORIGINS=https://*.example.com"},
		{"regex", `ALLOWED_ORIGIN_REGEX=https://[a-z0-9-]*[a-z0-9]\.example\.com`},
		{"regex with anchors", `ALLOWED_ORIGIN_REGEX=^https://(app|www)\.example\.com$`},
		{"regex with alternatives", `ALLOWED_ORIGIN_REGEX=https://app\.example\.com|https://www\.example\.com`},
	}
	for _, policy := range policies {
		t.Run(policy.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "ALLOWED_ORIGINS=", policy.setting)
			checkReadable(t, s.get(t, "/api/hello", "Origin: "+app), app)
			for _, origin := range hostile {
				name := origin[:min(len(origin), 60)]
				t.Run(name, func(t *testing.T) {
					detail := checkDenied(t, s.raw(t, "GET /healthz HTTP/1.1", "Origin: "+origin)).Detail
					if len(origin) < 100 && !strings.Contains(detail, origin) && !strings.Contains(detail, strings.Trim(quoted(origin), `"`)) {
						t.Errorf("detail: got %q, want %q named", detail, origin)
					}
					checkDenied(t, s.raw(t, "OPTIONS /api/session HTTP/1.1", "Origin: "+origin, "Access-Control-Request-Method: POST"))
				})
			}
		})
	}
}

// A wildcard stands for labels that a browser could send, no more.
func TestWildcardTakesOnlyHosts(t *testing.T) {
	t.Parallel()
	s := start(t, "ALLOWED_ORIGINS=https://*.example.com")
	for _, origin := range []string{
		"https://" + strings.Repeat("a", 8000) + ".example.com",
		"https://" + strings.Repeat("a", 64) + ".example.com",
		"https://" + strings.Repeat("a.", 200) + "example.com",
		"https://a,b.example.com", "https://a'.example.com", "https://a{b}.example.com", "https://a b.example.com", "https://a\"b.example.com",
	} {
		t.Run(origin[:min(len(origin), 40)], func(t *testing.T) {
			checkDenied(t, s.raw(t, "GET /healthz HTTP/1.1", "Origin: "+origin))
		})
	}
}

func TestTwoOriginLinesAreDenied(t *testing.T) {
	t.Parallel()
	s := start(t)
	self := "http://" + s.host
	for _, lines := range [][]string{
		{"Origin: " + vite, "Origin: https://evil.com"},
		{"Origin: https://evil.com", "Origin: " + vite},
		{"Origin: " + vite, "Origin: " + vite},
		{"Origin: " + self, "Origin: " + self},
		{"Origin: " + self, "Origin: https://evil.com"},
		{"Origin: https://evil.com", "Origin: https://evil.com", "Sec-Fetch-Site: same-origin"},
		{"Origin: ", "Origin: https://evil.com"},
		{"Origin: ", "Origin: " + vite},
		{"origin: " + vite, "ORIGIN: https://evil.com"},
	} {
		t.Run(strings.Join(lines, "|"), func(t *testing.T) {
			checkDenied(t, s.raw(t, append([]string{"GET /api/hello HTTP/1.1"}, lines...)...))
			checkDenied(t, s.raw(t, append([]string{"OPTIONS /api/hello HTTP/1.1", "Access-Control-Request-Method: GET"}, lines...)...))
		})
	}
}

func TestDeniedHandlerDoesNotRun(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, origin := range []string{"https://evil.com", "null"} {
		a := s.do(t, "POST", "/api/session", `{"name":"smuggled"}`, "Origin: "+origin, jsonType)
		checkDenied(t, a)
		checkHeaders(t, a, map[string]string{"Set-Cookie": absent})
	}
	for _, path := range []string{"/", "/healthz", "/readyz", "/nowhere", "/api/session/"} {
		checkDenied(t, s.get(t, path, "Origin: https://evil.com", "X-Request-ID: mine"))
	}
}

func TestSameOrigin(t *testing.T) {
	t.Parallel()
	s := start(t, "ALLOWED_ORIGINS=https://listed.example.com", "TRUSTED_PROXIES=127.0.0.1", "ALLOWED_HOSTS=127.0.0.1,api.example.com,listed.example.com")
	const host = "Host: api.example.com"
	const https = "X-Forwarded-Proto: https"
	tests := []struct {
		name    string
		from    string
		headers []string
		want    string // served, denied or readable
	}{
		{name: "no origin", want: "served"},
		{name: "empty origin", headers: []string{"Origin: "}, want: "served"},
		{name: "blank origin", headers: []string{"Origin:   "}, want: "served"},
		{name: "own host and port", headers: []string{"Origin: http://" + s.host}, want: "served"},
		{name: "own name", headers: []string{host, "Origin: http://api.example.com"}, want: "served"},
		{name: "host with the default port", headers: []string{"Host: api.example.com:80", "Origin: http://api.example.com"}, want: "served"},
		{name: "host in upper case", headers: []string{"Host: API.Example.com", "Origin: http://api.example.com"}, want: "served"},
		{name: "host with a port", headers: []string{"Host: api.example.com:8080", "Origin: http://api.example.com:8080"}, want: "served"},
		{name: "https by a trusted proxy", headers: []string{host, https, "Origin: https://api.example.com"}, want: "served"},
		{name: "https with the default port", headers: []string{"Host: api.example.com:443", https, "Origin: https://api.example.com"}, want: "served"},
		{name: "the browser says so", headers: []string{host, "Sec-Fetch-Site: same-origin", "Origin: https://other.example.com"}, want: "served"},
		{name: "the browser says so of null", headers: []string{host, "Sec-Fetch-Site: same-origin", "Origin: null"}, want: "served"},

		{name: "other scheme", headers: []string{host, "Origin: https://api.example.com"}, want: "denied"},
		{name: "other scheme behind https", headers: []string{host, https, "Origin: http://api.example.com"}, want: "denied"},
		{name: "https by a stranger", from: "127.0.0.2", headers: []string{host, https, "Origin: https://api.example.com"}, want: "denied"},
		{name: "other port", headers: []string{host, "Origin: http://api.example.com:8080"}, want: "denied"},
		{name: "port left out", headers: []string{"Host: api.example.com:8080", "Origin: http://api.example.com"}, want: "denied"},
		{name: "the other scheme's default port", headers: []string{"Host: api.example.com:443", "Origin: http://api.example.com"}, want: "denied"},
		{name: "parent", headers: []string{host, "Origin: http://example.com"}, want: "denied"},
		{name: "upper-case origin", headers: []string{host, "Origin: http://API.example.com"}, want: "denied"},
		{name: "forwarded host", headers: []string{"X-Forwarded-Host: api.example.com", "Origin: http://api.example.com"}, want: "denied"},
		{name: "same site", headers: []string{host, "Sec-Fetch-Site: same-site", "Origin: http://www.example.com"}, want: "denied"},
		{name: "none", headers: []string{host, "Sec-Fetch-Site: none", "Origin: http://www.example.com"}, want: "denied"},

		{name: "listed", headers: []string{host, "Origin: https://listed.example.com"}, want: "readable"},
		{name: "listed, and the browser says same-origin", headers: []string{host, "Sec-Fetch-Site: same-origin", "Origin: https://listed.example.com"}, want: "readable"},
		{name: "listed and own", headers: []string{"Host: listed.example.com", https, "Origin: https://listed.example.com"}, want: "readable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := s
			if tt.from != "" {
				s = s.from(tt.from)
			}
			for _, method := range []string{"GET", "DELETE"} {
				path := map[string]string{"GET": "/api/hello", "DELETE": "/api/session"}[method]
				a := s.do(t, method, path, "", tt.headers...)
				switch tt.want {
				case "denied":
					checkDenied(t, a)
					continue
				case "readable":
					checkReadable(t, a, "https://listed.example.com")
				case "served":
					checkNoCORS(t, a)
					checkVary(t, a, "Origin")
				}
				checkStatus(t, a, map[string]int{"GET": 200, "DELETE": 204}[method])
			}
		})
	}
}

func TestForwardedProtoOfStrangersIsIgnored(t *testing.T) {
	t.Parallel()
	s := start(t)
	checkDenied(t, s.get(t, "/api/hello", "Host: api.example.com", "X-Forwarded-Proto: https", "Origin: https://api.example.com"))
}

func TestOptionsThatAsksNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	tests := []struct {
		path  string
		allow []string
	}{
		{"/", []string{"GET", "HEAD"}},
		{"/healthz", []string{"GET", "HEAD"}},
		{"/readyz", []string{"GET", "HEAD"}},
		{"/api/hello", []string{"GET", "HEAD"}},
		{"/api/upload", []string{"POST"}},
		{"/api/session", []string{"GET", "HEAD", "POST", "DELETE"}},
	}
	for _, tt := range tests {
		for _, headers := range [][]string{nil, {"Origin: " + vite}, {"Access-Control-Request-Method: GET"}, {"Origin: http://" + s.host, "Access-Control-Request-Method: GET"}} {
			a := s.do(t, "OPTIONS", tt.path, "", headers...)
			checkStatus(t, a, http.StatusNoContent)
			checkAllow(t, a, tt.allow...)
			checkHeaders(t, a, securityHeaders)
			checkVary(t, a, "Origin")
			if len(headers) == 1 && strings.HasPrefix(headers[0], "Origin") {
				checkReadable(t, a, vite)
			} else {
				checkNoCORS(t, a)
			}
		}
		checkDenied(t, s.do(t, "OPTIONS", tt.path, "", "Origin: https://evil.com"))
	}
	for _, path := range []string{"/nowhere", "/api/session/", "/api"} {
		checkProblem(t, s.do(t, "OPTIONS", path, ""), http.StatusNotFound)
		checkReadable(t, s.do(t, "OPTIONS", path, "", "Origin: "+vite), vite)
	}
	checkStatus(t, s.raw(t, "OPTIONS * HTTP/1.1"), http.StatusNotFound)
}

// A denial is one line that says why, in a word that leads to the remedy.
func TestDenialIsLoggedWithItsReason(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		allowed string
		origin  []string
		reason  string // a pattern
	}{
		{"scheme", app, []string{"http://app.example.com"}, `scheme`},
		{"port", vite, []string{"http://localhost:5174"}, `port`},
		{"no port", vite, []string{"http://localhost"}, `port`},
		{"trailing slash", app, []string{app + "/"}, `slash`},
		{"case", app, []string{"https://App.example.com"}, `case`},
		{"localhost for 127.0.0.1", "http://127.0.0.1:5173", []string{"http://localhost:5173"}, `127\.0\.0\.1`},
		{"127.0.0.1 for localhost", vite, []string{"http://127.0.0.1:5173"}, `localhost`},
		{"parent", app, []string{"https://example.com"}, `parent|subdomain`},
		{"subdomain", app, []string{"https://beta.app.example.com"}, `subdomain`},
		{"apex of a wildcard", "https://*.example.com", []string{"https://example.com"}, `parent|subdomain`},
		{"opaque", app, []string{"null"}, `opaque|null`},
		{"several in one line", app, []string{app + ", https://b.com"}, `several`},
		{"several with a blank", app, []string{app + " https://b.com"}, `several`},
		{"several lines", app, []string{app, "https://b.com"}, `several`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "ALLOWED_ORIGINS="+tt.allowed, "LOG_FORMAT=json")
			lines := []string{"DELETE /api/session/7?token=secret HTTP/1.1"}
			for _, origin := range tt.origin {
				lines = append(lines, "Origin: "+origin)
			}
			checkDenied(t, s.raw(t, lines...))
			denial := s.denials(t, 1)[0]
			if denial["level"] != "WARN" || denial["method"] != "DELETE" || denial["path"] != "/api/session/7" {
				t.Errorf("got %v, want level WARN, method DELETE, path /api/session/7", denial)
			}
			if !strings.Contains(denial["origin"], tt.origin[0]) {
				t.Errorf("origin: got %q, want %q in it", denial["origin"], tt.origin[0])
			}
			if !regexp.MustCompile(`(?i)\b(` + tt.reason + `)`).MatchString(denial["reason"]) {
				t.Errorf("reason: got %q, want %s in it", denial["reason"], tt.reason)
			}
		})
	}
}

// denials waits for n lines about denials.
func (s *server) denials(t *testing.T, n int) []map[string]string {
	t.Helper()
	s.waitFor(t, fmt.Sprintf("%d lines cors_denied", n), func() bool { return len(s.stderr.messages("cors_denied")) >= n })
	return s.stderr.messages("cors_denied")
}

// What a stranger writes must not reach a terminal or start a line of its own.
func TestDenialQuotesTheOrigin(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			s := start(t, "LOG_FORMAT="+format)
			s.raw(t, "GET / HTTP/1.1", "Origin: https://\u202eevil\"\xff\t.com")
			s.denials(t, 1)
			line := s.linesWith("cors_denied")[0]
			if regexp.MustCompile(`[^ -~]`).MatchString(line) || !strings.Contains(line, `evil\`) {
				t.Errorf("got %q, want the origin quoted", line)
			}
			s.raw(t, "GET / HTTP/1.1", "Origin: https://"+strings.Repeat("a", 5000)+".com")
			got := s.denials(t, 2)[1]["origin"]
			if a := strings.Count(got, "a"); a < 150 || a > 200 {
				t.Errorf("origin of 5,012 bytes: got %d bytes, want it cut at 200", len(got))
			}
		})
	}
}

// Strangers can send denials as fast as they like: what is not logged is
// counted, and the count is logged.
func TestFloodOfDenialsIsCounted(t *testing.T) {
	t.Parallel()
	const flood = 1500
	s := start(t)
	sent := 0
	deny := func() {
		if a := s.get(t, "/healthz", "Origin: https://evil.com"); a.status != http.StatusForbidden {
			t.Fatalf("status: got %d, want 403", a.status)
		}
		sent++
	}
	began := time.Now()
	for range flood {
		deny()
	}
	seconds := int(time.Since(began)/time.Second) + 1
	if lines := len(s.denials(t, 1)); lines > 10*(seconds+1) {
		t.Errorf("%d denials in %d s: got %d lines, want a few a second", flood, seconds, lines)
	}
	number := regexp.MustCompile(`^\d+$`)
	eventually(t, func() error {
		accounted := 0
		for _, line := range s.stderr.lines() {
			fields := logFields(line)
			if fields["msg"] == "cors_denied" && fields["origin"] != "" {
				accounted++
			}
			for _, value := range fields {
				if number.MatchString(value) {
					count, _ := strconv.Atoi(value)
					accounted += count
				}
			}
		}
		if accounted >= flood && accounted <= sent {
			return nil
		}
		deny() // the count may come with the next line
		return fmt.Errorf("%d denials, %d of them logged or counted; log:\n%s", sent, accounted, s.stderr)
	})
}

// A page that may call can read why it was refused, whoever refuses.
func TestRefusalsAreReadable(t *testing.T) {
	t.Parallel()
	s := start(t, "MAX_BODY_BYTES=100", "MAX_UPLOAD_BYTES=100")
	used := start(t, "RATE_LIMIT_DEFAULT=1-H")
	limited := start(t, "ALLOWED_HOSTS=api.example.com", "HTTPS_REDIRECT=true")
	used.get(t, "/api/hello")
	form, formType := upload(t, part{"file", "a.txt", "text/plain", strings.Repeat("x", 101)})
	tests := []struct {
		name         string
		server       *server
		method, path string
		body         string
		headers      []string
		status       int
	}{
		{"unknown path", s, "GET", "/nowhere", "", nil, 404},
		{"trailing slash", s, "GET", "/api/session/", "", nil, 404},
		{"wrong method", s, "DELETE", "/api/hello", "", nil, 405},
		{"malformed", s, "POST", "/api/session", "{", []string{jsonType}, 400},
		{"no session", s, "GET", "/api/session", "", nil, 401},
		{"large body", s, "POST", "/api/session", `{"name":"` + strings.Repeat("x", 100) + `"}`, []string{jsonType}, 413},
		{"large upload", s, "POST", "/api/upload", form, []string{formType}, 413},
		{"no content type", s, "POST", "/api/session", "{}", nil, 415},
		{"broken rule", s, "POST", "/api/session", "{}", []string{jsonType}, 422},
		{"over the limit", used, "GET", "/api/hello", "", nil, 429},
		{"wrong host", limited, "GET", "/api/hello", "", []string{"Host: evil.com"}, 400},
		{"no https", limited, "POST", "/api/session", "{}", []string{"Host: api.example.com", jsonType}, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := tt.server.do(t, tt.method, tt.path, tt.body, append(tt.headers, "Origin: "+vite, "Sec-Fetch-Site: cross-site")...)
			checkProblem(t, a, tt.status)
			checkReadable(t, a, vite)
			if a.header.Get("X-Request-ID") == "" {
				t.Error("X-Request-ID: none")
			}
		})
	}
	redirect := limited.get(t, "/api/hello", "Host: api.example.com", "Origin: "+vite)
	checkStatus(t, redirect, http.StatusPermanentRedirect)
	checkReadable(t, redirect, vite)
}

func TestCrossSiteRequestIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, "RATE_LIMIT_DEFAULT=off", "RATE_LIMIT_SESSION=off")
	tests := []struct {
		name    string
		headers []string
		served  bool
	}{
		{"curl", nil, true},
		{"same origin", []string{"Sec-Fetch-Site: same-origin"}, true},
		{"typed by the user", []string{"Sec-Fetch-Site: none"}, true},
		{"cross-site", []string{"Sec-Fetch-Site: cross-site"}, false},
		{"sibling", []string{"Sec-Fetch-Site: same-site"}, false},
		{"cross-site with an empty origin", []string{"Sec-Fetch-Site: cross-site", "Origin: "}, false},
		{"cross-site from an allowed origin", []string{"Sec-Fetch-Site: cross-site", "Origin: " + vite}, true},
		{"sibling from an allowed origin", []string{"Sec-Fetch-Site: same-site", "Origin: " + vite}, true},
		{"allowed origin without metadata", []string{"Origin: " + vite}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, request := range []struct {
				method, path, body string
				served             int
			}{
				{"POST", "/api/session", `{"name":"b"}`, 201},
				// Whatever a route that changes something answers; here it is 405.
				{"PUT", "/api/session", `{"name":"b"}`, 405},
				{"PATCH", "/api/session", `{"name":"c"}`, 405},
				{"DELETE", "/api/session", "", 204},
			} {
				a := s.do(t, request.method, request.path, request.body, append(tt.headers, jsonType)...)
				if tt.served {
					checkStatus(t, a, request.served)
					continue
				}
				checkProblem(t, a, http.StatusForbidden)
				checkNoCORS(t, a)
				checkHeaders(t, a, map[string]string{"Set-Cookie": absent})
			}
			for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
				if a := s.do(t, method, "/api/hello", "", tt.headers...); a.status >= 300 {
					t.Errorf("%s: status %d, want it served", method, a.status)
				}
			}
		})
	}
}

// A shared cache, or Firefox's own, must not hand an answer without CORS
// headers to a page.
func TestVaryIsEverywhere(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, path := range []string{"/", "/healthz", "/readyz", "/api/hello", "/api/session", "/api/upload", "/nowhere"} {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "BREW"} {
			checkVary(t, s.do(t, method, path, ""), "Origin")
			checkVary(t, s.do(t, method, path, "", "Origin: http://"+s.host), "Origin")
			checkVary(t, s.do(t, method, path, "", "Origin: "+vite), "Origin")
			checkVary(t, s.do(t, method, path, "", "Origin: https://evil.com"), "Origin")
		}
	}
	checkVary(t, s.preflight(t, "/api/session", "https://evil.com", "POST"), "Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers")
}

// Answers that are made at the same time must not share what one of them
// changes; the server's own race detector watches too.
func TestAnswersShareNothing(t *testing.T) {
	t.Parallel()
	s := start(t, append(unlimited, "ALLOWED_ORIGINS=https://*.example.com")...)
	const clients, each = 8, 40
	complaints := make(chan string, clients*each)
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			origin := fmt.Sprintf("https://c%d.example.com", client)
			for i := range each {
				method, path, want := "GET", "/api/hello", "origin"
				headers := []string{"Origin: " + origin}
				switch i % 4 {
				case 1:
					method, want = "OPTIONS", "access-control-request-headers,access-control-request-method,origin"
					headers = append(headers, "Access-Control-Request-Method: PUT")
				case 2:
					path = "/nowhere"
				case 3:
					method, path = "DELETE", "/api/session"
				}
				a, err := s.try(method, path, "", headers...)
				got := tokens(a.header, "Vary")
				slices.Sort(got)
				if err != nil || strings.Join(got, ",") != want || a.header.Get("Access-Control-Allow-Origin") != origin {
					complaints <- fmt.Sprintf("%s %s: %v, Vary %q, Access-Control-Allow-Origin %q", method, path, err, got, a.header.Get("Access-Control-Allow-Origin"))
				}
			}
		})
	}
	group.Wait()
	close(complaints)
	for complaint := range complaints {
		t.Error(complaint)
	}
}
