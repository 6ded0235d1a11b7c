package origin_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"example.com/api/internal/origin"
)

// policy fails the test unless every entry and the regex ("" for none) are
// accepted in development.
func policy(t testing.TB, regex string, entries ...string) *origin.Policy {
	t.Helper()
	p, warnings, mistakes := origin.ParsePolicy(origin.Options{Entries: entries, Regex: regex, Credentials: true})
	if len(warnings)+len(mistakes) > 0 {
		t.Fatalf("ParsePolicy(%q, %q): warnings %v, mistakes %v", entries, regex, warnings, mistakes)
	}
	return p
}

func TestWildcardsAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"https://*", "left-most label"},
		{"https://*example.com", "left-most label"},
		{"https://a*.example.com", "left-most label"},
		{"https://app.*.com", "left-most label"},
		{"https://*.*.com", "left-most label"},
		{"https://example.com:*", "left-most label"},
		{"http://localhost:*", "write other patterns, such as http://localhost:[0-9]+, into ALLOWED_ORIGIN_REGEX"},
		{"https://a.com https://b.com", "has several origins; separate them with commas"},
		{"https://a.com;https://*.b.com", "has several origins; separate them with commas"},
		{"https://*.a.com\nhttps://*.b.com", "has several origins; separate them with commas"},
		{"https://a.com/?next=https://b.com", "path"},
		{`["http://localhost:5173"]`, "write http://localhost:5173"},
		{`["http://localhost:5173"`, "write http://localhost:5173"},
		{`"https://b.com"]`, "write https://b.com"},
		{"*://*.example.com", "left-most label"},
		{"*.example.com", "no scheme"},
		{"https://*.example.com/", "trailing slash"},
		{"https://*.", "has no host; the only wildcard is https://*.example.com"},
		{"https://*.1.2.3.4", "IP address"},
		{"https://*.[::1]", "IP address"},
	}
	for _, tt := range tests {
		if _, _, mistakes := origin.ParsePolicy(origin.Options{Entries: []string{tt.in}}); len(mistakes) != 1 || !strings.Contains(mistakes[0].Error(), tt.want) {
			t.Errorf("%q: %v, want a mistake with %q", tt.in, mistakes, tt.want)
		}
	}
}

func TestPatternsAreAccepted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		entries                 string
		production, credentials bool
	}{
		{"https://*.example.com,http://*.localhost:5173,https://*.example.co.uk,https://*.internal", true, true},
		{"https://xn--bcher-kva.example,https://*.xn--mnchen-3ya.example,https://xn--e1afmkfd.xn--p1ai", true, true},
		{"https://*.user.github.io,https://*.myproject.pages.dev,https://user.github.io,https://github.io", true, true},
		{"https://*.me.s3.amazonaws.com,https://*.me.blob.core.windows.net,https://*.cs.rit.edu,https://*.me.ovh.net", true, true},
		{"https://name-5173.app.github.dev,https://abc.ngrok-free.app,https://5173-me.gitpod.io", true, true},
		{"http://localhost:5173,http://127.0.0.1,http://[::1]:3000,http://*.localhost", true, true},
		{"http://app.localhost,http://*.a.localhost", true, true},
		{"http://app.example.com", false, true},
		{"http://app.example.com,http://*.example.com,http://10.0.0.1:8080", true, false},
		{"capacitor://localhost,ionic://localhost,tauri://localhost,chrome-extension://abcdefghijklmnop,app://obsidian.md,app://xn--a", true, true},
		{"moz-extension://0a1b2c3d-0000-4000-8000-000000000000,safari-web-extension://0A1B2C3D-0000-4000-8000-000000000000", true, true},
	} {
		p, warnings, mistakes := origin.ParsePolicy(origin.Options{Entries: strings.Split(tt.entries, ","), Production: tt.production, Credentials: tt.credentials})
		if len(warnings)+len(mistakes) > 0 || p.String() != tt.entries {
			t.Errorf("%s: got %s, warnings %v, mistakes %v", tt.entries, p, warnings, mistakes)
		}
		for entry := range strings.SplitSeq(tt.entries, ",") {
			if !strings.Contains(entry, "*") && !p.Allows(entry) {
				t.Errorf("%s is not allowed", entry)
			}
		}
	}
}

