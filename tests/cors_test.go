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

func TestAllowedOrigins(t *testing.T) {
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

func TestPreflightOfAnyPath(t *testing.T) {
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
	// If the lists lack the method or the headers, the browser blocks the request.
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
	preflight := func(headers ...string) func(*testing.T, *server) answer {
		return func(t *testing.T, s *server) answer {
			return s.do(t, "OPTIONS", "/api/session", "", append([]string{"Origin: " + vite}, headers...)...)
		}
	}
	actual := func(t *testing.T, s *server) answer { return s.get(t, "/api/hello", "Origin: "+vite) }
	put := "Access-Control-Request-Method: PUT"
	tests := []struct {
		setting string
		send    func(*testing.T, *server) answer
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
			a := tt.send(t, servers[tt.setting])
			if a.status >= 300 {
				t.Errorf("status: got %d, want a success", a.status)
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

// Pages in native shells and browser extensions have origins too.
func TestAppOrigins(t *testing.T) {
	t.Parallel()
	origins := []string{"capacitor://localhost", "ionic://localhost", "tauri://localhost", "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
		"safari-web-extension://2B5E3D2C-1F2A-4B6C-9D8E-7F6A5B4C3D2E", "app://obsidian.md"}
	s := start(t, "ALLOWED_ORIGINS="+strings.Join(origins, ","), "ALLOWED_ORIGIN_REGEX=moz-extension://[0-9a-f-]+")
	for _, origin := range append(origins, "moz-extension://0f8b3c62-8a0e-4c1d-9b2f-3d4e5f607182") {
		checkReadable(t, s.get(t, "/api/hello", "Origin: "+origin), origin)
		checkPreflight(t, s.preflight(t, "/api/session", origin, "POST"), origin)
	}
	for _, origin := range []string{"capacitor://localhost:1", "capacitor://evil", "chrome-extension://bcdefghijklmnopabcdefghijklmnopa",
		"safari-web-extension://2b5e3d2c-1f2a-4b6c-9d8e-7f6a5b4c3d2e", "moz-extension://", "moz-extension://evil.com", "evil-extension://0f8b3c62"} {
		checkDenied(t, s.raw(t, "GET /api/hello HTTP/1.1", "Origin: "+origin))
	}
}

// With ALLOWED_ORIGINS=* every origin is allowed, without credentials.
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
			t.Errorf("Vary: got %q, want it not to contain Origin, because every origin gets the same response", a.header["Vary"])
		}
	}
	a := s.do(t, "POST", "/api/session", `{"name":"a"}`, "Sec-Fetch-Site: cross-site", jsonType)
	checkStatus(t, a, http.StatusForbidden)
}

// hostile holds origins that resemble the allowed one, https://app.example.com.
// The unit tests of internal/origin hold more. These depend on HTTP or are not
// in that list.
var hostile = []string{
	// Another host.
	"https://evil.com", "https://app.example.com.evil.com", "https://evilexample.com", "https://appxexample.com", "https://example.com",
	"https://app.example.com..", "https://a..example.com", "https://*.example.com", "*", "https://example.com.app",
	// Another port or scheme.
	"https://app.example.com:443", "https://app.example.com:443443", "https://app.example.com:443.evil.com", "http://app.example.com",
	"ws://app.example.com", "chrome-extension://app.example.com", "https:///app.example.com", "app.example.com",
	// Upper case.
	"https://app.example.COM", "Https://App.Example.Com",
	// More than an origin.
	"https://app.example.com/", "https://app.example.com?x=1", "https://app.example.com#x", "https://me:pw@app.example.com",
	"https://evil.com/.example.com", "https://evil.com?.example.com", "https://evil.com:80#.example.com", `https://evil.com\.example.com`,
	"https://evil.com;.example.com", "https://evil.com%23.example.com", "https://evil.com%2f.example.com", "https://app%2eexample.com",
	// Several values, or no origin at all.
	"null", "Null", "undefined", "about:blank", "data:text/html,x", "https://app.example.com https://app.example.com",
	"https://app.example.com,https://app.example.com", "https://evil.com, https://app.example.com", "https://evil.com\thttps://app.example.com",
	"https://app.example.com,", ",https://app.example.com", "https://app.example.com;", `"https://app.example.com"`, "<https://app.example.com>",
	"https://evil.com\t.example.com", "https://app.example.com\tevil", "https:// app.example.com",
	// Letters that look alike, punycode, and bytes outside ASCII.
	"https://ａpp.example.com", "https://app。example。com", "https://app.xn--exmple-4nf.com", "https://xn--app-.xn--example-.com",
	"https://app.example.com\xff", "https://\xe9.example.com",
	// Addresses.
	"https://127.0.0.1", "https://[app.example.com]", "https://0x7f000001", "https://2130706433",
	// Characters and lengths that no host has.
	"https://a,b.example.com", "https://a'.example.com", `https://a"b.example.com`, "https://" + strings.Repeat("a", 64) + ".example.com",
	"https://" + strings.Repeat("a", 8000) + ".evil.com", "https://" + strings.Repeat("a.", 3000) + "evil.com", strings.Repeat("https://app.example.com", 200),
}

func TestHostileOriginsAreDenied(t *testing.T) {
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
					if len(origin) < 100 && !strings.Contains(detail, origin) && !strings.Contains(detail, strings.Trim(strconv.Quote(origin), `"`)) {
						t.Errorf("detail: got %q, want it to name %q", detail, origin)
					}
					checkDenied(t, s.raw(t, "OPTIONS /api/session HTTP/1.1", "Origin: "+origin, "Access-Control-Request-Method: POST"))
				})
			}
		})
	}
}

