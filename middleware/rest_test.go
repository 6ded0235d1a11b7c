package middleware_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/forwarded"
	"example.com/api/internal/origin"
	"example.com/api/internal/problem"
	"example.com/api/middleware"
)

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		age     time.Duration
		always  bool
		request *http.Request
		want    string
	}{
		{"plain http", time.Hour, false, request("GET", "/"), ""},
		{"https", time.Hour, false, request("GET", "https://h.test/"), "max-age=3600; includeSubDomains"},
		{"https at a trusted proxy", time.Hour, false, request("GET", "/", "X-Forwarded-Proto: https"), "max-age=3600; includeSubDomains"},
		{"always", time.Hour, true, request("GET", "/"), "max-age=3600; includeSubDomains"},
		{"off", 0, true, request("GET", "https://h.test/"), ""},
	}
	for _, tt := range tests {
		w := serve(engine(middleware.NewSecurityHeaders(tt.age, tt.always, trusted()).Handle), tt.request)
		if got := w.Header().Get("Strict-Transport-Security"); got != tt.want {
			t.Errorf("%s: HSTS %q, want %q", tt.name, got, tt.want)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options":       "nosniff",
			"X-Frame-Options":              "DENY",
			"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
			"Referrer-Policy":              "strict-origin-when-cross-origin",
			"Cache-Control":                "no-store",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Cross-Origin-Opener-Policy":   "same-origin",
		} {
			if got := w.Header().Values(name); len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s is %q, want %q once", tt.name, name, got, want)
			}
		}
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	for in, kept := range map[string]bool{
		"a": true, "A-z_0.9": true, strings.Repeat("x", 64): true,
		"": false, strings.Repeat("x", 65): false, "a b": false, "a\"b": false, "é": false, "a/b": false, "a\x00": false,
	} {
		got := serve(engine(middleware.RequestID), request("GET", "/", "X-Request-ID: "+in)).Header().Get("X-Request-ID")
		if (got == in) != kept || len(got) == 0 {
			t.Errorf("X-Request-ID %q becomes %q", in, got)
		}
	}
	w := serve(engine(middleware.RequestID), request("GET", "/", "X-Request-ID: a", "X-Request-ID: b"))
	if got := w.Header().Get("X-Request-ID"); len(got) != 32 {
		t.Errorf("two ids become %q, want a new one of 32 digits", got)
	}
}

func TestAllowedHosts(t *testing.T) {
	t.Parallel()
	e := engine(middleware.AllowedHosts(origin.NewHostList("api.example.com", "*.example.org", "127.0.0.1", "[::1]"), health))
	for host, want := range map[string]int{
		"api.example.com": 200, "api.example.com:8080": 200, "API.example.com": 200, "api.example.com.": 200,
		"a.example.org": 200, "a.b.example.org:1": 200, "127.0.0.1:8080": 200, "[::1]:8080": 200, "[::1]": 200,
		"example.org": 400, ".example.org": 400, "evilexample.org": 400, "example.com": 400, "x.api.example.com": 400,
		"api.example.com.evil.test": 400, "api.example.com@evil.test": 400, "": 400, "evil.test:api.example.com": 400, "127.0.0.2": 400, "api.example.com:80:90": 400,
	} {
		r := request("GET", "/")
		r.Host = host
		if got := serve(e, r).Code; got != want {
			t.Errorf("Host %q: %d, want %d", host, got, want)
		}
		r = request("GET", "/healthz")
		r.Host = host
		if got := serve(e, r).Code; got != 200 {
			t.Errorf("health check with Host %q: %d, want 200", host, got)
		}
	}
	r := request("GET", "/")
	r.Host = "whoever.test"
	if got := serve(engine(middleware.AllowedHosts(origin.AnyHost(), health)), r).Code; got != 200 {
		t.Errorf("without names: %d, want 200", got)
	}
}