func TestPatternsAreRefused(t *testing.T) {
	t.Parallel()
	const suffix = "covers a whole public suffix"
	tests := []struct {
		entries string
		want    []string // one for each mistake: the value, the problem and the remedy
	}{
		{"https://*.com", []string{`https://*.com covers a whole public suffix, "com" or one below it, where anyone can register a name; write your own domain, such as https://*.example.com`}},
		{"https://*.co.uk,https://*.ck,https://*.kawasaki.jp", []string{suffix, suffix, suffix}},
		{"https://*.github.io,https://*.vercel.app,https://*.com:8443", []string{suffix, suffix, suffix}},
		{"https://*.amazonaws.com,https://*.eu-west-1.amazonaws.com,https://*.iot.eu-west-1.amazonaws.com", []string{suffix, suffix, suffix}},
		{"https://*.windows.net,https://*.core.windows.net,https://*.platform.sh,https://*.ovh.net", []string{suffix, suffix, suffix, suffix}},
		{"https://*.app.github.dev,https://*.gitpod.io,https://*.ws-eu1.gitpod.io,https://*.devtunnels.ms,https://*.loca.lt,https://*.webcontainer.io,https://*.nip.io,https://*.127.0.0.1.nip.io",
			[]string{suffix, suffix, suffix, suffix, suffix, suffix, suffix, suffix}},
		{"https://*.googleusercontent.com,https://*.bc.googleusercontent.com,https://*.azurecontainerapps.io,https://*.proxy.runpod.net,https://*.chromatic.com,https://*.plex.direct,https://*.neocities.org,https://*.m.pipedream.net,https://*.jprq.live",
			[]string{suffix, suffix, suffix, suffix, suffix, suffix, suffix, suffix, suffix}},
		{"https://*.eastus.cloudapp.azure.com,https://*.azure.com,https://*.eu-central-1.nhost.run,https://*.sourceforge.io,https://*.kinsta.cloud,https://*.infinityfreeapp.com",
			[]string{suffix, suffix, suffix, suffix, suffix, suffix}},
		{"https://xn--a.com,https://xn--a-ecp.ru,https://*.xn--a.com,https://xn--999999999.example.com", []string{"https://xn--a.com has a punycode label", "punycode label", "punycode label", "copy the host from the browser's address bar"}},
		{"null,https://a..com,https://127.1", []string{"null is what sandboxed frames", "empty label", "complete IPv4 address"}},
		{"capacitor://*.localhost", []string{"capacitor://*.localhost has a * in the origin of an app; list each app exactly"}},
		{"https://*.bücher.example,https://*.bücher.example:8443", []string{"write https://*.xn--bcher-kva.example", "write https://*.xn--bcher-kva.example:8443"}},
		{"http://app.example.com,http://*.example.com,http://127.0.0.1.example.com,http://10.0.0.1:8080", []string{"http://app.example.com is plain http", "is plain http", "is plain http", "; write https://, or set CORS_ALLOW_CREDENTIALS=false"}},
		{"*", []string{"* cannot be used with CORS_ALLOW_CREDENTIALS=true"}},
		{"*,https://a.com", []string{"*,https://a.com has * next to other origins", "cannot be used with"}},
		{"*,*", []string{"next to other origins", "cannot be used with"}},
	}
	for _, tt := range tests {
		_, _, mistakes := origin.ParsePolicy(origin.Options{Entries: strings.Split(tt.entries, ","), Production: true, Credentials: true})
		if len(mistakes) != len(tt.want) {
			t.Errorf("%s: %v, want %d mistakes", tt.entries, mistakes, len(tt.want))
			continue
		}
		for i, m := range mistakes {
			if got := m.Value + " " + m.Error(); !strings.Contains(got, tt.want[i]) || m.Setting != "ALLOWED_ORIGINS" {
				t.Errorf("%s: %s: %s, want %q in it", tt.entries, m.Setting, got, tt.want[i])
			}
		}
	}
	_, _, mistakes := origin.ParsePolicy(origin.Options{Entries: []string{"*"}, Regex: `https://a\.com`})
	if len(mistakes) != 1 || !strings.Contains(mistakes[0].Problem, "next to other origins") {
		t.Errorf("* and a regex: %v", mistakes)
	}
}