func TestTwoOriginLinesAreDenied(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, lines := range [][]string{
		{"Origin: " + vite, "Origin: https://evil.com"},
		{"Origin: " + vite, "Origin: " + vite},
		{"Origin: ", "Origin: " + vite},
		{"Origin: http://" + s.host, "Origin: https://evil.com"},
		{"origin: " + vite, "ORIGIN: https://evil.com"},
	} {
		t.Run(strings.Join(lines, "|"), func(t *testing.T) {
			checkDenied(t, s.raw(t, append([]string{"GET /api/hello HTTP/1.1"}, lines...)...))
			checkDenied(t, s.raw(t, append([]string{"OPTIONS /api/hello HTTP/1.1", "Access-Control-Request-Method: GET"}, lines...)...))
		})
	}
}

func TestHandlerDoesNotRunForDeniedOrigin(t *testing.T) {
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
		from    string // the address of the client
		headers []string
		want    string // served, denied or readable
	}{
		{name: "no origin", want: "served"},
		{name: "empty origin", headers: []string{"Origin: "}, want: "served"},
		{name: "blank origin", headers: []string{"Origin:   "}, want: "served"},
		{name: "own host and port", headers: []string{"Origin: http://" + s.host}, want: "served"},
		{name: "host with the default port", headers: []string{"Host: api.example.com:80", "Origin: http://api.example.com"}, want: "served"},
		{name: "host in upper case", headers: []string{"Host: API.Example.com", "Origin: http://api.example.com"}, want: "served"},
		{name: "https at a trusted proxy", headers: []string{host, https, "Origin: https://api.example.com"}, want: "served"},
		{name: "https at a trusted proxy, host with the default port", headers: []string{"Host: api.example.com:443", https, "Origin: https://api.example.com"}, want: "served"},
		{name: "the browser says same-origin", headers: []string{host, "Sec-Fetch-Site: same-origin", "Origin: https://other.example.com"}, want: "served"},
		{name: "the browser says same-origin, origin null", headers: []string{host, "Sec-Fetch-Site: same-origin", "Origin: null"}, want: "served"},

		{name: "http page of an API with https", headers: []string{host, https, "Origin: http://api.example.com"}, want: "denied"},
		{name: "https at an untrusted proxy", from: "127.0.0.2", headers: []string{host, https, "Origin: https://api.example.com"}, want: "denied"},
		{name: "another port", headers: []string{host, "Origin: http://api.example.com:8080"}, want: "denied"},
		{name: "default port of the other scheme", headers: []string{"Host: api.example.com:443", "Origin: http://api.example.com"}, want: "denied"},
		{name: "upper-case origin", headers: []string{host, "Origin: http://API.example.com"}, want: "denied"},
		{name: "X-Forwarded-Host is ignored", headers: []string{"X-Forwarded-Host: api.example.com", "Origin: http://api.example.com"}, want: "denied"},
		{name: "the browser says none", headers: []string{host, "Sec-Fetch-Site: none", "Origin: http://www.example.com"}, want: "denied"},

		{name: "listed", headers: []string{host, "Origin: https://listed.example.com"}, want: "readable"},
		{name: "listed, and the browser says same-origin", headers: []string{host, "Sec-Fetch-Site: same-origin", "Origin: https://listed.example.com"}, want: "readable"},
		{name: "listed and same-origin", headers: []string{"Host: listed.example.com", https, "Origin: https://listed.example.com"}, want: "readable"},
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

// An OPTIONS request that is not a preflight gets the methods of its path.
func TestPlainOptions(t *testing.T) {
	t.Parallel()
	s := start(t)
	for path, methods := range allowedMethods {
		for _, headers := range [][]string{nil, {"Origin: " + vite}, {"Access-Control-Request-Method: GET"}, {"Origin: http://" + s.host, "Access-Control-Request-Method: GET"}} {
			a := s.do(t, "OPTIONS", path, "", headers...)
			checkStatus(t, a, http.StatusNoContent)
			checkAllow(t, a, methods...)
			checkHeaders(t, a, securityHeaders)
			checkVary(t, a, "Origin")
			if len(headers) == 1 && strings.HasPrefix(headers[0], "Origin") {
				checkReadable(t, a, vite)
			} else {
				checkNoCORS(t, a)
			}
		}
		checkDenied(t, s.do(t, "OPTIONS", path, "", "Origin: https://evil.com"))
	}
	for _, path := range []string{"/nowhere", "/api/session/", "/api"} {
		checkProblem(t, s.do(t, "OPTIONS", path, ""), http.StatusNotFound)
		checkReadable(t, s.do(t, "OPTIONS", path, "", "Origin: "+vite), vite)
	}
	checkStatus(t, s.raw(t, "OPTIONS * HTTP/1.1"), http.StatusNotFound)
}

// A denial is logged in one line. Its reason contains the word that points to
// the remedy.
func TestReasonOfDenialIsLogged(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		allowed string
		origin  []string
		reason  string // a regular expression
	}{
		{"scheme", app, []string{"http://app.example.com"}, `scheme`},
		{"port", vite, []string{"http://localhost"}, `port`},
		{"trailing slash", app, []string{app + "/"}, `slash`},
		{"localhost instead of 127.0.0.1", "http://127.0.0.1:5173", []string{"http://localhost:5173"}, `127\.0\.0\.1`},
		{"domain of a wildcard", "https://*.example.com", []string{"https://example.com"}, `parent|subdomain`},
		{"null", app, []string{"null"}, `opaque|null`},
		{"several values", app, []string{app + ", https://b.com"}, `several`},
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
				t.Errorf("origin: got %q, want it to contain %q", denial["origin"], tt.origin[0])
			}
			if !regexp.MustCompile(`(?i)\b(` + tt.reason + `)`).MatchString(denial["reason"]) {
				t.Errorf("reason: got %q, want it to match %s", denial["reason"], tt.reason)
			}
		})
	}
}