func TestHTTPSRedirect(t *testing.T) {
	t.Parallel()
	e := engine(middleware.HTTPSRedirect(health, trusted()))
	tests := []struct {
		request  *http.Request
		status   int
		location string
	}{
		{request("GET", "http://h.test/"), 308, "https://h.test/"},
		{request("HEAD", "http://h.test:8080/?a=%2F&b"), 308, "https://h.test/?a=%2F&b"},
		{request("GET", "http://h.test:8080//evil.test/%0d%0a"), 308, "https://h.test//evil.test/%0d%0a"},
		{request("GET", "http://[::1]:8080/"), 308, "https://[::1]/"},
		{request("POST", "http://h.test/"), 403, ""},
		{request("OPTIONS", "http://h.test/"), 403, ""},
		{request("GET", "https://h.test/"), 200, ""},
		{request("GET", "http://h.test/", "X-Forwarded-Proto: https"), 200, ""},
		{request("GET", "http://h.test/", "X-Forwarded-Proto: https, http"), 308, "https://h.test/"},
		{request("GET", "http://h.test/healthz"), 200, ""},
	}
	for _, target := range []string{"x:.evil.test", "*", ".evil.test"} {
		r := request("GET", "http://h.test/")
		r.URL = &url.URL{Opaque: target}
		if scheme, opaque, found := strings.Cut(target, ":"); found {
			r.URL = &url.URL{Scheme: scheme, Opaque: opaque}
		}
		tests = append(tests, struct {
			request  *http.Request
			status   int
			location string
		}{r, 400, ""})
	}
	for _, tt := range tests {
		w := serve(e, tt.request)
		if got := w.Header().Get("Location"); w.Code != tt.status || got != tt.location {
			t.Errorf("%s %s: %d %q, want %d %q", tt.request.Method, tt.request.URL, w.Code, got, tt.status, tt.location)
		}
	}
}

