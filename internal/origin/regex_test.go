package origin_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/api/internal/origin"
)

// judge returns what the settings say about a regex: "" if it is accepted.
func judge(regex string, production, credentials bool) (warning, mistake string) {
	_, warnings, mistakes := origin.ParsePolicy(origin.Options{Regex: regex, Production: production, Credentials: credentials})
	for _, w := range warnings {
		warning += w.Error()
	}
	for _, m := range mistakes {
		mistake += m.Error()
	}
	return warning, mistake
}

func TestRegexIsAccepted(t *testing.T) {
	t.Parallel()
	for _, regex := range []string{
		`https://[a-z0-9-]+\.example\.com`, `^https://[^.]+\.example\.com$`, `https://(.+\.)?example\.com`, `https://(app|admin)\.example\.(com|net)`,
		`https://.*\.example\.com`, `https://app\.example\.com`, `https://pr-\d+\.preview\.example\.co\.uk`, `http://localhost:\d+`, `http://(localhost|127\.0\.0\.1)(:\d{4})?`,
		`https://[a-z]+\.me\.github\.io`, `(?i)https://app\.example\.com`, `(?i)https://[A-Z]+\.example\.com`, `https://app[.]example[.]com`, `https://\w+\.example\.com(:8443)?`,
		`https://[a-z]+\.me\.ovh\.net`, `https://[a-z-]+\.me\.blob\.core\.windows\.net`, `https://app[.-]?\d{0,40}\.example\.com`,
		`https://(` + strings.Join(names(100), "|") + `)\.example\.com`, `https://((a|(b|(c|(d|(e|f)))))\.)?example\.com`,
		`https://(((((((((((a+)+)+)+)+)+)+)+)+)+)+)\.example\.com`, `https://[a-z]{2,20}\.example\.com`, `https://([a-z]{2,4}\.){1,3}example\.com`,
		`https://example\.(de|dk)`, `https://example\.(?:io|in)`, `https://(?:shop\.de|shop\.dk|shop\.fr)`, `https://(app1|app2)\.com`, `https://app[12]\.com`, `https://(app|app2)\.com`, `https://example\.(com|co)`,
		`https://example\.(de|dk|fr|it|es|nl|be|at|ch|pl|cz|se|no|fi|pt|ie)`, `https://example(1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16)\.com`,
		`https://(www\.)?example\.com`, `https://(|www\.)example\.com`, `https://([a-z]+\.)*example\.com`, `http://[a-z]+\.localhost(:\d+)?`, `https://app-[0-9]{3}\.example\.com`,
		`https://(app\.)?(example\.com|example\.net)(:8443)?`, `https://app\.example\.com:.*`, `https?://localhost(:\d+)?`, `https://\[::1\](:\d+)?`, `http://127\.\d+\.\d+\.\d+`,
		`https://192\.168\.\d+\.\d+:5173`, `https://10(\.\d+){3}`, `https://172\.(1[6-9]|2\d|3[01])\.\d+\.\d+`, `https://192\.168\.1\.[0-9.]+`,
		`https://deploy-preview-[0-9]+--site\.netlify\.app`, `https://[a-z0-9-]+--my-site\.netlify\.app`, `https://([a-z0-9-]+--)?site\.netlify\.app`,
		// Many runs of a fixed length.
		`https://[a-z0-9]{8}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{12}\.example\.com`, `https://[a-z]{6}-[a-z]{5}-[a-z]{4}-[a-z]{6}-[a-z]{5}-[a-z]{6}(\.[a-z]{2}){2}\.example\.com`,
		`https://ex[ab]{2}\.com`, `(?i)https://app[acegikmoq]\.com`, `https://app[1-4]\.com`, `https://app(a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p)\.com`, `https://203\.0\.113\.7(:\d+)?`, `https://169\.254\.\d+\.\d+`,
		`moz-extension://[0-9a-f-]+`, `(chrome|moz)-extension://[a-z0-9-]+`, `capacitor://localhost`, `safari-web-extension://[0-9A-F-]+`, `vscode-webview://.+`, `app://obsidian\.md|https://app\.example\.com`,
	} {
		if warning, mistake := judge(regex, true, true); warning+mistake != "" {
			t.Errorf("%s: warning %q, mistake %q", regex, warning, mistake)
		}
	}
}

