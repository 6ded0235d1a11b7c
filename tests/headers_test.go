package tests

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// Successful responses and redirects have the security headers. checkProblem
// checks them on every error response.
func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := start(t)
	form, formType := upload(t, part{"file", "a.txt", "text/plain", "hello"})
	tests := []struct {
		name         string
		method, path string
		body         string
		headers      []string
		status       int
	}{
		{"root", "GET", "/", "", nil, 200},
		{"healthz", "GET", "/healthz", "", nil, 200},
		{"readyz", "GET", "/readyz", "", nil, 200},
		{"hello", "GET", "/api/hello", "", nil, 200},
		{"head", "HEAD", "/api/hello", "", nil, 200},
		{"cross-origin", "GET", "/api/hello", "", []string{"Origin: " + vite}, 200},
		{"upload", "POST", "/api/upload", form, []string{formType}, 201},
		{"sign-in", "POST", "/api/session", `{"name":"a"}`, []string{jsonType}, 201},
		{"sign-out", "DELETE", "/api/session", "", nil, 204},
		{"options", "OPTIONS", "/api/hello", "", nil, 204},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := s.do(t, tt.method, tt.path, tt.body, tt.headers...)
			checkStatus(t, a, tt.status)
			checkHeaders(t, a, securityHeaders)
			checkHeaders(t, a, map[string]string{"Strict-Transport-Security": absent})
		})
	}
	redirecting := start(t, "ALLOWED_HOSTS=api.example.com", "HTTPS_REDIRECT=true")
	a := redirecting.get(t, "/", "Host: api.example.com")
	checkStatus(t, a, http.StatusPermanentRedirect)
	checkHeaders(t, a, securityHeaders)
}

func TestStrictTransportSecurity(t *testing.T) {
	t.Parallel()
	const https = "X-Forwarded-Proto: https"
	trusted := []string{"TRUSTED_PROXIES=127.0.0.1"}
	tests := []struct {
		name    string
		env     []string
		headers []string
		want    string
	}{
		{"development over http", nil, nil, absent},
		{"https at an untrusted proxy", nil, []string{https}, absent},
		{"http at a trusted proxy", trusted, []string{"X-Forwarded-Proto: http"}, absent},
		{"https at a trusted proxy", trusted, []string{https}, "max-age=31536000; includeSubDomains"},
		{"https in upper case", trusted, []string{"X-Forwarded-Proto: HTTPS"}, "max-age=31536000; includeSubDomains"},
		{"production", production, nil, "max-age=31536000; includeSubDomains"},
		{"another max-age", append(production, "HSTS_MAX_AGE=24h"), nil, "max-age=86400; includeSubDomains"},
		{"off", append(production, "HSTS_MAX_AGE=0"), nil, absent},
		{"off, https at a trusted proxy", append(trusted, "HSTS_MAX_AGE=0s"), []string{https}, absent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, tt.env...)
			for _, path := range []string{"/healthz", "/api/hello", "/nowhere"} {
				checkHeaders(t, s.get(t, path, tt.headers...), map[string]string{"Strict-Transport-Security": tt.want})
				denied := s.get(t, path, append(tt.headers, "Origin: https://evil.com")...)
				checkDenied(t, denied)
				checkHeaders(t, denied, map[string]string{"Strict-Transport-Security": tt.want})
			}
		})
	}
}

