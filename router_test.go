package main

import (
	"bytes"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/api/config"
	"example.com/api/handlers"
	"example.com/api/internal/forwarded"
	"example.com/api/internal/openapi/openapitest"
	"example.com/api/internal/origin"
	"example.com/api/internal/ratelimit"
)

// defaults returns the settings of an empty environment.
func defaults(t testing.TB) config.Settings {
	t.Helper()
	t.Chdir(t.TempDir()) // no .env file
	for _, name := range config.Names() {
		t.Setenv(name, "") // restored when the test ends
		os.Unsetenv(name)
	}
	settings, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

// noParts returns just enough parts to build the router.
func noParts() parts {
	return parts{
		log:      slog.New(slog.DiscardHandler),
		counters: ratelimit.NewMemory(10),
		sessions: new(handlers.Sessions),
	}
}

// If no route has a policy, its setting does nothing.
func TestEveryPolicyLimitsARoute(t *testing.T) {
	settings := defaults(t)
	used := make(map[config.Policy]bool)
	for _, r := range routes(settings, noParts()) {
		used[r.limit] = true
	}
	for _, policy := range settings.Limits.All() {
		if !used[policy] {
			t.Errorf("no route has the policy %s: give it to a row of the table of routes, or delete its field from config.Limits, "+
				"its line from .env.example and README.md, and its name from openapi.yaml (violated-policies)", policy.Name())
		}
	}
}

// The largest body is the row's own, also where another method of the path has another.
func TestBodyLimitBelongsToTheRow(t *testing.T) {
	settings := defaults(t)
	read := func(c *gin.Context) {
		if _, err := io.Copy(io.Discard, c.Request.Body); err != nil {
			c.Status(http.StatusRequestEntityTooLarge)
		}
	}
	const mebibyte = 1 << 20 // the default of MAX_BODY_BYTES
	router, err := routerOf(settings, noParts(), []route{
		{method: "POST", path: "/files", limit: config.Unlimited(), handler: read, maxBody: 4 * mebibyte, streamed: true},
		{method: "PUT", path: "/files", limit: config.Unlimited(), handler: read, maxBody: 1000},
		{method: "PATCH", path: "/files", limit: config.Unlimited(), handler: read},
	})
	if err != nil {
		t.Fatal(err)
	}
	for method, largest := range map[string]int{"POST": 4 * mebibyte, "PUT": 1000, "PATCH": mebibyte} {
		for size, want := range map[int]int{largest: 200, largest + 1: 413} {
			w := httptest.NewRecorder()
			router.ServeHTTP(w, httptest.NewRequest(method, "http://localhost/files", strings.NewReader(strings.Repeat("x", size))))
			if w.Code != want {
				t.Errorf("%s with %d bytes: got %d, want %d", method, size, w.Code, want)
			}
		}
	}
}

// A route whose limit was forgotten must not be served without one.
func TestRouteWithoutLimitDoesNotStart(t *testing.T) {
	settings := defaults(t)
	p := noParts()
	if _, err := newRouter(settings, p); err != nil {
		t.Fatalf("the table of routes as it is: %v", err)
	}
	settings.Limits.Upload = config.Policy{} // as in a row that names no limit
	_, err := newRouter(settings, p)
	for _, want := range []string{"POST /api/upload", "config.Limits", "config.Unlimited()"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without a limit on POST /api/upload: got the error %v, want %q in it", err, want)
		}
	}
}

// With HTTPS_REDIRECT, a request that is not known to have come by https came by
// plain http, and no response to it may have the header (RFC 6797, 7.2): the
// redirect, a refusal that comes before it, or a health check.
func TestNoHSTSOverPlainHTTP(t *testing.T) {
	settings := defaults(t)
	settings.Production, settings.HTTPSRedirect = true, true
	settings.AllowedHosts = origin.NewHostList("api.example.com")
	settings.TrustedProxies = forwarded.NewProxies(netip.MustParsePrefix("192.0.2.1/32"))
	router, err := newRouter(settings, noParts())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, method, path, header, value string
		status                            int
	}{
		{"redirect", "GET", "/api/hello", "", "", 308},
		{"method that is not redirected", "POST", "/api/items", "", "", 403},
		{"denied origin", "GET", "/api/hello", "Origin", "https://evil.example", 403},
		{"other host", "GET", "/api/hello", "Host", "evil.example", 400},
		{"health check", "GET", "/healthz", "", "", 200},
		{"https by a trusted proxy", "GET", "/healthz", "X-Forwarded-Proto", "https", 200},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(tt.method, tt.path, nil)
		r.Host = "api.example.com"
		if tt.header == "Host" {
			r.Host = tt.value
		} else if tt.header != "" {
			r.Header.Set(tt.header, tt.value)
		}
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		if w.Code != tt.status {
			t.Errorf("%s: status %d, want %d", tt.name, w.Code, tt.status)
		}
		if hsts := w.Header().Get("Strict-Transport-Security"); (hsts != "") != (tt.value == "https") {
			t.Errorf("%s: Strict-Transport-Security: %q", tt.name, hsts)
		}
	}
}