func names(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("%c%dapp", 'a'+i*7%26, i))
	}
	return all
}

// Each refusal names the origin that would get in, or what is wrong.
func TestRegexIsRefused(t *testing.T) {
	t.Parallel()
	const (
		escape   = `; write \. for a dot`
		before   = "; what is left open must stand before an escaped dot"
		scheme   = ": it leaves the scheme open; begin with a scheme"
		optional = " in: an optional part of the pattern changes the domain; list each domain"
	)
	tests := []struct{ regex, want string }{
		{`.*`, "lets null in"}, {`.+`, "lets null in"}, {`null`, "lets null in"}, {`(null|https://app\.example\.com)`, "lets null in"}, {`.*null`, "lets null in"},
		{`[a-z]+`, "lets null in"}, {`https://app\.example\.com|.*`, "lets null in"},

		{`https?://.*`, "lets https://evil.example in"}, {`http://.*`, "lets http://evil.example in"}, {`https://.+`, "lets https://evil.example in"}, {`https://[^/]+`, "lets https://evil.example in"},
		{`https://.*example\.com`, "lets https://evilexample.com in, which nobody listed" + before}, {`https://[a-z.]*example\.com`, "lets https://evilexample.com in"},
		{`https://(app|.+)`, "lets https://evil.example in"}, {`https://(?:app\.example\.com|evil.*)`, "lets https://evil"}, {`https://(www\.)?.*\.com`, "lets https://www.evil.com in"},
		{`https://[a-z]+\.com`, "lets https://evil.com in" + ", which nobody listed" + before}, {`https://[a-q]\.com`, "lets https://a.com in, which nobody listed" + before}, {`https://app(a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q)\.com`, "lets https://app"}, {`https://app\.example\..+`, "lets https://app.example."},
		{`https://example\.[a-z]{2,3}`, "lets https://example.xx in"}, {`https://app\.example\.com.*`, "lets https://app.example.com.evil.example in"}, {`https://app\.example\.com\.?[a-z]*`, "lets https://app.example.com"},
		{`https://(app\.)?example\.com.*`, "evil"}, {`https://[a-z]+\.example\.com.*`, "lets https://evil.example.com.evil.example in"}, {`https://[a-z]+\.co\.uk`, "lets https://evil.co.uk in, which nobody listed"}, {`https://[a-z]+xvercel\.app`, "which nobody listed"}, {`https://example\.com:*[a-z.]*`, "lets https://example.com"}, {`https://example\.com:?[a-z.]*`, "lets https://example.com"},
		{`https://app\.example\.com[:0-9]*`, "lets https://app.example.com7 in"}, {`https:.{0,9}example\.com`, "lets https://evilexample.com in"},

		{`https://app.example.com`, "lets https://appxexample.com in, which nobody listed" + escape}, {`https://app\.example.com`, "lets https://app.examplexcom in, which nobody listed" + escape},
		{`https://my.app.example.co.uk`, "lets https://myxappxexamplexco.uk in"},
		{`https://.?example\.com`, "lets https://xexample.com in, which nobody listed" + escape}, {`https://app[x.]example\.com`, "lets https://appxexample.com in"}, {`https://app[.-]example\.com`, "lets https://app-example.com in"},
		{`https://example\.com|https://bcd.{40}`, "lets https://bcdxxx"}, {`https://example\.com|https://bcd.{100}`, "lets https://bcdxxx"}, {`https://example\.com(\.au.{100})?`, "lets https://example.com.auxxx"},

		{`https://example\.com?`, "lets https://example.co" + optional}, {`https://example\.com(\.au)?`, "lets https://example.com.au" + optional}, {`https://www\.?example\.com`, "lets https://wwwexample.com" + optional},
		{`https://(dev-?)?example\.com`, "lets https://dev"}, {`https://app\.?(staging)?\.?example\.com`, "example.com" + optional}, {`https://app[12]?\.com`, "lets https://app.com" + optional},
		{`https://a\.(b)?example\.com`, "lets https://a.bexample.com" + optional}, {`https://(a|b)?example\.com`, "example.com" + optional},

		{`https://app-*example\.com`, "lets https://app"}, {`https://(www\.|dev)*example\.com`, "lets https://devexample.com in"}, {`https://e+xample\.com`, "xample.com in"}, {`https://app[12]+\.com`, "lets https://app1"},
		{`https://app[1-5]\.com`, "lets https://app"}, {`https://example\d\.com`, "lets https://example7.com in"}, {`https://example\.c[a-p]`, "lets https://example.c"}, {`https://[ab][ab][ab][ab][ab]\.com`, "lets https://"},

		{`.*://app\.example\.com`, "lets http://app.example.com in" + scheme}, {`[a-z]+://app\.example\.com`, "lets http://app.example.com in" + scheme}, {`.*example\.com`, "lets https://evilexample.com in" + scheme},
		{`.+example\.com`, "lets https://evilexample.com in"}, {`http.*example\.com`, "lets https://evilexample.com in"}, {`^.*\.example\.com$`, "lets https://"}, {`[a-z]+-extension://x`, "lets evil-extension://x in" + scheme}, {`[a-c]pp://localhost`, "lets app://localhost in" + scheme},

		{`https://[\d.]+`, "lets https://203.0.113.7 in"}, {`http://93\.184\.216\.\d+`, "lets http://93.184.216.7 in"}, {`https://93\.184\.216\.\d`, "lets https://93.184.216."}, {`http://192\.168\..*`, "lets http://192.168.evil.example in"},
		{`https://1\d*\.0\.0\.1`, "lets https://1"}, {`https://17[12]\.16\.\d+\.\d+`, "lets https://171.16.7.7 in"},

		{`https://\d*1\.2\.3\.4`, "1.2.3.4 in, which nobody listed"}, {`https://25[67]\.1\.1\.1`, "leaves open"}, {`https://10\.0\.0\.1/*`, "leaves open"}, {`https://\[é[a-z]\]`, "leaves open"},
		{`https://x*[a-z]\.vercel\.app`, ".vercel.app in: anyone"},
		{`https://[a-z-]+\.github\.io`, "lets https://evil.github.io in: anyone can register a name below github.io"}, {`https://.+\.vercel\.app`, ".vercel.app in: anyone"}, {`https://myapp-.*\.vercel\.app`, "lets https://myapp-evil.example.vercel.app in: anyone"},
		{`https://[a-z]+-[a-z]+\.vercel\.app`, ".vercel.app in: anyone"}, {`https://(myapp-)?[a-z]+\.vercel\.app`, ".vercel.app in: anyone"},
		{`https://[a-z0-9.-]+\.amazonaws\.com`, ".amazonaws.com in: anyone"}, {`https://app\.[a-z]+\.core\.windows\.net`, ".core.windows.net in: anyone"}, {`https://[a-z]+\.platform\.sh`, ".platform.sh in"},
		{`https://[a-z]+\.iot\.eu-west-1\.amazonaws\.com`, ".iot.eu-west-1.amazonaws.com in: anyone"}, {`https://[a-z0-9]+\.gitpod\.io`, "lets https://evil.gitpod.io in: anyone"}, {`https://[a-z0-9-]+\.app\.github\.dev`, "lets https://evil.app.github.dev in: anyone"},
		{`https://example\.co[m:]8080`, "lets https://example.com8080 in"}, {`https://` + strings.Repeat("a*", 400) + `\.com`, ".com in, which nobody listed"}, {`https://(` + strings.Repeat("(a|bb|)", 6) + `)\.com`, ".com"},
		{`https://*.example.com`, "lets https://xexample.com in: it leaves the scheme open; write it into ALLOWED_ORIGINS, where * stands for subdomains"},
		{`https://[a-z0-9-]+--\.netlify\.app`, "leaves open"}, {`https://.*\.1\.2\.3\.4`, "leaves open"},

		{`https://app\.example\.com/`, "lists https://app.example.com/: it has a trailing slash"}, {`https://app\.example\.com/?`, "lists https://app.example.com/: it has a trailing slash, which no browser sends; leave that out"},
		{`https://[a-z]+\.example\.com/`, `has "/" where only the host or a port can stand; leave it out`}, {`https://[a-z]+\.example\.com:80/`, `has "/" where only a port can stand; leave it out`}, {`https://[a-z]+\.example\.com:/80`, "where only a port"}, {`https://\.*é\.com`, "outside ASCII"},
		{`://(.+\.)?example\.com$`, "it has no scheme; begin with the scheme"}, {`://.+\.example\.com`, "lists ://: it has no scheme; begin with the scheme"}, {`://app\.example\.com`, "lists ://app.example.com: it has no scheme; begin with the scheme"},
		{`/https:\/\/app\.example\.com/`, "leave out the slashes around the pattern"}, {`/^https:\/\/[a-z]+\.example\.com$/i`, "leave out the slashes around the pattern"},
		{`example\.com`, "lists example.com: it has no scheme; begin with the scheme"}, {`(https|ftp)://example\.com`, `lists ftp://example.com: it has the scheme "ftp"`}, {`https://example\.com(:443)?`, "lists https://example.com:443: it spells out the default port"},
		{`htps://[a-z]+\.example\.com`, `lists htps://: it begins with "htps://", which looks like a misspelling`}, {`file://.*`, `lists file://: it has the scheme "file", whose pages have no origin of their own; leave that out`}, {`https://App\.example\.com`, "upper-case"},
		{`https://[a-z]+\.example\.com:443`, "matches no origin"}, {`https://a^b[a-z]\.example\.com`, "matches no origin"}, {`https://a{1000}\.example\.com`, "matches no origin"}, {`capacitor://localhost/+`, "matches no origin"},
		{`https://(a?){300}\.example\.com`, "has more than 1024 combinations of alternatives and optional parts"}, {`https://((a?){11})*\.example\.com`, "more than 1024 combinations"},
		{`https://(` + strings.Join(names(35), "|") + `)\.(` + strings.Join(names(35), "|") + `)\.example\.com`, "more than 1024 combinations"},
		{`https://[a-z]{0,1000}\.example\.com`, "compiles to 2022 instructions, more than 2000"}, {`https://` + strings.Repeat("a", 2000) + `\.example\.com`, "has 2022 bytes, more than 2000"},
		{`https://app\.example\.com(`, "does not compile"}, {`a)|(.*`, "does not compile"}, {`https://a\.com(?=x)`, "does not compile"},
	}
	for _, tt := range tests {
		warning, mistake := judge(tt.regex, false, true)
		if !strings.Contains(mistake, tt.want) || warning != "" {
			t.Errorf("%s: %q, warning %q, want a mistake with %q", tt.regex, mistake, warning, tt.want)
		}
		// The origin that is named does get in.
		if _, named, found := strings.Cut(mistake, "lets "); found {
			named, _, _ = strings.Cut(named, " in")
			if o, err := origin.Parse(named); named != "null" && (err != nil || o.String() != named) {
				t.Errorf("%s: names %q, which is not an origin: %v", tt.regex, named, err)
			}
		}
	}
}

