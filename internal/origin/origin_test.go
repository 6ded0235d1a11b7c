package origin_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"example.com/api/internal/origin"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"https://example.com",
		"http://localhost:5173",
		"https://a.b-c.example.com:8443",
		"https://xn--mnchen-3ya.example",
		"https://my_host.example.com",
		"http://127.0.0.1:3000",
		"http://[::1]:5173",
		"http://[2001:db8::1]",
		"http://[::ffff:7f00:1]",
		"http://localhost:1",
		"http://localhost:65535",
		"https://" + strings.Repeat("a", 63) + ".com",
		"capacitor://localhost",
		"capacitor://localhost:8080",
		"ionic://localhost",
		"tauri://localhost",
		"http://tauri.localhost",
		"chrome-extension://abcdefghijklmnopabcdefghijklmnop",
		"moz-extension://0a1b2c3d-0000-4000-8000-000000000000",
		"safari-web-extension://0A1B2C3D-0000-4000-8000-000000000000",
		"safari-web-extension://AZaz09-_.",
		"az09+.-://localhost",
		"https://az09.example.com",
		"https://a.0xg",
		"https://" + strings.Repeat("a.", 126) + "a:65535",
		"vscode-webview://1ab2cd3ef",
		"app://obsidian.md",
		"app://.",
		"com.example.app://localhost",
		"htttttp://localhost", // three edits away from http://
	} {
		got, err := origin.Parse(in)
		if err != nil || got.String() != in {
			t.Errorf("Parse(%q) = %q, %v, want the same back", in, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want string // the message has to say this
		hint string // and to offer this instead, "" for an example
	}{
		{"", "is empty", ""},
		{"null", "sandboxed", "leave it out"},
		{"example.com", "no scheme", "https://example.com"},
		{"localhost:5173", "no scheme", "http://localhost:5173"},
		{"192.168.1.5:5173", "no scheme", "http://192.168.1.5:5173"},
		{"[::1]:5173", "no scheme", "http://[::1]:5173"},
		{"//example.com", "no scheme", "https://example.com"},
		{"example", "no scheme", ""},
		{"ftp://example.com", `scheme "ftp"`, ""},
		{"file://", `scheme "file"`, ""},
		{"data://x", `scheme "data", whose pages have no origin of their own`, ""},
		{"blob://x", `scheme "blob"`, ""},
		{"about://blank", `scheme "about"`, ""},
		{"javascript://x", `scheme "javascript"`, ""},
		{"ws://example.com", `scheme "ws"`, "http://example.com"},
		{"wss://example.com", `scheme "wss"`, "https://example.com"},
		{"htps://example.com", `begins with "htps://", which looks like a misspelling`, "https://example.com"},
		{"http//example.com", `begins with "http//"`, "http://example.com"},
		{"https:/example.com", `begins with "https:/"`, "https://example.com"},
		{"http:localhost:5173", `begins with "http:"`, "http://localhost:5173"},
		{`https:\\example.com`, `begins with "https:\\\\"`, "https://example.com"},
		{"httttps://example.com", "misspelling", "https://example.com"},
		{"hrrps://example.com/x", "misspelling", "https://example.com"},
		{"HTPS://example.com", "misspelling", "https://example.com"},
		{`"https://example.com"`, "is not valid", "https://example.com"},
		{"https://a\x80b.com", "outside ASCII", ""},
		{"https://a{b.com", `character '{'`, ""},
		{"https://a`b.com", "character '`'", ""},
		{"https://a/b.com:1", "path", "https://a"},
		{"https:///x", "path", ""},
		{"https://a.com.:8443", "trailing dot", "https://a.com:8443"},
		{"http://[::0001]:8080", "browsers write as [::1]", "http://[::1]:8080"},
		{"127.0.0.1:5173", "no scheme", "http://127.0.0.1:5173"},
		{"https://" + strings.Repeat("a.", 126) + "aa:65535", "longer than any origin (267 bytes)", ""},
		{"https://a\x7fb.com", "control", ""},
		{"https://aZ.com", "upper-case", "https://az.com"},
		{"HTTP://example.com", "upper-case", "http://example.com"},
		{"a{b://a", "not valid", ""},
		{"a!b://a", "not valid", ""},
		{"http://[::ffff:1.2.3.4]", "[::ffff:102:304]", "http://[::ffff:102:304]"},
		{"https://" + strings.Repeat("a.", 126) + "aa", "253 bytes", ""},
		{"app://a{b", `character '{'`, ""},
		{"app://a[b", `character '['`, ""},
		{"Capacitor://localhost", "upper-case", "capacitor://localhost"},
		{"capacitor://localhost/", "trailing slash", "capacitor://localhost"},
		{"capacitor://", "no host", ""},
		{"app://a/b", "path", "app://a"},
		{"app://a:0", "port 0", ""},
		{"chrome-extension://a%b", `character '%'`, ""},
		{"1app://a", `scheme "1app", which is not valid`, ""},
		{"a_b://a", `scheme "a_b", which is not valid`, ""},
		{"://a.com", "no scheme", ""},
		{"https://example.com/", "trailing slash", "https://example.com"},
		{"https://example.com/app", "path", "https://example.com"},
		{"https://example.com?x", "query", "https://example.com"},
		{"https://example.com#x", "fragment", "https://example.com"},
		{`https://example.com\app`, "path", "https://example.com"},
		{"https://user@example.com", "user info", "https://example.com"},
		{"https://user:pw@example.com", "user info", "https://example.com"},
		{"https://Example.com", "upper-case", "https://example.com"},
		{"HTTPS://example.com", "upper-case", "https://example.com"},
		{"https://example.com:443", "default port", "https://example.com"},
		{"http://example.com:80", "default port", "http://example.com"},
		{"http://[::1]:80", "default port", "http://[::1]"},
		{"https://example.com:0", "port 0; ports go from 1 to 65535", "https://example.com"},
		{"https://example.com:65536", "port 65536", ""},
		{"https://example.com:08443", "leading zeros", "https://example.com:8443"},
		{"https://example.com:", "colon", "https://example.com"},
		{"https://example.com:http", "not a number", ""},
		{"https://example.com:+1", "not a number", ""},
		{"https://münchen.example", "punycode", "https://xn--mnchen-3ya.example"},
		{"https://münchen.example:8443", "punycode", "https://xn--mnchen-3ya.example:8443"},
		{"http://[0:0:0:0:0:0:0:1]:03000", "leading zeros", "http://[::1]:3000"},
		{"https://exаmple.com", "punycode", "https://xn--exmple-4nf.com"}, // Cyrillic а
		{"https://a..com", "empty label", ""},
		{"https://.a.com", "empty label", ""},
		{"https://-a.com", "hyphen", ""},
		{"https://a-.com", "hyphen", ""},
		{"https://a.com.", "trailing dot", "https://a.com"},
		{"http://127.1", "IPv4", ""},
		{"http://1.2.3.4.5", "IPv4", ""},
		{"http://0x7f.0.0.1", "IPv4", ""},
		{"http://a.0x1", "IPv4", ""},
		{"http://256.1.1.1", "IPv4", ""},
		{"http://01.2.3.4", "IPv4", ""},
		{"http://[::0001]", "browsers write as [::1]", "http://[::1]"},
		{"http://[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "http://[::ffff:7f00:1]"},
		{"http://[::1%25eth0]", "IPv6", "http://[::1]"},
		{"http://[::1", "IPv6", "http://[::1]"},
		{"http://[127.0.0.1]", "IPv6", ""},
		{"http://::1", "character ':'", ""},
		{"https://", "no host", ""},
		{"https://:443", "default port", ""},
		{"https://a.com,https://b.com", "several values", ""},
		{"https://a.com https://b.com", "blank", ""},
		{"https://a.com\n", "blank", ""},
		{"https://a.com\x00", "control", ""},
		{"https://a!b.com", `character '!'`, ""},
		{"https://*.example.com", `character '*'`, ""},
		{"https://" + strings.Repeat("a", 64) + ".com", "63 bytes", ""},
		{"https://" + strings.Repeat("a.", 130) + "com", "longer than any origin", ""},
		{"https://" + strings.Repeat("a.", 126) + "com", "253 bytes", ""},
	}
	for _, tt := range tests {
		_, err := origin.Parse(tt.in)
		var mistake *origin.Mistake
		if !errors.As(err, &mistake) || !strings.Contains(mistake.Problem, tt.want) {
			t.Errorf("Parse(%q) = %v, want a mistake with %q", tt.in, err, tt.want)
			continue
		}
		hint := tt.hint
		switch {
		case hint == "":
			hint = "write only scheme, host and port, such as https://app.example.com"
		case strings.Contains(hint, "://"):
			hint = "write " + hint
		}
		if mistake.Remedy != hint || mistake.Value != tt.in {
			t.Errorf("Parse(%q) offers %q for %q, want %q", tt.in, mistake.Remedy, mistake.Value, hint)
		}
	}
}

func TestCheckHost(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"localhost": "", "[::1]": "", "LOCALHOST": "upper-case", "ü.example": "punycode", "a.": "trailing dot",
	} {
		if err := origin.CheckHost(host); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("CheckHost(%q) = %v, want %q", host, err, want)
		}
	}
}

// FuzzParse compares with the URL package: a second parser must find the same
// parts in what is accepted, and nothing else.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"https://example.com", "http://[::1]:5173", "http://127.0.0.1:80", "null", "https://a.com:08", "HTTPS://a@b/c?d#e", "capacitor://localhost", "app://."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		o, err := origin.Parse(in)
		if err != nil {
			return
		}
		if o.String() != in {
			t.Fatalf("Parse(%q).String() = %q", in, o)
		}
		u, err := url.Parse(in)
		if err != nil {
			t.Fatalf("Parse accepted %q, which is not a URL: %v", in, err)
		}
		if u.Scheme+"://"+u.Host != in || u.Port() != o.Port || u.User != nil || strings.HasPrefix(u.Scheme, "http") && strings.ToLower(in) != in {
			t.Fatalf("Parse read %q as %+v, url.Parse as %+v", in, o, u)
		}
	})
}
