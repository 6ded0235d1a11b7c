package tests

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := start(t, "MAX_BODY_BYTES=100")
	used := start(t, "RATE_LIMIT_DEFAULT=1-H")
	guarded := start(t, "ALLOWED_HOSTS=api.example.com", "HTTPS_REDIRECT=true")
	used.get(t, "/api/hello")
	form, formType := upload(t, part{"file", "a.txt", "text/plain", "hello"})
	tests := []struct {
		name         string
		server       *server
		method, path string
		body         string
		headers      []string
		status       int
	}{
		{"root", s, "GET", "/", "", nil, 200},
		{"alive", s, "GET", "/healthz", "", nil, 200},
		{"ready", s, "GET", "/readyz", "", nil, 200},
		{"hello", s, "GET", "/api/hello", "", nil, 200},
		{"head", s, "HEAD", "/api/hello", "", nil, 200},
		{"cross-origin", s, "GET", "/api/hello", "", []string{"Origin: " + vite}, 200},
		{"uploaded", s, "POST", "/api/upload", form, []string{formType}, 201},
		{"session", s, "POST", "/api/session", `{"name":"a"}`, []string{jsonType}, 201},
		{"session ended", s, "DELETE", "/api/session", "", nil, 204},
		{"options", s, "OPTIONS", "/api/hello", "", nil, 204},
		{"malformed", s, "POST", "/api/session", "{", []string{jsonType}, 400},
		{"no session", s, "GET", "/api/session", "", nil, 401},
		{"denied origin", s, "GET", "/api/hello", "", []string{"Origin: https://evil.com"}, 403},
		{"denied preflight", s, "OPTIONS", "/api/hello", "", []string{"Origin: https://evil.com", "Access-Control-Request-Method: PUT"}, 403},
		{"cross-site", s, "DELETE", "/api/session", "", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"unknown", s, "GET", "/nowhere", "", nil, 404},
		{"wrong method", s, "POST", "/api/hello", "", nil, 405},
		{"too large", s, "POST", "/api/session", strings.Repeat(" ", 101), []string{jsonType}, 413},
		{"no type", s, "POST", "/api/session", "{}", nil, 415},
		{"rule", s, "POST", "/api/session", "{}", []string{jsonType}, 422},
		{"limit", used, "GET", "/api/hello", "", nil, 429},
		{"redirect", guarded, "GET", "/", "", []string{"Host: api.example.com"}, 308},
		{"wrong host", guarded, "GET", "/", "", nil, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := tt.server.do(t, tt.method, tt.path, tt.body, tt.headers...)
			checkStatus(t, a, tt.status)
			checkHeaders(t, a, securityHeaders)
			checkHeaders(t, a, map[string]string{"Strict-Transport-Security": absent})
		})
	}
}