// No pattern takes long at startup. Allocations stand for time: the work that grows
// with a pattern copies its forms and the texts that are tried as examples.
func TestRegexIsBounded(t *testing.T) { // not parallel, because it counts allocations
	for _, regex := range []string{
		`(a?){300}`, `https://(a?){300}\.com`, `https://((a?){30}){30}\.com`, `https://` + strings.Repeat("a?", 300) + `\.com`, `https://` + strings.Repeat("a?", 990) + `\.com`,
		`https://` + strings.Repeat("a?", 9) + strings.Repeat("b*c+", 250), `https://` + strings.Repeat(`\b`, 900) + strings.Repeat("a?", 9), `https://` + strings.Repeat("(a?b?c?d?e?f?g?h?i?)+", 50),
		`https://` + strings.Repeat("(a|b|cc)[a-z.]+", 9) + `x\bx\.com`, `https://` + strings.Repeat("a?[a-z.]{0,190}x", 9) + `\.com`, `https?://(` + strings.Repeat("[a-z]{9}.com|", 150) + `x)`,
		strings.Repeat(`[a-z]{0,1000}`, 60), strings.Repeat(`[a-z]{0,1000}`, 500),
	} {
		if n := testing.AllocsPerRun(1, func() { judge(regex, true, true) }); n > 250_000 {
			t.Errorf("%.60s: %v allocations, want at most 250,000", regex, n)
		}
	}
}