// hostile origins are refused by each of the policies below.
var hostile = []string{
	"", "null", "*", "https://", "https://*", "https://*.example.com",
	// the domain as a prefix, a suffix, a part
	"https://app.example.com.evil.com", "https://app.example.comevil.com", "https://evilapp.example.com.", "https://evilexample.com",
	"https://app.example.com-evil.com", "https://appexample.com", "https://appxexample.com", "https://app-example.com", "https://example.comm",
	"https://app.example.com%2eevil.com", "https://app.example.com%00.evil.com", "https://app.example.com\x00.evil.com", "https://evil.com/app.example.com",
	"https://evil.com?app.example.com", "https://evil.com#app.example.com", "https://evil.com\\app.example.com", "https://evil.com/.app.example.com",
	// dots and labels
	"https://app.example.com.", "https://.example.com", "https://.app.example.com", "https://app..example.com", "https://..example.com", "https://example.com.",
	// user info
	"https://app.example.com@evil.com", "https://app.example.com:443@evil.com", "https://evil@app.example.com", "https://:@app.example.com",
	// ports
	"https://app.example.com:", "https://app.example.com:443", "https://app.example.com:444", "https://app.example.com:0443", "https://app.example.com:80", "https://app.example.com:1443a",
	// scheme
	"http://app.example.com", "HTTPS://app.example.com", "https:app.example.com", "https:/app.example.com", "//app.example.com", "app.example.com", "wss://app.example.com",
	"ftp://app.example.com", "file://app.example.com", "javascript://app.example.com", "https ://app.example.com", "httpss://app.example.com", "blob:https://app.example.com",
	// case and spelling
	"https://App.example.com", "https://APP.EXAMPLE.COM", "https://app.exаmple.com", "https://аpp.example.com", "https://app.example。com", "https://app.example.cоm",
	"https://xn--pp-7lc.example.com.evil.com", "https://app.examp1e.com", "https://app.example.com\u200b", "https://app.example.com\ufeff",
	// blanks, lists, lines
	" https://app.example.com", "https://app.example.com ", "\thttps://app.example.com", "https://app.example.com\r\nX: y", "https://app.example.com,https://evil.com",
	"https://app.example.com, https://evil.com", "https://evil.com https://app.example.com", "https://evil.com,https://app.example.com", "null,https://app.example.com",
	// what browsers never append
	"https://app.example.com/", "https://app.example.com//", "https://app.example.com/x", "https://app.example.com?", "https://app.example.com#", `https://app.example.com\`, `"https://app.example.com"`,
	// public suffixes and addresses
	"https://com", "https://co.uk", "https://example.co.uk", "https://example.net", "https://93.184.216.34", "https://[::1]", "https://localhost",
	strings.Repeat("https://app.example.com", 1000), "https://" + strings.Repeat("a.", 5000) + "example.com",
}

func TestHostileOriginsAreRefused(t *testing.T) {
	t.Parallel()
	policies := map[string]*origin.Policy{
		"nobody":   policy(t, ""),
		"exact":    policy(t, "", "https://app.example.com"),
		"wildcard": policy(t, "", "https://*.example.com"),
		"regex":    policy(t, `https://[a-z0-9-]+\.example\.com`),
		"open end": policy(t, `https://.+\.example\.com`),
		"all":      policy(t, `https://(app|admin)\.example\.com`, "https://app.example.com", "https://*.example.com", "https://*.app.example.com"),
	}
	for name, p := range policies {
		if got := p.Allows("https://app.example.com"); got != (name != "nobody") {
			t.Errorf("%s allows the listed origin: %v", name, got)
		}
		for _, value := range hostile {
			if p.Allows(value) {
				t.Errorf("%s allows %.100q", name, value)
			}
		}
	}
}