func TestStrictTransportSecurity(t *testing.T) {
	t.Parallel()
	const https = "X-Forwarded-Proto: https"
	production := []string{"APP_ENV=production", "SESSION_SECRET=" + secret, "ALLOWED_ORIGINS=" + app}
	trusted := []string{"TRUSTED_PROXIES=127.0.0.1"}
	tests := []struct {
		name    string
		env     []string
		headers []string
		want    string
	}{
		{"development over http", nil, nil, absent},
		{"a stranger's word", nil, []string{https}, absent},
		{"http by a trusted proxy", trusted, []string{"X-Forwarded-Proto: http"}, absent},
		{"https by a trusted proxy", trusted, []string{https}, "max-age=31536000; includeSubDomains"},
		{"https in upper case", trusted, []string{"X-Forwarded-Proto: HTTPS"}, "max-age=31536000; includeSubDomains"},
		{"production", production, nil, "max-age=31536000; includeSubDomains"},
		{"another age", append(production, "HSTS_MAX_AGE=24h"), nil, "max-age=86400; includeSubDomains"},
		{"off", append(production, "HSTS_MAX_AGE=0"), nil, absent},
		{"off over https", append(trusted, "HSTS_MAX_AGE=0s"), []string{https}, absent},
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
		from         string
		method, path string
		headers      []string
		status       int
		location     string
	}{
		{name: "get", method: "GET", path: "/api/hello?limit=2&x=%2F+%26#", headers: []string{host}, status: 308, location: "https://api.example.com/api/hello?limit=2&x=%2F+%26"},
		{name: "root", method: "GET", path: "/", headers: []string{host}, status: 308, location: "https://api.example.com/"},
		{name: "empty query", method: "GET", path: "/api/hello", headers: []string{host}, status: 308, location: "https://api.example.com/api/hello"},
		{name: "head", method: "HEAD", path: "/api/hello", headers: []string{host}, status: 308, location: "https://api.example.com/api/hello"},
		{name: "without the port", method: "GET", path: "/api/hello", headers: []string{"Host: api.example.com:8080"}, status: 308, location: "https://api.example.com/api/hello"},
		{name: "subdomain", method: "GET", path: "/api/hello", headers: []string{"Host: a.b.example.org"}, status: 308, location: "https://a.b.example.org/api/hello"},
		{name: "unknown path", method: "GET", path: "/nowhere", headers: []string{host}, status: 308, location: "https://api.example.com/nowhere"},
		{name: "two slashes are no host", method: "GET", path: "//evil.com/x", headers: []string{host}, status: 308, location: "https://api.example.com//evil.com/x"},
		{name: "escapes are kept", method: "GET", path: "/a%2Fb%20c/%C3%A9", headers: []string{host}, status: 308, location: "https://api.example.com/a%2Fb%20c/%C3%A9"},
		{name: "no line of its own", method: "GET", path: "/a%0d%0aSet-Cookie:x", headers: []string{host}, status: 308, location: "https://api.example.com/a%0d%0aSet-Cookie:x"},
		{name: "http by a trusted proxy", method: "GET", path: "/api/hello", headers: []string{host, "X-Forwarded-Proto: http"}, status: 308, location: "https://api.example.com/api/hello"},
		{name: "https by a stranger", from: "127.0.0.2", method: "GET", path: "/api/hello", headers: []string{host, "X-Forwarded-Proto: https"}, status: 308, location: "https://api.example.com/api/hello"},
		{name: "post", method: "POST", path: "/api/session", headers: []string{host, jsonType}, status: 403},
		{name: "put", method: "PUT", path: "/api/session", headers: []string{host, jsonType}, status: 403},
		{name: "patch", method: "PATCH", path: "/api/session", headers: []string{host, jsonType}, status: 403},
		{name: "delete", method: "DELETE", path: "/api/session", headers: []string{host}, status: 403},
		{name: "options is never redirected", method: "OPTIONS", path: "/api/hello", headers: []string{host}, status: 403},
		{name: "preflight", method: "OPTIONS", path: "/api/session", headers: []string{host, "Origin: " + vite, "Access-Control-Request-Method: POST"}, status: 204},
		{name: "alive", method: "GET", path: "/healthz", headers: []string{host}, status: 200},
		{name: "ready", method: "GET", path: "/readyz", headers: []string{host}, status: 200},
		{name: "https by a trusted proxy", method: "GET", path: "/api/hello", headers: []string{host, "X-Forwarded-Proto: https"}, status: 200},
		{name: "post over https", method: "POST", path: "/api/session", headers: []string{host, jsonType, "X-Forwarded-Proto: https"}, status: 201},
		{name: "another host is no target", method: "GET", path: "/api/hello", headers: []string{"Host: evil.com"}, status: 400},
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

// A request target that is no path must not change the host it is put behind.
func TestHTTPSRedirectKeepsTheHost(t *testing.T) {
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
				t.Errorf("got %d, Location %q, want 308 or a refusal", a.status, location)
			}
		})
	}
}

