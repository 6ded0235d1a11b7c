package middleware_test

import (
	"strings"
	"testing"

	"example.com/api/internal/origin"
	"example.com/api/middleware"
)

func TestCrossOriginProtection(t *testing.T) {
	t.Parallel()
	listed := engine(middleware.CrossOriginProtection(allowing(app, "https://*.example.com"), nil))
	tests := []struct {
		method  string
		headers []string
		want    int
	}{
		{"POST", nil, 200},
		{"POST", []string{"Sec-Fetch-Site: none"}, 200},
		{"POST", []string{"Sec-Fetch-Site: same-origin"}, 200},
		{"POST", []string{"Sec-Fetch-Site: "}, 200},
		{"POST", []string{"Sec-Fetch-Site: same-site"}, 403},
		{"PUT", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"PATCH", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"DELETE", []string{"Sec-Fetch-Site: garbage"}, 403},
		{"POST", []string{"Sec-Fetch-Site: cross-site", "Origin: "}, 403},
		{"POST", []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.test"}, 403},
		{"POST", []string{"Sec-Fetch-Site: cross-site", "Origin: " + app, "Origin: https://evil.test"}, 403},
		{"POST", []string{"Sec-Fetch-Site: same-site", "Origin: " + app}, 200},
		{"POST", []string{"Sec-Fetch-Site: cross-site", "Origin: " + app}, 200},
		{"GET", []string{"Sec-Fetch-Site: cross-site"}, 200},
		{"HEAD", []string{"Sec-Fetch-Site: cross-site"}, 200},
		{"OPTIONS", []string{"Sec-Fetch-Site: cross-site"}, 200},
		// http.CrossOriginProtection decides these two differently.
		{"POST", []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"}, 403},
		{"POST", []string{"Sec-Fetch-Site: same-site", "Origin: https://app.example.com"}, 200},
	}
	for _, tt := range tests {
		w := serve(listed, request(tt.method, "/", tt.headers...))
		if w.Code != tt.want || strings.Contains(w.Body.String(), "served") != (tt.want == 200) {
			t.Errorf("%s %q: %d %s, want %d", tt.method, tt.headers, w.Code, w.Body, tt.want)
		}
	}
	any := engine(middleware.CrossOriginProtection(origin.Any(), nil))
	if got := serve(any, request("POST", "/", "Sec-Fetch-Site: cross-site", "Origin: https://whoever.test")).Code; got != 200 {
		t.Errorf("any origin is allowed: %d, want 200", got)
	}
	if got := serve(any, request("POST", "/", "Sec-Fetch-Site: cross-site", "Origin: https://a.test", "Origin: https://b.test")).Code; got != 200 {
		t.Errorf("any origin is allowed, and there are two: %d, want 200", got)
	}
	if got := serve(any, request("POST", "/", "Sec-Fetch-Site: cross-site")).Code; got != 403 {
		t.Errorf("another site without an Origin: %d, want 403", got)
	}
}

func BenchmarkCrossOriginProtection(b *testing.B) {
	benchmark(b, request("POST", "/", "Sec-Fetch-Site: same-site", "Origin: http://localhost:5173"),
		middleware.CrossOriginProtection(allowing("http://localhost:5173"), nil))
}
