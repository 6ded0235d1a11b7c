package middleware_test

import (
	"testing"

	"example.com/api/internal/origin"
	"example.com/api/middleware"
)

// What only ends like an allowed host is refused, and no redirect repeats it.
func TestOddHosts(t *testing.T) {
	t.Parallel()
	hosts := engine(middleware.AllowedHosts(origin.NewHostList("api.example.com", "*.wild.example.com", "[::1]"), health))
	redirect := engine(middleware.HTTPSRedirect(health, trusted()))
	for _, host := range []string{
		"evil.test:1:2.wild.example.com", "[evil.test].wild.example.com", "a..wild.example.com", "[[api.example.com]]", "[api.example.com]",
		"evil.test/.wild.example.com", "evil.test?.wild.example.com", "evil.test#.wild.example.com", "evil.test@a.wild.example.com",
		"evil.test\\.wild.example.com", "evil.test%00.wild.example.com", "é.wild.example.com", "a b.wild.example.com", "-.wild.example.com",
		"api.example.com..", "api.example.com:80:80", "api.example.com:+80", "::1", "[::1", "[::1]]", "[0::1]", "",
	} {
		r := request("GET", "/")
		r.Host = host
		if got := serve(hosts, r).Code; got != 400 {
			t.Errorf("Host %q: %d, want 400", host, got)
		}
		r = request("GET", "http://h.test/")
		r.Host = host
		if w := serve(redirect, r); w.Code != 400 || w.Header().Get("Location") != "" {
			t.Errorf("Host %q: %d, Location %q, want 400 and none", host, w.Code, w.Header().Get("Location"))
		}
	}
	for host, want := range map[string]string{
		"API.example.com.:8080": "https://api.example.com/", "api.example.com:": "https://api.example.com/", "a_b.c.example.com": "https://a_b.c.example.com/",
		"10.0.0.1:80": "https://10.0.0.1/", "[::1]": "https://[::1]/", "[2001:DB8::1]:8080": "https://[2001:db8::1]/",
	} {
		r := request("GET", "http://h.test/")
		r.Host = host
		if w := serve(redirect, r); w.Code != 308 || w.Header().Get("Location") != want {
			t.Errorf("Host %q: %d, Location %q, want 308 to %s", host, w.Code, w.Header().Get("Location"), want)
		}
	}
}
