package middleware_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"example.com/api/middleware"
)

func TestHTTPSRedirect(t *testing.T) {
	t.Parallel()
	e := engine(middleware.HTTPSRedirect(health, trusted()))
	withHost := func(host string) *http.Request {
		r := request("GET", "http://h.test/")
		r.Host = host
		return r
	}
	withURL := func(u *url.URL) *http.Request {
		r := request("GET", "http://h.test/")
		r.URL = u
		return r
	}
	tests := []struct {
		request  *http.Request
		status   int
		location string
	}{
		{request("GET", "http://h.test/"), 308, "https://h.test/"},
		{request("HEAD", "http://h.test:8080/?a=%2F&b"), 308, "https://h.test/?a=%2F&b"},
		{request("GET", "http://h.test:8080//evil.test/%0d%0a"), 308, "https://h.test//evil.test/%0d%0a"},
		{request("GET", "http://[::1]:8080/"), 308, "https://[::1]/"},
		{withHost("H.TEST.:8080"), 308, "https://h.test/"},
		{request("POST", "http://h.test/"), 403, ""},
		{request("OPTIONS", "http://h.test/"), 403, ""},
		{request("GET", "https://h.test/"), 200, ""},
		{request("GET", "http://h.test/", "X-Forwarded-Proto: https"), 200, ""},
		{request("GET", "http://h.test/", "X-Forwarded-Proto: https, http"), 308, "https://h.test/"},
		{request("GET", "http://h.test/healthz"), 200, ""},
		{withHost(""), 400, ""},
		{withHost("evil.test/.h.test"), 400, ""},
		{withURL(&url.URL{Scheme: "x", Opaque: ".evil.test"}), 400, ""},
		{withURL(&url.URL{Opaque: "*"}), 400, ""},
		{withURL(&url.URL{Opaque: ".evil.test"}), 400, ""},
	}
	for _, tt := range tests {
		w := serve(e, tt.request)
		if got := w.Header().Get("Location"); w.Code != tt.status || got != tt.location {
			t.Errorf("%s %s to host %q: %d %q, want %d %q", tt.request.Method, tt.request.URL, tt.request.Host, w.Code, got, tt.status, tt.location)
		}
		if served := strings.Contains(w.Body.String(), "served"); served != (tt.status == 200) {
			t.Errorf("%s %s: status %d, and the handler ran: %v", tt.request.Method, tt.request.URL, w.Code, served)
		}
	}
}

func BenchmarkHTTPSRedirect(b *testing.B) {
	benchmark(b, request("GET", "/", "X-Forwarded-Proto: https"), middleware.HTTPSRedirect(health, trusted()))
}