// The router and the description have the same routes.
func TestDescriptionHasEveryRoute(t *testing.T) {
	settings := defaults(t)
	router, err := newRouter(settings, noParts())
	if err != nil {
		t.Fatal(err)
	}
	description, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	routed := make(map[string]bool)
	for _, route := range router.Routes() {
		if route.Method != http.MethodHead { // the description says once that HEAD works wherever GET does
			routed[route.Method+" "+regexp.MustCompile(`:(\w+)`).ReplaceAllString(route.Path, "{$1}")] = true
		}
	}
	described := make(map[string]bool)
	for path, item := range description.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(routed)) {
		if !described[name] {
			t.Errorf("%s is a route, but openapi.yaml does not describe it", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(described)) {
		if !routed[name] {
			t.Errorf("openapi.yaml describes %s, which is not a route", name)
		}
	}
}

// The description is public: any origin can read every response on its path,
// errors included.
func TestDescriptionIsPublic(t *testing.T) {
	settings := defaults(t)
	router, err := newRouter(settings, noParts())
	if err != nil {
		t.Fatal(err)
	}
	limit, _ := settings.Limits.Docs.Rate()
	const acrm = "Access-Control-Request-Method"
	request := func(method string, headers map[string]string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost/openapi.yaml", nil)
		for name, value := range headers {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		return w
	}
	check := func(status int, w *httptest.ResponseRecorder) {
		t.Helper()
		h := w.Header()
		if w.Code != status || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "" || slices.Contains(h.Values("Vary"), "Origin") {
			t.Errorf("got %d %v, want %d with Access-Control-Allow-Origin: * and no Vary: Origin", w.Code, h, status)
		}
	}
	check(204, request("OPTIONS", map[string]string{"Origin": "null", acrm: "GET"}))
	check(204, request("OPTIONS", nil))
	check(405, request("POST", map[string]string{"Origin": "https://other.test", "Sec-Fetch-Site": "cross-site"}))
	check(200, request("HEAD", nil))
	for range limit.Limit - 1 {
		check(200, request("GET", map[string]string{"Origin": "https://other.test", "Sec-Fetch-Site": "cross-site"}))
	}
	check(429, request("GET", map[string]string{"Origin": "https://other.test"}))
}

// OPTIONS returns the methods that a path supports, and the media type that a PATCH
// must have.
func TestNoMethod(t *testing.T) {
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.NoMethod(noMethod)
	none := func(*gin.Context) {}
	engine.GET("/read", none)
	engine.GET("/change", none)
	engine.PATCH("/change", none)
	for _, tt := range []struct {
		method, path       string
		status             int
		allow, acceptPatch string
	}{
		{"OPTIONS", "/read", 204, "GET", ""},
		{"OPTIONS", "/change", 204, "GET, PATCH", "application/json"},
		{"OPTIONS", "/none", 404, "", ""},
		{"PUT", "/change", 405, "GET, PATCH", ""},
	} {
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, nil))
		if h := w.Header(); w.Code != tt.status || h.Get("Allow") != tt.allow || h.Get("Accept-Patch") != tt.acceptPatch {
			t.Errorf("%s %s: got %d, Allow %q, Accept-Patch %q, want %+v", tt.method, tt.path, w.Code, h.Get("Allow"), h.Get("Accept-Patch"), tt)
		}
	}
}

// The Makefile offers seed only if a resource has examples.
func TestSeedHasExamples(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	offered := bytes.Contains(makefile, []byte("\nseed:"))
	some := slices.ContainsFunc(resources(), func(r resource) bool { return r.seed != nil })
	if offered && !some {
		t.Error("no resource has examples; delete the target seed from the Makefile")
	}
}