func TestAllows(t *testing.T) {
	t.Parallel()
	wildcard := policy(t, "", "https://*.example.com", "http://*.localhost:5173")
	for value, want := range map[string]bool{
		"https://a.example.com":        true,
		"https://a.b.c.example.com":    true,
		"https://xn--4ca.example.com":  true,
		"https://example.com":          false,
		"https://a.example.com:8443":   false,
		"http://a.localhost:5173":      true,
		"http://a.localhost":           false,
		"https://-.example.com":        false,
		"https://a.example.com.com":    false,
		"https://a.example.com:443":    false,
		"https://aexample.com":         false,
		"https://1.2.3.4.example.com":  true,
		"https://a.example.org":        false,
		"https://example.com.a":        false,
		"https://a.example.com.":       false,
		"https://a_b.example.com":      true,
		"https://a.EXAMPLE.com":        false,
		"https://a.example.com@b.test": false,
	} {
		if got := wildcard.Allows(value); got != want {
			t.Errorf("wildcard allows %q: %v, want %v", value, got, want)
		}
	}
	anybody := origin.Any()
	if !anybody.AllowsAny() || wildcard.AllowsAny() {
		t.Error("AllowsAny does not tell * from a list")
	}
	for value, want := range map[string]bool{
		"null": true, "https://a.com": true, "moz-extension://x": true,
		"": false, "https://a.com, https://b.com": false, "https://a.com https://b.com": false,
	} {
		if got := anybody.Allows(value); got != want {
			t.Errorf("* allows %q: %v, want %v", value, got, want)
		}
	}
}

func TestAllowedBy(t *testing.T) {
	t.Parallel()
	some := policy(t, `https://pr-[0-9]+\.example\.net`, "https://app.example.com", "https://*.example.com")
	for _, tt := range []struct {
		policy                *origin.Policy
		value, setting, entry string
	}{
		{some, "https://app.example.com", "ALLOWED_ORIGINS", "https://app.example.com"},
		{some, "https://a.b.example.com", "ALLOWED_ORIGINS", "https://*.example.com"},
		{some, "https://pr-7.example.net", "ALLOWED_ORIGIN_REGEX", `https://pr-[0-9]+\.example\.net`},
		{some, "https://example.com", "", ""},
		{some, "null", "", ""},
		{policy(t, ""), "https://app.example.com", "", ""},
		{origin.Any(), "null", "ALLOWED_ORIGINS", "*"},
	} {
		if setting, entry := tt.policy.AllowedBy(tt.value); setting != tt.setting || entry != tt.entry {
			t.Errorf("%s by %s: got %q, %q, want %q, %q", tt.value, tt.policy, setting, entry, tt.setting, tt.entry)
		}
	}
	if got := strings.Join(some.Entries(), ","); got != "https://app.example.com,https://*.example.com" {
		t.Errorf("the entries: got %q", got)
	}
}

func TestRegexHasToMatchFromEndToEnd(t *testing.T) {
	t.Parallel()
	for _, regex := range []string{
		`https://a\.example\.com`,
		`^https://a\.example\.com$`,
		`https://a\.example\.com|https://b\.example\.com`,
	} {
		p := policy(t, regex)
		for value, want := range map[string]bool{
			"https://a.example.com":          true,
			"https://a.example.com.evil.com": false,
			"https://evil.com":               false,
			"xhttps://a.example.com":         false,
			"https://a.example.com\n":        false,
		} {
			if got := p.Allows(value); got != want {
				t.Errorf("%s allows %q: %v, want %v", regex, value, got, want)
			}
		}
	}
	if _, _, mistakes := origin.ParsePolicy(origin.Options{Regex: `a)|(?:b`}); len(mistakes) == 0 {
		t.Error("a pattern that breaks out of its group compiles")
	}
}

func TestPolicyString(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]*origin.Policy{
		"*":             origin.Any(),
		"none":          policy(t, ""),
		"https://a.com": policy(t, "", "https://a.com"),
		`https://*.example.com,regex https://b\.com`: policy(t, `https://b\.com`, "https://*.example.com", "https://*.example.com"),
	} {
		if got := p.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if p, _, mistakes := origin.ParsePolicy(origin.Options{Entries: []string{"*"}}); len(mistakes) > 0 || p.String() != "*" {
		t.Errorf("* without credentials: got %s, %v", p, mistakes)
	}
}