func TestAllowedHosts(t *testing.T) {
	t.Parallel()
	s := start(t, "ALLOWED_HOSTS=api.example.com, *.example.org ,127.0.0.1,[::1]")
	tests := []struct {
		host    string
		allowed bool
	}{
		{"api.example.com", true},
		{"api.example.com:8080", true},
		{"API.Example.COM", true},
		{"a.example.org", true},
		{"a.b.example.org:443", true},
		{"A.EXAMPLE.org", true},
		{"127.0.0.1", true},
		{"127.0.0.1:81", true},
		{"[::1]:8080", true},
		{"example.com", false},
		{"www.example.com", false},
		{"x.api.example.com", false},
		{"api.example.com.evil.com", false},
		{"evilapi.example.com", false},
		{"apixexample.com", false},
		{"example.org", false},
		{"example.org:443", false},
		{"evilexample.org", false},
		{".example.org", false},
		{"a.example.org.evil.com", false},
		{"localhost", false},
		{"127.0.0.2", false},
		{"evil.com", false},
		{"evil.com:api.example.com", false},
		{"api.example.com@evil.com", false},
		{"api.example.com,evil.com", false},
		{"", false},
	}
	for _, tt := range tests {
		t.Run(tt.host, func(t *testing.T) {
			a := s.raw(t, "GET /api/hello HTTP/1.1", "Host: "+tt.host, "X-Forwarded-Host: api.example.com")
			if tt.allowed {
				checkStatus(t, a, http.StatusOK)
			} else {
				checkStatus(t, a, http.StatusBadRequest)
			}
			for _, path := range []string{"/healthz", "/readyz"} {
				if a := s.raw(t, "GET "+path+" HTTP/1.1", "Host: "+tt.host); a.status != http.StatusOK && validHost.MatchString(tt.host) {
					t.Errorf("%s: got %d, want health checks exempt", path, a.status)
				}
			}
		})
	}
	a := s.get(t, "/api/hello", "Host: evil.com")
	checkProblem(t, a, http.StatusBadRequest)
	checkHeaders(t, a, map[string]string{"RateLimit": absent})
	checkProblem(t, s.get(t, "/nowhere", "Host: evil.com"), http.StatusBadRequest)
	checkPreflight(t, s.preflight(t, "/api/session", vite, "POST", "Host: evil.com"), vite)
	checkStatus(t, s.raw(t, "GET http://evil.com/api/hello HTTP/1.1", "Host: api.example.com"), http.StatusBadRequest)
	// DNS rebinding: the page and the request agree on a name that is not ours.
	checkStatus(t, s.get(t, "/api/hello", "Host: evil.com", "Origin: http://evil.com"), http.StatusBadRequest)
}

// validHost is a Host that net/http itself lets through.
var validHost = regexp.MustCompile(`^[\w.:\[\]*-]*$`)

// In development a page whose DNS name was rebound to this machine must not
// reach the server. Production cannot know its names by default.
func TestHostsByDefault(t *testing.T) {
	t.Parallel()
	development := start(t)
	production := start(t, "APP_ENV=production", "HOST=127.0.0.1", "SESSION_SECRET="+secret, "ALLOWED_ORIGINS="+app)
	for host, status := range map[string]int{
		"localhost": 200, "localhost:1": 200, "api.localhost:8080": 200, "127.0.0.1": 200, "192.168.1.7:8080": 200, "[::1]:8080": 200,
		"evil.com": 400, "rebind.evil.test:8080": 400, "notlocalhost": 400, "127.0.0.1.evil.com": 400, "api.example.com": 400,
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
		{"one character", []string{"x"}, true},
		{"every kind of character", []string{"AZaz09._-"}, true},
		{"64 characters", []string{strings.Repeat("a", 64)}, true},
		{"65 characters", []string{strings.Repeat("a", 65)}, false},
		{"empty", []string{""}, false},
		{"blank inside", []string{"a b"}, false},
		{"tab inside", []string{"a\tb"}, false},
		{"quote", []string{`a"b`}, false},
		{"slash", []string{"a/b"}, false},
		{"comma", []string{"a,b"}, false},
		{"outside ASCII", []string{"é"}, false},
		{"digits outside ASCII", []string{"١٢٣"}, false},
		{"invalid bytes", []string{"a\xffb"}, false},
		{"markup", []string{"<b>"}, false},
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
					t.Fatalf("%s: X-Request-ID: got %q, want one", request, got)
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
	// Two lines are as good as none or as the first; they are never joined.
	two := s.raw(t, "GET /api/hello HTTP/1.1", "X-Request-ID: one", "X-Request-ID: two")
	if got := two.header.Values("X-Request-ID"); len(got) != 1 || !fresh.MatchString(got[0]) && got[0] != "one" {
		t.Errorf("two lines: got %q", got)
	}
	s.get(t, "/api/hello", "X-Request-ID: find-me")
	s.get(t, "/nowhere", "X-Request-ID: find-me-too", "Origin: "+vite)
	s.waitFor(t, "log line of the request", func() bool {
		return len(s.linesWith(`"request_id":"find-me"`)) > 0 && len(s.linesWith(`"request_id":"find-me-too"`)) > 0
	})
	checkHeaders(t, s.preflight(t, "/api/hello", vite, "GET", "X-Request-ID: mine"), map[string]string{"X-Request-ID": absent})
}

// A log is read by more people than a query string or a cookie is meant for.
func TestLogKeepsSecretsOut(t *testing.T) {
	t.Parallel()
	s := start(t, "LOG_LEVEL=debug")
	s.get(t, "/api/hello?q=hush-query", "Cookie: a=hush-cookie", "Authorization: Bearer hush-token", "X-Request-ID: last")
	s.waitFor(t, "log line of the request", func() bool { return len(s.linesWith("last")) > 0 })
	checkLacks(t, s.stderr.String(), "hush")
}
