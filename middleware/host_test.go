package middleware

import (
	"testing"
)

func TestHostName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"api.example.com": "api.example.com", "API.example.com.:8080": "api.example.com", "api.example.com:": "api.example.com",
		"a_b.c.example.com": "a_b.c.example.com", "10.0.0.1:80": "10.0.0.1", "[::1]": "[::1]", "[2001:DB8::1]:8080": "[2001:db8::1]",

		"": "", ":80": "", ".example.com": "", "a..example.com": "", "api.example.com..": "", "-.example.com": "",
		"api.example.com:80:80": "", "api.example.com:+80": "", "evil.test:api.example.com": "", "evil.test:1:2.example.com": "",
		"[evil.test].example.com": "", "[api.example.com]": "", "[[api.example.com]]": "",
		"evil.test/.example.com": "", "evil.test?.example.com": "", "evil.test#.example.com": "", "evil.test@a.example.com": "",
		"evil.test\\.example.com": "", "evil.test%00.example.com": "", "é.example.com": "", "a b.example.com": "",
		"::1": "", "[::1": "", "[::1]]": "", "[0::1]": "",
	} {
		if got := HostName(in); got != want {
			t.Errorf("Host %q: got %q, want %q", in, got, want)
		}
	}
}