// A part of a name that strangers can register is accepted with a warning
// unless credentials are at stake in production.
func TestPreviewsOnSharedHosts(t *testing.T) {
	t.Parallel()
	for regex, stranger := range map[string]string{
		`https://myapp-[a-z0-9]+\.vercel\.app`:                "lets https://myapp-evil.vercel.app in, a name that a stranger can register below vercel.app",
		`https://pr-\d\.vercel\.app`:                          ".vercel.app in",
		`https://.*-myteam\.vercel\.app`:                      "-myteam.vercel.app in",
		`https://deploy-preview-[0-9]+-site\.netlify\.app`:    "lets https://deploy-preview-7-site.netlify.app in",
		`https://a--[a-z]+\.netlify\.app`:                     "lets https://a--evil.netlify.app in",
		`https://[a-z]+--(my)?site\.netlify\.app`:             ".netlify.app in",
		`https://myapp--[a-z]+\.vercel\.app`:                  "lets https://myapp--evil.vercel.app in",
		`https://[a-z]+--site\.vercel\.app`:                   "lets https://evil--site.vercel.app in",
		`https://[a-z]+-?x\.vercel\.app`:                      ".vercel.app in, a name",
		`https://my(\.a)?-[a-z]+\.vercel\.app`:                ".vercel.app in, a name",
		`https://name-[a-z0-9]+-5173\.app\.github\.dev`:       "lets https://name-evil-5173.app.github.dev in",
		`https://app\.example\.com|https://x[a-z]+\.fly\.dev`: ".fly.dev in",
	} {
		for _, tt := range []struct{ production, credentials, refused bool }{
			{true, true, true}, {true, false, false}, {false, true, false}, {false, false, false},
		} {
			warning, mistake := judge(regex, tt.production, tt.credentials)
			text := warning
			if tt.refused {
				text = mistake
			}
			if (mistake != "") != tt.refused || (warning != "") == tt.refused || !strings.Contains(text, stranger) ||
				!strings.Contains(text, "a domain of your own") || !strings.Contains(text, "CORS_ALLOW_CREDENTIALS=false") {
				t.Errorf("%s, %+v: warning %q, mistake %q, want %q and two ways out", regex, tt, warning, mistake, stranger)
			}
		}
	}
}

