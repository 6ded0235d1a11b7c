package middleware_test

import (
	"net/http"
	"testing"
	"time"

	"example.com/api/internal/forwarded"
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
		{"http at a trusted proxy", time.Hour, false, request("GET", "/", "X-Forwarded-Proto: http"), ""},
		{"always", time.Hour, true, request("GET", "/"), "max-age=3600; includeSubDomains"},
		{"always, https", time.Hour, true, request("GET", "https://h.test/"), "max-age=3600; includeSubDomains"},
		{"always, https at a trusted proxy", time.Hour, true, request("GET", "/", "X-Forwarded-Proto: https"), "max-age=3600; includeSubDomains"},
		{"always, but http at a trusted proxy", time.Hour, true, request("GET", "/", "X-Forwarded-Proto: http"), ""},
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

func BenchmarkSecurityHeaders(b *testing.B) {
	benchmark(b, request("GET", "/"), middleware.NewSecurityHeaders(1e9, true, forwarded.Proxies{}).Handle)
}
