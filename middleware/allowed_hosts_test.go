package middleware_test

import (
	"encoding/json"
	"strings"
	"testing"

	"example.com/api/internal/origin"
	"example.com/api/internal/problem"
	"example.com/api/middleware"
)

func TestAllowedHosts(t *testing.T) {
	t.Parallel()
	e := engine(middleware.AllowedHosts(origin.NewHostList("api.example.com", "*.example.org", "127.0.0.1", "[::1]"), health))
	for host, want := range map[string]int{
		"api.example.com": 200, "api.example.com:8080": 200, "API.example.com": 200, "api.example.com.": 200,
		"a.example.org": 200, "a.b.example.org:1": 200, "127.0.0.1:8080": 200, "[::1]:8080": 200, "[::1]": 200,

		"example.org": 400, ".example.org": 400, "evilexample.org": 400, "example.com": 400, "x.api.example.com": 400,
		"api.example.com.evil.test": 400, "api.example.com@evil.test": 400, "127.0.0.2": 400, "": 400,
		// What only ends like an allowed host is not one. See TestHostName.
		"evil.test/.example.org": 400, "evil.test:1:2.example.org": 400, "::1": 400, "[127.0.0.1]": 400,
	} {
		r := request("GET", "/")
		r.Host = host
		if w := serve(e, r); w.Code != want || strings.Contains(w.Body.String(), "served") != (want == 200) {
			t.Errorf("Host %q: %d %s, want %d", host, w.Code, w.Body, want)
		}
		r = request("GET", "/healthz")
		r.Host = host
		if got := serve(e, r).Code; got != 200 {
			t.Errorf("health check with Host %q: %d, want 200", host, got)
		}
	}
	for host, wants := range map[string][]string{
		"Laptop.test:8080":                  {`"laptop.test"`, "ALLOWED_HOSTS=...,laptop.test"},
		"[::2]":                             {`"[::2]"`, "ALLOWED_HOSTS=...,[::2]"},
		"":                                  {"no Host"},
		"a<b>":                              {"not a host name"},
		strings.Repeat("x", 10_000) + "/":   {"not a host name"},
		strings.Repeat("x.", 10_000) + "de": {"not a host name"},
	} {
		r := request("GET", "/")
		r.Host = host
		body := serve(e, r).Body.String()
		for _, want := range wants {
			var p problem.Problem
			if err := json.Unmarshal([]byte(body), &p); err != nil || !strings.Contains(p.Detail, want) || len(body) > 1000 {
				t.Errorf("Host %.40q: %.400s lacks %s", host, body, want)
			}
		}
	}
	r := request("GET", "/")
	r.Host = "whoever.test"
	if got := serve(engine(middleware.AllowedHosts(origin.AnyHost(), health)), r).Code; got != 200 {
		t.Errorf("with every host allowed: %d, want 200", got)
	}
}

func BenchmarkAllowedHosts(b *testing.B) {
	benchmark(b, request("GET", "/"), middleware.AllowedHosts(origin.NewHostList("example.com", "*.example.org"), health))
}
