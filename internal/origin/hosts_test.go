package origin_test

import (
	"strings"
	"testing"

	"example.com/api/internal/origin"
)

func TestHostList(t *testing.T) {
	t.Parallel()
	parsed, mistakes := origin.ParseHosts([]string{"API.example.com", "*.example.org", "127.0.0.1", "::1", "[2001:DB8::1]", "api.example.com"})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	tests := []struct {
		name    string
		list    origin.HostList
		text    string
		any     bool
		allowed []string
		denied  []string
	}{
		{"any", origin.AnyHost(), "any", true, []string{"evil.test", ""}, nil},
		{"none", origin.HostList{}, "", false, nil, []string{"", "localhost", "127.0.0.1"}},
		{"local", origin.LocalHosts(), "localhost,*.localhost,IP addresses", false,
			[]string{"localhost", "api.localhost", "a.b.localhost", "127.0.0.1", "192.168.1.5", "203.0.113.7", "[::1]", "[2001:db8::1]"},
			[]string{"", "rebind.evil.test", "localhost.evil.test", "evillocalhost", ".localhost", "127.0.0.1.nip.io", "example.com"}},
		{"listed", parsed, "api.example.com,*.example.org,127.0.0.1,[::1],[2001:db8::1]", false,
			[]string{"api.example.com", "a.example.org", "a.b.example.org", "127.0.0.1", "[::1]", "[2001:db8::1]"},
			[]string{"", "example.com", "x.api.example.com", "example.org", ".example.org", "evilexample.org", "example.org.evil.test", "127.0.0.2", "localhost", "[::2]"}},
	}
	for _, tt := range tests {
		if tt.list.String() != tt.text || tt.list.IsAny() != tt.any {
			t.Errorf("%s: %q, any: %t", tt.name, tt.list, tt.list.IsAny())
		}
		for _, host := range tt.allowed {
			if !tt.list.Allows(host) {
				t.Errorf("%s: %q is not allowed", tt.name, host)
			}
		}
		for _, host := range tt.denied {
			if tt.list.Allows(host) {
				t.Errorf("%s: %q is allowed", tt.name, host)
			}
		}
	}
}

func TestParseHostsRefuses(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]string{
		"https://api.example.com": "write host names without scheme, port and path",
		"api.example.com:8080":    "write host names without scheme, port and path",
		"api.example.com/x":       "has the character '/' in the host",
		"api.example.com.":        "trailing dot",
		"*":                       "has the character '*'",
		"a.*.example.com":         "has the character '*'",
		"*.com":                   `covers a whole public suffix, "com"`,
		"*.github.io":             "covers a whole public suffix",
		"*.amazonaws.com":         "write your own domain, such as *.example.com",
		"*.1.2.3.4":               "has a * before an IP address, which has no subdomains; list each address",
		"*.[::1]":                 "has a * before an IP address",
		"127.1":                   "not a complete IPv4 address",
		"fe80::1%eth0":            "has the character ':'", // no Host header has a zone
		"É.example":               "punycode",
	} {
		_, mistakes := origin.ParseHosts([]string{"a.example.com", entry})
		if len(mistakes) != 1 || mistakes[0].Setting != "ALLOWED_HOSTS" || mistakes[0].Value != entry || !strings.Contains(mistakes[0].Error(), want) {
			t.Errorf("%q: %v, want %q", entry, mistakes, want)
		}
	}
}