func TestWhy(t *testing.T) {
	t.Parallel()
	p := policy(t, "", "http://localhost:5173", "https://app.example.com", "https://*.example.org")
	tests := []struct {
		lines []string
		want  []string
	}{
		{[]string{"http://localhost:5174"}, []string{"port differs: 5174 is not 5173 as in the listed http://localhost:5173; if Vite moved because 5173 was taken, stop what runs there and set strictPort"}},
		{[]string{"http://localhost:4200"}, []string{"port differs: 4200 is not 5173 as in the listed http://localhost:5173; list this one too in ALLOWED_ORIGINS"}},
		{[]string{"http://localhost"}, []string{"port differs: 80 is not 5173"}},
		{[]string{"https://localhost:5173"}, []string{"scheme differs: https is not http"}},
		{[]string{"http://127.0.0.1:5173"}, []string{"127.0.0.1 for localhost"}},
		{[]string{"http://[::1]:5173"}, []string{"[::1] for localhost"}},
		{[]string{"http://app.example.com"}, []string{"scheme differs: http is not https"}},
		{[]string{"https://app.example.com:8443"}, []string{"port differs: 8443 is not 443"}},
		{[]string{"https://app.example.com/"}, []string{"trailing slash: without it the origin is listed"}},
		{[]string{"https://App.Example.com"}, []string{"case: in lower case the origin is listed"}},
		{[]string{"https://example.com"}, []string{"parent of the listed https://app.example.com"}},
		{[]string{"https://x.app.example.com"}, []string{"subdomain of the listed https://app.example.com", "https://*.app.example.com"}},
		{[]string{"https://example.org"}, []string{"parent: https://*.example.org stands for the names below"}},
		{[]string{"http://a.example.org"}, []string{"scheme differs"}},
		{[]string{"https://a.example.org:1"}, []string{"port differs: 1 is not 443"}},
		{[]string{"null"}, []string{"opaque origin"}},
		{[]string{"https://app.example.com, https://b.com"}, []string{"several values"}},
		{[]string{"https://app.example.com", "https://b.com"}, []string{"several values"}},
		{[]string{"https://app.example.com", "https://app.example.com"}, []string{"several values"}},
		{[]string{"https://app.example.com:443"}, []string{"malformed", "default port"}},
		{[]string{"https://app.example.com."}, []string{"malformed", "trailing dot"}},
		{[]string{"app.example.com"}, []string{"malformed", "no scheme"}},
		{[]string{strings.Repeat("x", 100_000)}, []string{"malformed", "longer than any origin"}},
		{[]string{"https://evil.test"}, []string{"not listed"}},
		{[]string{"http://localhost:5184"}, []string{"port differs: 5184 is not 5173 as in the listed http://localhost:5173; list this one too in ALLOWED_ORIGINS"}},
		{[]string{"capacitor://localhost"}, []string{"not listed: add it to ALLOWED_ORIGINS"}},
		{[]string{"http://x.app.example.com"}, []string{"not listed"}},
		{[]string{"https://x.app.example.com:8443"}, []string{"not listed"}},
		{[]string{"file://"}, []string{`malformed: it has the scheme "file"`}},
	}
	for _, tt := range tests {
		got := p.Why(tt.lines, "")
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("Why(%.60q) = %q, want %q in it", tt.lines, got, want)
			}
		}
		if len(got) > 400 {
			t.Errorf("Why(%.60q) has %d bytes", tt.lines, len(got))
		}
	}
	// Of several entries that are near, the likelier mistake is told.
	development := policy(t, "", "http://localhost:5173", "http://127.0.0.1:5173", "http://localhost:3000")
	for value, want := range map[string]string{
		"http://127.0.0.1:3000":  "127.0.0.1 for localhost: to a browser these are two origins; open the page under the listed http://localhost:3000",
		"http://127.0.0.1:5174":  "port differs: 5174 is not 5173",
		"https://localhost:3000": "scheme differs",
	} {
		if got := development.Why([]string{value}, ""); !strings.HasPrefix(got, want) {
			t.Errorf("Why(%q) = %q, want %q", value, got, want)
		}
	}
	if got := policy(t, "", "http://*.localhost:5173").Why([]string{"http://localhost:5173"}, ""); !strings.HasPrefix(got, "parent: ") {
		t.Errorf("of the parent of a wildcard: %q", got)
	}
	if got := policy(t, "").Why([]string{"https://a.com"}, ""); !strings.Contains(got, "ALLOWED_ORIGINS is empty") {
		t.Errorf("of an empty policy: %q", got)
	}
}

func TestWhyOfApps(t *testing.T) {
	t.Parallel()
	p := policy(t, "", "capacitor://localhost", "http://localhost:5173")
	for value, want := range map[string]string{
		"capacitor://localhost:8080": "port differs: 8080 is not none as in the listed capacitor://localhost",
		"capacitor://a.localhost":    "not listed", // no wildcard could allow it
		"ionic://localhost":          "scheme differs: ionic is not capacitor",
		"tauri://localhost:5173":     "scheme differs: tauri is not http as in the listed http://localhost:5173",
	} {
		if got := p.Why([]string{value}, ""); !strings.HasPrefix(got, want) {
			t.Errorf("Why(%s) = %q, want %q", value, got, want)
		}
	}
}