func TestHTTPSRedirect(t *testing.T) {
	t.Parallel()
	s := start(t, "HTTPS_REDIRECT=true", "ALLOWED_HOSTS=api.example.com,*.example.org", "TRUSTED_PROXIES=127.0.0.1")
	const host = "Host: api.example.com"
	tests := []struct {
		name         string
		from         string // the address of the client
		method, path string
		headers      []string
		status       int
		location     string
	}{
		{name: "get", method: "GET", path: "/api/hello?limit=2&x=%2F+%26#", headers: []string{host}, status: 308, location: "https://api.example.com/api/hello?limit=2&x=%2F+%26"},
		{name: "head", method: "HEAD", path: "/api/hello", headers: []string{host}, status: 308, location: "https://api.example.com/api/hello"},
		{name: "subdomain", method: "GET", path: "/api/hello", headers: []string{"Host: a.b.example.org"}, status: 308, location: "https://a.b.example.org/api/hello"},
		{name: "unknown path", method: "GET", path: "/nowhere", headers: []string{host}, status: 308, location: "https://api.example.com/nowhere"},
		{name: "escapes do not change", method: "GET", path: "/a%2Fb%20c/%C3%A9", headers: []string{host}, status: 308, location: "https://api.example.com/a%2Fb%20c/%C3%A9"},
		{name: "https at an untrusted proxy", from: "127.0.0.2", method: "GET", path: "/api/hello", headers: []string{host, "X-Forwarded-Proto: https"}, status: 308, location: "https://api.example.com/api/hello"},
		{name: "post", method: "POST", path: "/api/session", headers: []string{host, jsonType}, status: 403},
		{name: "delete", method: "DELETE", path: "/api/session", headers: []string{host}, status: 403},
		{name: "options", method: "OPTIONS", path: "/api/hello", headers: []string{host}, status: 403},
		{name: "preflight", method: "OPTIONS", path: "/api/session", headers: []string{host, "Origin: " + vite, "Access-Control-Request-Method: POST"}, status: 204},
		{name: "healthz", method: "GET", path: "/healthz", headers: []string{host}, status: 200},
		{name: "readyz", method: "GET", path: "/readyz", headers: []string{host}, status: 200},
		{name: "https at a trusted proxy", method: "GET", path: "/api/hello", headers: []string{host, "X-Forwarded-Proto: https"}, status: 200},
		{name: "post over https", method: "POST", path: "/api/session", headers: []string{host, jsonType, "X-Forwarded-Proto: https"}, status: 201},
		{name: "host that is not allowed", method: "GET", path: "/api/hello", headers: []string{"Host: evil.com"}, status: 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := s
			if tt.from != "" {
				s = s.from(tt.from)
			}
			a := s.do(t, tt.method, tt.path, `{"name":"a"}`, tt.headers...)
			checkStatus(t, a, tt.status)
			if tt.location == "" {
				tt.location = absent
			}
			if tt.status != http.StatusCreated {
				checkHeaders(t, a, map[string]string{"Location": tt.location})
			}
			if tt.status == http.StatusForbidden {
				checkProblem(t, a, http.StatusForbidden)
			}
		})
	}
	checkStatus(t, start(t, "ALLOWED_HOSTS=api.example.com").get(t, "/api/hello", host), http.StatusOK)
}

// A request target that is not a path must not change the host of the redirect.
func TestHTTPSRedirectKeepsHost(t *testing.T) {
	t.Parallel()
	s := start(t, "HTTPS_REDIRECT=true", "ALLOWED_HOSTS=api.example.com")
	for _, target := range []string{"x:.evil.com", "http:.evil.com", "*", "http://api.example.com", "http://evil.com/", "//evil.com", `/\evil.com`, "/..//evil.com", "/@evil.com", "/.evil.com"} {
		t.Run(target, func(t *testing.T) {
			a := s.raw(t, "GET "+target+" HTTP/1.1", "Host: api.example.com")
			location := a.header.Get("Location")
			if a.status == http.StatusPermanentRedirect && !strings.HasPrefix(location, "https://api.example.com/") {
				t.Errorf("got a redirect to %s, want https://api.example.com/", location)
			}
			if a.status != http.StatusPermanentRedirect && (a.status < 400 || a.status >= 500 || location != "") {
				t.Errorf("got %d, Location %q, want 308 or an error", a.status, location)
			}
		})
	}
}

func TestAllowedHosts(t *testing.T) {
	t.Parallel()
	s := start(t, "ALLOWED_HOSTS=api.example.com, *.example.org ,127.0.0.1,[::1]")
	for host, status := range map[string]int{
		"API.Example.COM": 200, "a.b.example.org:443": 200, "127.0.0.1:81": 200, "[::1]:8080": 200,
		"example.org": 400, "evil.com": 400, "evil.com:api.example.com": 400, "api.example.com,evil.com": 400, "": 400,
	} {
		checkStatus(t, s.raw(t, "GET /api/hello HTTP/1.1", "Host: "+host, "X-Forwarded-Host: api.example.com"), status)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		checkStatus(t, s.get(t, path, "Host: evil.com"), http.StatusOK)
	}
	a := s.get(t, "/api/hello", "Host: evil.com")
	checkProblem(t, a, http.StatusBadRequest)
	checkHeaders(t, a, map[string]string{"RateLimit": absent})
	checkProblem(t, s.get(t, "/nowhere", "Host: evil.com"), http.StatusBadRequest)
	checkPreflight(t, s.preflight(t, "/api/session", vite, "POST", "Host: evil.com"), vite)
	checkStatus(t, s.raw(t, "GET http://evil.com/api/hello HTTP/1.1", "Host: api.example.com"), http.StatusBadRequest)
	// With DNS rebinding, the page and the request name the same foreign host.
	checkStatus(t, s.get(t, "/api/hello", "Host: evil.com", "Origin: http://evil.com"), http.StatusBadRequest)
}