func TestPlainHTTPByRegex(t *testing.T) {
	t.Parallel()
	for regex, want := range map[string]string{
		`https?://app\.example\.com`:        "lets http://app.example.com in, which is plain http",
		`http://[a-z]+\.example\.com`:       ".example.com in, which is plain http",
		`http://10\.0\.0\.\d+`:              "lets http://10.0.0.7 in, which is plain http",
		`http://(localhost|a\.example)`:     "lets http://a.example in, which is plain http",
		`http://(localhost|127\.0\.0\.\d+)`: "",
		`http://\[::1\]:\d+`:                "",
		`http://.+\.localhost`:              "",
		`http://127\.0\.0\.[1-9]`:           "",
		`http://127\.0\.0\.\d+(:\d+)?`:      "",
		`http://localhos[st]`:               "lets http://localhoss in, which is plain http",
		`http://[a-z]+--site\.netlify\.app`: "--site.netlify.app in, which is plain http",
	} {
		if _, mistake := judge(regex, true, true); !strings.Contains(mistake, want) || (mistake == "") != (want == "") {
			t.Errorf("%s: %q, want %q", regex, mistake, want)
		}
		for _, relaxed := range [][2]bool{{true, false}, {false, true}} {
			if warning, mistake := judge(regex, relaxed[0], relaxed[1]); warning+mistake != "" {
				t.Errorf("%s: %q %q outside of production with credentials", regex, warning, mistake)
			}
		}
	}
}