func TestCrossOriginProtection(t *testing.T) {
	t.Parallel()
	tests := []struct {
		method  string
		headers []string
		want    int
	}{
		{"POST", nil, 200},
		{"POST", []string{"Sec-Fetch-Site: none"}, 200},
		{"POST", []string{"Sec-Fetch-Site: same-origin"}, 200},
		{"POST", []string{"Sec-Fetch-Site: same-site"}, 403},
		{"PUT", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"PATCH", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"DELETE", []string{"Sec-Fetch-Site: garbage"}, 403},
		{"POST", []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"}, 403},
		{"POST", []string{"Sec-Fetch-Site: cross-site", "Origin: "}, 403},
		{"POST", []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.test"}, 403},
		{"POST", []string{"Sec-Fetch-Site: same-site", "Origin: " + app}, 200},
		{"POST", []string{"Sec-Fetch-Site: cross-site", "Origin: " + app}, 200},
		{"GET", []string{"Sec-Fetch-Site: cross-site"}, 200},
		{"HEAD", []string{"Sec-Fetch-Site: cross-site"}, 200},
		{"OPTIONS", []string{"Sec-Fetch-Site: cross-site"}, 200},
	}
	for _, tt := range tests {
		w := serve(engine(middleware.CrossOriginProtection(allowing(app))), request(tt.method, "/", tt.headers...))
		if w.Code != tt.want {
			t.Errorf("%s %q: %d, want %d", tt.method, tt.headers, w.Code, tt.want)
		}
	}
	any := engine(middleware.CrossOriginProtection(origin.Any()))
	if got := serve(any, request("POST", "/", "Sec-Fetch-Site: cross-site", "Origin: https://whoever.test")).Code; got != 200 {
		t.Errorf("any origin is allowed, yet %d", got)
	}
	if got := serve(any, request("POST", "/", "Sec-Fetch-Site: cross-site")).Code; got != 403 {
		t.Errorf("no Origin from another site: %d, want 403", got)
	}
}

func TestUntrustedForwardingWarnsOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	behind := engine(middleware.UntrustedForwarding(trusted(), log))
	serve(behind, request("GET", "/", "X-Forwarded-For: 1.1.1.1"))
	if out.Len() > 0 {
		t.Errorf("a trusted proxy is warned about: %s", &out)
	}
	direct := engine(middleware.UntrustedForwarding(forwarded.Proxies{}, log))
	serve(direct, request("GET", "/"))
	for range 3 {
		serve(direct, request("GET", "/", "X-Forwarded-For: 1.1.1.1"))
	}
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "TRUSTED_PROXIES") {
		t.Errorf("want one warning that names TRUSTED_PROXIES, got %q", got)
	}
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	e := engine(middleware.RequestID, middleware.Recovery(slog.New(slog.NewTextHandler(&out, nil))))
	e.GET("/panic", func(c *gin.Context) { panic("the database password is hunter2") })
	e.GET("/late", func(c *gin.Context) {
		c.String(200, "half")
		c.Writer.Flush()
		panic("late")
	})
	e.GET("/abort", func(*gin.Context) { panic(http.ErrAbortHandler) })
	server := httptest.NewServer(e)
	defer server.Close()

	response, err := http.Get(server.URL + "/panic")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	id := response.Header.Get("X-Request-ID")
	if response.StatusCode != 500 || response.Header.Get("Content-Type") != problem.ContentType || !strings.Contains(string(body), id) || strings.Contains(string(body), "hunter2") {
		t.Errorf("a panic answers %d %s", response.StatusCode, body)
	}
	if log := out.String(); !strings.Contains(log, id) || !strings.Contains(log, "hunter2") || !strings.Contains(log, "rest_test.go") {
		t.Errorf("the log lacks the request id, the panic or the stack: %s", log)
	}
	for _, path := range []string{"/late", "/abort"} {
		response, err := http.Get(server.URL + path)
		if err == nil {
			_, err = io.ReadAll(response.Body)
			response.Body.Close()
		}
		if err == nil {
			t.Errorf("%s ends like a whole answer", path)
		}
	}
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	e := engine(middleware.RequestID, middleware.AccessLog(health, trusted(), slog.New(slog.NewTextHandler(&out, nil))), middleware.Recovery(discard()))
	e.GET("/refused", func(c *gin.Context) { problem.Abort(c, problem.BadRequest("why it was refused")) })
	e.GET("/failed", func(c *gin.Context) { problem.Abort(c, problem.Internal(errors.New("the cause"))) })
	e.GET("/abort", func(*gin.Context) { panic(http.ErrAbortHandler) })
	tests := []struct {
		request *http.Request
		want    []string // nil: no line
	}{
		{request("GET", "/?q=private", "X-Forwarded-For: 198.51.100.7", "X-Request-ID: id1"),
			[]string{"level=INFO", "msg=request", "method=GET", "path=/ ", "status=200", "bytes=6", "client_ip=198.51.100.7", "request_id=id1"}},
		{request("GET", "/refused"), []string{"level=INFO", "status=400", `error="why it was refused"`}},
		{request("GET", "/failed"), []string{"level=ERROR", "status=500", `error="the cause"`}},
		{request("GET", "/healthz"), nil},
		{request("GET", "/abort"), []string{"path=/abort"}},
	}
	for _, tt := range tests {
		out.Reset()
		func() {
			defer func() { _ = recover() }() // net/http's part
			serve(e, tt.request)
		}()
		line := out.String()
		for _, want := range tt.want {
			if !strings.Contains(line, want) {
				t.Errorf("%s: %q lacks %q", tt.request.URL, line, want)
			}
		}
		if strings.Contains(line, "private") || strings.Count(line, "\n") != min(len(tt.want), 1) {
			t.Errorf("%s: %q", tt.request.URL, line)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	m := middleware.NewMetrics("v1.2.3", func() float64 { return 7 })
	headers := middleware.NewSecurityHeaders(0, false, forwarded.Proxies{})
	cors := middleware.NewCORS(middleware.CORSOptions{Origins: allowing(app)}, forwarded.Proxies{}, headers, m, discard())
	e := engine(cors.Handle, m.Handle)
	serve(e, request("GET", "/"))
	serve(e, request("BREW", "/nobody/knows"))
	serve(e, request("OPTIONS", "/", "Origin: "+app, "Access-Control-Request-Method: PUT"))
	serve(e, request("GET", "/", "Origin: https://evil.test"))
	got := serve(m.Endpoint(), request("GET", "/metrics")).Body.String()
	for _, want := range []string{
		`http_requests_total{method="GET",route="/",status="200"} 1`,
		`http_requests_total{method="other",route="unmatched",status="404"} 1`,
		`http_request_duration_seconds_count{method="GET",route="/"} 1`,
		"cors_preflights_total 1", "cors_denied_total 1", "rate_limit_counters 7", `version="v1.2.3"`, "go_goroutines",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(got, "nobody") {
		t.Error("a path of a client's became a label")
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(got) {
		name, ok := strings.CutPrefix(line, "# TYPE ")
		name, _, _ = strings.Cut(name, " ")
		if ok && !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") && !strings.Contains(string(readme), "`"+name+"`") {
			t.Errorf("README.md lacks the metric %s", name)
		}
	}
}