// In development, a page must not reach the server through a DNS name that was
// rebound to this machine. Production cannot know its host names by default.
func TestDefaultHosts(t *testing.T) {
	t.Parallel()
	development := start(t)
	production := startProduction(t, "HOST=127.0.0.1")
	for host, status := range map[string]int{
		"localhost:1": 200, "api.localhost:8080": 200, "192.168.1.7:8080": 200, "[::1]:8080": 200,
		"evil.com": 400, "rebind.evil.test:8080": 400,
	} {
		checkStatus(t, development.get(t, "/api/hello", "Host: "+host), status)
		checkStatus(t, production.get(t, "/api/hello", "Host: "+host), http.StatusOK)
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	s := start(t, "LOG_FORMAT=json", "RATE_LIMIT_DEFAULT=off")
	tests := []struct {
		name string
		sent []string
		kept bool
	}{
		{"none", nil, false},
		{"every kind of character", []string{"AZaz09._-"}, true},
		{"65 characters", []string{strings.Repeat("a", 65)}, false},
		{"tab", []string{"a\tb"}, false},
		{"digits outside ASCII", []string{"١٢٣"}, false},
		{"invalid UTF-8", []string{"a\xffb"}, false},
		{"very long", []string{strings.Repeat("a", 8000)}, false},
	}
	fresh := regexp.MustCompile(`^[A-Za-z0-9._-]{16,64}$`)
	seen := make(map[string]bool)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, request := range []string{"GET /api/hello HTTP/1.1", "GET /nowhere HTTP/1.1", "DELETE /healthz HTTP/1.1", "OPTIONS /api/session HTTP/1.1"} {
				lines := []string{request}
				for _, id := range tt.sent {
					lines = append(lines, "X-Request-ID: "+id)
				}
				a := s.raw(t, lines...)
				got := a.header.Values("X-Request-ID")
				if len(got) != 1 {
					t.Fatalf("%s: X-Request-ID: got %q, want exactly one", request, got)
				}
				if tt.kept && got[0] != tt.sent[0] {
					t.Errorf("%s: got %q, want the client's %q", request, got[0], tt.sent[0])
				}
				if !tt.kept && (!fresh.MatchString(got[0]) || seen[got[0]]) {
					t.Errorf("%s: got %q, want a new one", request, got[0])
				}
				seen[got[0]] = true
				if a.status >= 400 {
					checkProblem(t, a, a.status)
				}
			}
		})
	}
	// Two lines may count as none or as the first, but are never joined.
	two := s.raw(t, "GET /api/hello HTTP/1.1", "X-Request-ID: one", "X-Request-ID: two")
	if got := two.header.Values("X-Request-ID"); len(got) != 1 || !fresh.MatchString(got[0]) && got[0] != "one" {
		t.Errorf("two lines: got %q, want the first or a new one", got)
	}
	s.get(t, "/api/hello", "X-Request-ID: find-me")
	s.get(t, "/nowhere", "X-Request-ID: find-me-too", "Origin: "+vite)
	s.waitFor(t, "log line of the request", func() bool {
		return len(s.linesWith(`"request_id":"find-me"`)) > 0 && len(s.linesWith(`"request_id":"find-me-too"`)) > 0
	})
	checkHeaders(t, s.preflight(t, "/api/hello", vite, "GET", "X-Request-ID: mine"), map[string]string{"X-Request-ID": absent})
}

// Query strings, cookies and credentials are not logged, because many people can
// read a log.
func TestLogHasNoSecrets(t *testing.T) {
	t.Parallel()
	s := start(t, "LOG_LEVEL=debug")
	s.get(t, "/api/hello?q=hush-query", "Cookie: a=hush-cookie", "Authorization: Bearer hush-token", "X-Request-ID: last")
	s.waitFor(t, "log line of the request", func() bool { return len(s.linesWith("last")) > 0 })
	checkLacks(t, s.stderr.String(), "hush")
}