// Only a port to which Vite moves, of a page on this machine, is explained so.
func TestWhyVite(t *testing.T) {
	t.Parallel()
	p := policy(t, "", "http://localhost:5173", "http://dev.example.com:5173", "http://127.0.0.1:3000")
	for value, vite := range map[string]bool{
		"http://localhost:5174":       true,
		"http://localhost:5183":       true,
		"http://localhost:5184":       false,
		"http://localhost:5172":       false,
		"http://localhost:51740":      false,
		"http://127.0.0.1:5174":       false,
		"http://dev.example.com:5174": false,
	} {
		if got := p.Why([]string{value}, ""); !strings.HasPrefix(got, "port differs") || strings.Contains(got, "Vite") != vite {
			t.Errorf("Why(%s) = %q, want Vite in it: %t", value, got, vite)
		}
	}
}

// Behind a proxy that ends TLS and is not trusted, the API's own pages look like
// those of another origin.
func TestWhyNotItself(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		origin, host string
		itself       bool
	}{
		{"https://api.example.com", "api.example.com", true},
		{"https://api.example.com", "API.example.com:443", true},
		{"https://api.example.com:8443", "api.example.com:8443", true},
		{"https://api.example.com:8443", "api.example.com", false},
		{"https://api.example.com", "api.example.com:8443", false},
		{"http://api.example.com", "api.example.com", false},
		{"https://app.example.com", "api.example.com", false},
		{"capacitor://api.example.com", "api.example.com", false},
		{"https://api.example.com", "", false},
	} {
		for _, p := range []*origin.Policy{policy(t, ""), policy(t, "", "https://a.test")} {
			if got := p.Why([]string{tt.origin}, tt.host); strings.Contains(got, "TRUSTED_PROXIES") != tt.itself {
				t.Errorf("origin %s, host %s: %q, want TRUSTED_PROXIES in it: %t", tt.origin, tt.host, got, tt.itself)
			}
		}
	}
}

// FuzzPolicy is the property that matters: what is allowed was meant. A
// second reading of the settings, by net/url and by labels, has to agree.
func FuzzPolicy(f *testing.F) {
	p := policy(f, `https://pr-[0-9]+\.preview\.example\.net`, "https://app.example.com", "http://localhost:5173", "https://*.example.org", "https://*.dev.example.com:8443")
	for _, seed := range hostile {
		f.Add(seed)
	}
	for _, seed := range []string{"https://a.example.org", "https://a.b.dev.example.com:8443", "https://pr-12.preview.example.net"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if !p.Allows(value) {
			p.Why([]string{value}, "") // must not panic
			return
		}
		u, err := url.Parse(value)
		if err != nil || u.String() != value || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
			t.Fatalf("allowed %q, which is more or less than an origin (%v)", value, err)
		}
		labels := strings.Split(u.Hostname(), ".")
		n := len(labels)
		below := func(parent ...string) bool {
			return n > len(parent) && slices.Equal(labels[n-len(parent):], parent) && !slices.Contains(labels, "")
		}
		number, isPreview := strings.CutPrefix(labels[0], "pr-")
		switch {
		case value == "https://app.example.com", value == "http://localhost:5173":
		case u.Scheme == "https" && u.Port() == "" && below("example", "org"):
		case u.Scheme == "https" && u.Port() == "8443" && below("dev", "example", "com"):
		case u.Scheme == "https" && u.Port() == "" && n == 4 && below("preview", "example", "net") &&
			isPreview && number != "" && strings.Trim(number, "0123456789") == "":
		default:
			t.Fatalf("allowed %q, which nobody listed", value)
		}
	})
}

func BenchmarkAllows(b *testing.B) {
	p := policy(b, `https://pr-[0-9]+\.preview\.example\.net`, "https://app.example.com", "https://*.example.org")
	for name, value := range map[string]string{
		"exact": "https://app.example.com", "wildcard": "https://a.b.example.org",
		"regex": "https://pr-12.preview.example.net", "denied": "https://evil.example",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Allows(value)
			}
		})
	}
}
