package forwarded_test

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"example.com/api/internal/forwarded"
)

// trusting parses the networks, comma-separated as in TRUSTED_PROXIES.
func trusting(t testing.TB, networks string) forwarded.Proxies {
	t.Helper()
	var parsed []netip.Prefix
	for text := range strings.FieldsFuncSeq(networks, func(r rune) bool { return r == ',' }) {
		network, err := forwarded.ParseNetwork(text)
		if err != nil {
			t.Fatalf("ParseNetwork(%q): %v", text, err)
		}
		parsed = append(parsed, network)
	}
	return forwarded.NewProxies(parsed...)
}

func TestParseNetwork(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{ // "" for an error
		{"10.0.0.5", "10.0.0.5/32"},
		{"10.0.0.0/8", "10.0.0.0/8"},
		{"10.1.2.3/8", "10.0.0.0/8"},
		{"2001:db8::/32", "2001:db8::/32"},
		{"::1", "::1/128"},
		{"::ffff:10.0.0.1", "10.0.0.1/32"},
		{"::ffff:10.0.0.0/104", "10.0.0.0/8"},
		{"*", ""}, {"", ""}, {"localhost", ""}, {"proxy.example.com", ""}, {"10.0.0.0/33", ""}, {"10.0.0", ""}, {"10.0.0.1:80", ""},
		{"::ffff:0:0/96", ""}, {"::ffff:0:0/32", ""}, {"fe80::1%eth0", ""}, {"10.0.0.1-10.0.0.9", ""},
		// The widest networks of proxies, and those that are wider.
		{"35.0.0.0/8", "35.0.0.0/8"}, {"104.16.0.0/12", "104.16.0.0/12"}, {"2001::/16", "2001::/16"}, {"fc00::/7", "fc00::/7"}, {"fe80::/10", "fe80::/10"},
		{"0.0.0.0/0", ""}, {"0.0.0.0/1", ""}, {"128.0.0.0/1", ""}, {"10.0.0.0/7", ""}, {"::ffff:0.0.0.0/97", ""},
		{"::/0", ""}, {"::/1", ""}, {"2000::/3", ""}, {"2600::/15", ""}, {"fc00::/6", ""}, {"fe80::/9", ""}, {"::1/15", ""},
	}
	for _, tt := range tests {
		network, err := forwarded.ParseNetwork(tt.in)
		if got := network.String(); (err == nil && got != tt.want) || (err != nil && tt.want != "") {
			t.Errorf("ParseNetwork(%q) = %s, %v, want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestClient(t *testing.T) {
	t.Parallel()
	const private = "10.0.0.0/8,fd00::/8"
	tests := []struct {
		name      string
		trusted   string
		peer      string
		forwarded []string
		want      string
	}{
		{"no proxies, no header", "", "9.9.9.9:1", nil, "9.9.9.9"},
		{"no proxies: the header is ignored", "", "9.9.9.9:1", []string{"1.1.1.1"}, "9.9.9.9"},
		{"untrusted peer: the header is ignored", private, "9.9.9.9:1", []string{"1.1.1.1"}, "9.9.9.9"},
		{"one proxy", private, "10.0.0.1:1", []string{"1.1.1.1"}, "1.1.1.1"},
		{"the client's own entry is left of it", private, "10.0.0.1:1", []string{"6.6.6.6, 1.1.1.1"}, "1.1.1.1"},
		{"two proxies", private, "10.0.0.1:1", []string{"6.6.6.6, 1.1.1.1, 10.0.0.2"}, "1.1.1.1"},
		{"two lines are one list", private, "10.0.0.1:1", []string{"6.6.6.6", "1.1.1.1"}, "1.1.1.1"},
		{"two lines, proxies in the last", private, "10.0.0.1:1", []string{"6.6.6.6, 1.1.1.1", "10.0.0.3,10.0.0.2"}, "1.1.1.1"},
		{"all trusted: the left-most", private, "10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"no header behind a proxy", private, "10.0.0.1:1", nil, "10.0.0.1"},
		{"with a port", private, "10.0.0.1:1", []string{"1.1.1.1:5555"}, "1.1.1.1"},
		{"IPv6 with a port", private, "10.0.0.1:1", []string{"[2001:db8::1]:443"}, "2001:db8::1"},
		{"IPv6 in brackets", private, "10.0.0.1:1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"IPv6 spelled out", private, "10.0.0.1:1", []string{"2001:DB8:0:0::1"}, "2001:db8::1"},
		{"IPv4-mapped", private, "10.0.0.1:1", []string{"::ffff:1.1.1.1"}, "1.1.1.1"},
		{"IPv4-mapped proxy", private, "10.0.0.1:1", []string{"1.1.1.1, ::ffff:10.0.0.2"}, "1.1.1.1"},
		{"mapped peer of a trusted network", private, "[::ffff:10.0.0.1]:1", []string{"1.1.1.1"}, "1.1.1.1"},
		{"IPv6 peer", private, "[fd00::1]:1", []string{"1.1.1.1"}, "1.1.1.1"},
		{"an invalid last entry ends at the peer", private, "10.0.0.1:1", []string{"1.1.1.1, unknown"}, "10.0.0.1"},
		{"an invalid entry in the middle ends at the last valid one", private, "10.0.0.1:1", []string{"1.1.1.1, junk, 10.0.0.2"}, "10.0.0.2"},
		{"trailing comma", private, "10.0.0.1:1", []string{"1.1.1.1,"}, "10.0.0.1"},
		{"empty second line", private, "10.0.0.1:1", []string{"1.1.1.1", ""}, "10.0.0.1"},
		{"empty line", private, "10.0.0.1:1", []string{""}, "10.0.0.1"},
		{"a quoted address is not one", private, "10.0.0.1:1", []string{`"1.1.1.1"`}, "10.0.0.1"},
		{"a network is not an address", private, "10.0.0.1:1", []string{"1.1.1.0/24"}, "10.0.0.1"},
		{"an address has no leading zeros", private, "10.0.0.1:1", []string{"01.1.1.1"}, "10.0.0.1"},
		{"a zone is dropped", private, "10.0.0.1:1", []string{"fe80::1%eth0"}, "fe80::1"},
		{"tabs and blanks", private, "10.0.0.1:1", []string{" 6.6.6.6 ,\t1.1.1.1 "}, "1.1.1.1"},
		{"a unix socket has no address", private, "@", []string{"1.1.1.1"}, "invalid IP"},
		{"an empty peer has no address", private, "", nil, "invalid IP"},
		{"peer with a zone", "", "[fe80::1%eth0]:1", nil, "fe80::1"},
	}
	for _, tt := range tests {
		r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{
			// No other header is believed.
			"X-Real-Ip": {"7.7.7.7"}, "Forwarded": {"for=7.7.7.7"}, "True-Client-Ip": {"7.7.7.7"}, "Cf-Connecting-Ip": {"7.7.7.7"},
		}}
		if tt.forwarded != nil {
			r.Header["X-Forwarded-For"] = tt.forwarded
		}
		if got := trusting(t, tt.trusted).Client(r).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestScheme(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		peer    string
		tls     bool
		proto   []string
		want    string
		claimed string
	}{
		{"neither TLS nor a header", "10.0.0.1:1", false, nil, "", ""},
		{"TLS here", "9.9.9.9:1", true, nil, "https", ""},
		{"TLS here, whatever a header says", "10.0.0.1:1", true, []string{"http"}, "https", "http"},
		{"a trusted proxy says https", "10.0.0.1:1", false, []string{"https"}, "https", "https"},
		{"a trusted proxy says http", "10.0.0.1:1", false, []string{"http"}, "http", "http"},
		{"in capitals", "10.0.0.1:1", false, []string{"HTTPS"}, "https", "https"},
		{"an untrusted peer says https", "9.9.9.9:1", false, []string{"https"}, "", "https"},
		{"only the last value counts", "10.0.0.1:1", false, []string{"https, http"}, "http", "http"},
		{"only the last value counts", "10.0.0.1:1", false, []string{"http, https"}, "https", "https"},
		{"only the last line counts", "10.0.0.1:1", false, []string{"https", "http"}, "http", "http"},
		{"garbage", "10.0.0.1:1", false, []string{"httpsx"}, "httpsx", "httpsx"},
	}
	for _, tt := range tests {
		r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{}}
		if tt.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if tt.proto != nil {
			r.Header["X-Forwarded-Proto"] = tt.proto
		}
		proxies := trusting(t, "10.0.0.0/8")
		if got := proxies.Scheme(r); got != tt.want || proxies.IsHTTPS(r) != (tt.want == "https") {
			t.Errorf("%s (%v): scheme %q, IsHTTPS %v, want %q", tt.name, tt.proto, got, proxies.IsHTTPS(r), tt.want)
		}
		if got := forwarded.ClaimedScheme(r); got != tt.claimed {
			t.Errorf("%s (%v): claimed %q, want %q", tt.name, tt.proto, got, tt.claimed)
		}
	}
}

// FuzzClient writes arbitrary text into the list before the entry that our
// proxy appends. The client is always that entry.
func FuzzClient(f *testing.F) {
	for _, seed := range []string{"", "6.6.6.6", "6.6.6.6, ", "10.0.0.9", "junk", "[::1", ",,,", "1.1.1.1:99999", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, written string) {
		list := trusting(t, "10.0.0.0/8")
		for _, lines := range [][]string{{written + ",198.51.100.7"}, {written, "198.51.100.7"}, {written, "198.51.100.7:80, 10.0.0.2"}} {
			r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": lines}}
			if got := list.Client(r).String(); got != "198.51.100.7" {
				t.Fatalf("with %q the client is %s", lines, got)
			}
		}
		list.Client(&http.Request{RemoteAddr: written, Header: http.Header{"X-Forwarded-For": {written}}}) // must not panic
	})
}

func BenchmarkClient(b *testing.B) {
	list := trusting(b, "10.0.0.0/8")
	for name, r := range map[string]*http.Request{
		"direct":  {RemoteAddr: "203.0.113.7:1234", Header: http.Header{}},
		"proxied": {RemoteAddr: "10.0.0.1:1234", Header: http.Header{"X-Forwarded-For": {"6.6.6.6, 203.0.113.7"}}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				list.Client(r)
			}
		})
	}
}