// The log quotes the origin. A client can neither control the terminal of a
// reader nor start a new log line.
func TestOriginIsQuotedInLog(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			s := start(t, "LOG_FORMAT="+format)
			s.raw(t, "GET / HTTP/1.1", "Origin: https://\u202eevil\"\xff\t.com")
			s.denials(t, 1)
			line := s.linesWith("cors_denied")[0]
			if regexp.MustCompile(`[^ -~]`).MatchString(line) || !strings.Contains(line, `evil\`) {
				t.Errorf("got %q, want a quoted origin", line)
			}
			s.raw(t, "GET / HTTP/1.1", "Origin: https://"+strings.Repeat("a", 5000)+".com")
			got := s.denials(t, 2)[1]["origin"]
			if a := strings.Count(got, "a"); a < 150 || a > 200 {
				t.Errorf("origin of 5,012 bytes: got %d bytes, want about 200", len(got))
			}
		})
	}
}

// Clients can cause denials at any rate, so only some of them are logged. The
// others are counted, and the count is logged.
func TestFloodOfDenials(t *testing.T) {
	t.Parallel()
	const flood = 1500
	s := start(t)
	sent := 0
	send := func() {
		if a := s.get(t, "/healthz", "Origin: https://evil.com"); a.status != http.StatusForbidden {
			t.Fatalf("status: got %d, want 403", a.status)
		}
		sent++
	}
	began := time.Now()
	for range flood {
		send()
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
		send() // the count may be logged with the next denial
		return fmt.Errorf("%d denials, %d of them logged or counted; log:\n%s", sent, accounted, s.stderr)
	})
}

// A page from an allowed origin can read every error response, no matter which
// part of the server sends it.
func TestErrorsAreReadable(t *testing.T) {
	t.Parallel()
	s := start(t, "MAX_BODY_BYTES=100", "MAX_UPLOAD_BYTES=100")
	used := start(t, "RATE_LIMIT_DEFAULT=1-H")
	guarded := start(t, "ALLOWED_HOSTS=api.example.com", "HTTPS_REDIRECT=true")
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
		{"invalid field", s, "POST", "/api/session", "{}", []string{jsonType}, 422},
		{"over the limit", used, "GET", "/api/hello", "", nil, 429},
		{"wrong host", guarded, "GET", "/api/hello", "", []string{"Host: evil.com"}, 400},
		{"no https", guarded, "POST", "/api/session", "{}", []string{"Host: api.example.com", jsonType}, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := tt.server.do(t, tt.method, tt.path, tt.body, append(tt.headers, "Origin: "+vite, "Sec-Fetch-Site: cross-site")...)
			checkProblem(t, a, tt.status)
			checkReadable(t, a, vite)
			if a.header.Get("X-Request-ID") == "" {
				t.Error("the response has no X-Request-ID header")
			}
		})
	}
	redirect := guarded.get(t, "/api/hello", "Host: api.example.com", "Origin: "+vite)
	checkStatus(t, redirect, http.StatusPermanentRedirect)
	checkReadable(t, redirect, vite)
}

func TestCrossSiteRequests(t *testing.T) {
	t.Parallel()
	s := start(t, "RATE_LIMIT_DEFAULT=off", "RATE_LIMIT_SESSION=off")
	tests := []struct {
		name    string
		headers []string
		served  bool
	}{
		{"curl", nil, true},
		{"cross-site", []string{"Sec-Fetch-Site: cross-site"}, false},
		{"same-site", []string{"Sec-Fetch-Site: same-site"}, false},
		{"cross-site from an allowed origin", []string{"Sec-Fetch-Site: cross-site", "Origin: " + vite}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, request := range []struct {
				method, path, body string
				served             int
			}{
				{"POST", "/api/session", `{"name":"b"}`, 201},
				// Only routes of the sample have these methods, hence the 405.
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
					t.Errorf("%s: status %d, want a success", method, a.status)
				}
			}
		})
	}
}

// Without Vary, a shared cache or Firefox's own cache could serve a page a
// response without CORS headers.
func TestVaryOnEveryResponse(t *testing.T) {
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

// Concurrent responses do not share headers that one of them changes. The race
// detector of the server checks this too.
func TestConcurrentResponses(t *testing.T) {
	t.Parallel()
	s := start(t, append(unlimited, "ALLOWED_ORIGINS=https://*.example.com")...)
	const clients, each = 8, 40
	failures := make(chan string, clients*each)
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
					failures <- fmt.Sprintf("%s %s: %v, Vary %q, Access-Control-Allow-Origin %q", method, path, err, got, a.header.Get("Access-Control-Allow-Origin"))
				}
			}
		})
	}
	group.Wait()
	close(failures)
	for failure := range failures {
		t.Error(failure)
	}
}

// denials waits until n denials are logged and returns their fields.
func (s *server) denials(t *testing.T, n int) []map[string]string {
	t.Helper()
	s.waitFor(t, fmt.Sprintf("%d log lines with the message cors_denied", n), func() bool { return len(s.stderr.messages("cors_denied")) >= n })
	return s.stderr.messages("cors_denied")
}