// FuzzRegex puts patterns together from pieces. Whatever is accepted admits no
// origin of an attacker, whose names stand in no piece.
func FuzzRegex(f *testing.F) {
	pieces := []string{
		`https://`, `https?://`, `http`, `://`, `app`, `example`, `com`, `\.`, `.`, `[a-z]+`, `[a-z.]`, `.*`, `.+`, `.{0,30}`, `\w`, `[^/]`, `-`, `--`, `\d`, `(`, `)`, `|`, `?`, `*`, `+`, `{2}`, `{0,3}`, `{300}`,
		`:`, `(:\d+)?`, `(www\.)?`, `(de|dk)`, `^`, `$`, `\b`, `(?i)`, `EXAMPLE`, `example\.com`, `\.example\.com`, `netlify\.app`, `--site\.netlify\.app`, `github\.io`, `\.me\.github\.io`, `localhost`, `[.-]`, `192\.168\.`, `capacitor://`,
		`https://[a-z]+\.example\.com`, `https://app\.example\.com`, `amazonaws\.com`, `co\.uk`,
	}
	hostile := []string{
		"null", "https://evil.com", "http://evil.com", "https://evil.com:8443", "https://www.evil.com", "https://evilexample.com", "https://appevilexample.com", "https://evil-example.com", "https://app.evilexample.com",
		"https://example.evil.com", "https://app.example.com.evil.com", "https://app.example.comevil.com", "https://example.com-evil.com", "https://appxexample.com", "https://app.examplexcom.com", "https://evil.co.uk", "https://exampleevil.com",
		"https://evil.github.io", "https://me.evil.github.io", "https://evil.netlify.app", "https://app--evil.netlify.app", "https://a.evil.netlify.app", "https://evil.amazonaws.com", "https://evil.s3.amazonaws.com", "https://localhost.evil.com",
		"https://192.168.evil.com", "https://192.168.1.1.evil.com", "https://203.0.113.7", "http://203.0.113.7:8443", "evil://app.example.com", "evil://localhost", "capacitorevil://localhost",
	}
	f.Add([]byte{0, 9, 37})
	f.Add([]byte{1, 4, 8, 5, 8, 6})
	f.Add([]byte{0, 11, 39})
	f.Add([]byte{0, 4, 22, 7, 36})
	f.Fuzz(func(t *testing.T, choices []byte) {
		if len(choices) > 30 {
			return
		}
		regex := ""
		for _, choice := range choices {
			regex += pieces[int(choice)%len(pieces)]
		}
		policy, _, mistakes := origin.ParsePolicy(origin.Options{Regex: regex, Credentials: true, Production: true})
		if len(mistakes) > 0 {
			for _, m := range mistakes {
				_, named, found := strings.Cut(m.Problem, "lets ")
				if named, _, _ = strings.Cut(named, " in"); found && named != "null" {
					if _, err := origin.Parse(named); err != nil {
						t.Fatalf("%s: names %q, which is not an origin: %v", regex, named, err)
					}
				}
			}
			return
		}
		for _, stranger := range hostile {
			if policy.Allows(stranger) {
				t.Fatalf("%s is accepted and lets %s in", regex, stranger)
			}
		}
	})
}
