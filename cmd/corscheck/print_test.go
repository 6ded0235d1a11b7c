package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"plain text, with ‘quotes’ and é", "plain text, with ‘quotes’ and é"},
		{"\x1b[31mred", `\x1b[31mred`},
		{"a\nb\tc\r", `a\x0ab\x09c\x0d`},
		{"\xff\xc3", `\xff\xc3`},
		{"\u202etxt", `\u{202e}txt`},
		{"\u0085", `\u{85}`},
		{"\u200b", `\u{200b}`},
		{strings.Repeat("a", 1000), strings.Repeat("a", maxShown+1) + "…"},
	} {
		if got := clean(tt.in); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[2J\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
			t.Errorf("%q is not safe to print", got)
		}
	})
}

func TestWrapped(t *testing.T) {
	var out bytes.Buffer
	p := &printer{w: &out}
	p.wrapped(red, " ✗ ", strings.Repeat("word ", 30)+strings.Repeat("x", 100))
	for i, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		if n := utf8.RuneCountInString(line); n > width && !strings.Contains(line, "xxx") {
			t.Errorf("line %d has %d columns", i, n)
		}
		if want := map[bool]string{true: " ✗ ", false: "   "}[i == 0]; !strings.HasPrefix(line, want) {
			t.Errorf("line %d: %q does not begin with %q", i, line, want)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("colour without being asked")
	}
	out.Reset()
	p.color = true
	p.wrapped(red, "✗ ", "text")
	if got := out.String(); got != "\x1b[31m✗ \x1b[0mtext\n" {
		t.Errorf("got %q", got)
	}
}

func TestUseColor(t *testing.T) {
	terminal, err := os.Open(os.DevNull) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	for _, tt := range []struct {
		w       io.Writer
		noColor string
		term    string
		want    bool
	}{
		{terminal, "", "xterm", true},
		{terminal, "1", "xterm", false},
		{terminal, "", "dumb", false},
		{&bytes.Buffer{}, "", "xterm", false},
	} {
		env := map[string]string{"NO_COLOR": tt.noColor, "TERM": tt.term}
		if got := useColor(tt.w, func(name string) string { return env[name] }); got != tt.want {
			t.Errorf("%T, %v: got %v", tt.w, env, got)
		}
	}
}

func TestShown(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "not", 5 * time.Second: "5 s", 10 * time.Minute: "10 min", 2 * time.Hour: "2 h", 90 * time.Minute: "90 min"} {
		if got := shown(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

// Details of the output that depend on the request.
func TestReportDetails(t *testing.T) {
	open := headers(200, "Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: *", "Access-Control-Max-Age: 86400")
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		args    []string
		want    string
		not     string
	}{
		{"a public page", open, []string{"--origin", "https://app.example.com"}, "! The API is in the loopback network. Browsers ask the user", ""},
		{"a local page", open, []string{"--origin", testPage}, "ALLOWED", "loopback network"},
		{"a page without an origin", open, []string{"--origin", "null"}, "from a page without an origin (null)", "loopback network"},
		{"no-cors", open, []string{"--origin", testPage, "--mode", "no-cors"}, "from http://localhost:5173, mode no-cors", ""},
		{"no-cors, verdict", open, []string{"--origin", testPage, "--mode", "no-cors"}, "SENT. The response is opaque", "ALLOWED"},
		{"mode cors is not named", open, []string{"--origin", testPage}, "from http://localhost:5173 ", "mode"},
		{"a body makes a POST", open, []string{"--origin", testPage, "--data", "x"}, "→ POST /: 200 OK", "OPTIONS"},
		{"the preflight's age", open, []string{"--origin", testPage, "-X", "PUT"}, "Preflight cached: Chromium 2 h, Firefox 24 h, Safari 10 min", ""},
		{"403", headers(403), []string{"--origin", testPage}, "as servers do for an origin that they do not know", "Error responses"},
		{"403, verdict", headers(403), []string{"--origin", testPage}, "The server responded with 403 Forbidden, but the page cannot see that", "has handled"},
		{"401 without credentials", headers(401, "Access-Control-Allow-Origin: *"), []string{"--origin", testPage}, "made without credentials. If the API knows its users by a cookie, write fetch(url, {credentials:", "No cookie was given"},
		{"401 without a cookie", headers(401, "Access-Control-Allow-Origin: "+testPage, "Access-Control-Allow-Credentials: true"), []string{"--origin", testPage, "--credentials"}, "! No cookie was given. Add --cookie", "without credentials"},
		{"401 with Authorization", func(w http.ResponseWriter, r *http.Request) {
			status := map[bool]int{true: 204, false: 401}[r.Method == http.MethodOptions]
			headers(status, "Access-Control-Allow-Origin: *", "Access-Control-Allow-Headers: authorization")(w, r)
		}, []string{"--origin", testPage, "--header", "Authorization: x"}, "which says 401 Unauthorized", "cookie"},
		{"200 without a cookie", open, []string{"--origin", testPage}, "ALLOWED", "cookie"},
		{"404", headers(404), []string{"--origin", testPage}, "Error responses need the CORS headers too", "perhaps the route"},
		{"404 on a preflight", headers(404), []string{"--origin", testPage, "-X", "PUT"}, "perhaps the route does not know OPTIONS", "Error responses"},
	} {
		_, stdout, stderr := corscheck(t, append(tt.args, serve(t, tt.handler))...)
		flat := strings.Join(strings.Fields(stdout), " ")
		if !strings.Contains(flat, tt.want) || tt.not != "" && strings.Contains(flat, tt.not) {
			t.Errorf("%s: want %q, not %q, in:\n%s%s", tt.name, tt.want, tt.not, stdout, stderr)
		}
	}
}

func TestJSONHasNoControlCharacters(t *testing.T) {
	const hostile = "a\x1b\x7f\u009b\u202e\U000e0041é"
	var out bytes.Buffer
	p := &printer{w: &out}
	if err := p.encode(hostile); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), `"a\u001b\u007f\u009b\u202e\udb40\udc41é"`+"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var back string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back != hostile {
		t.Errorf("got %q and error %v, want %q", back, err, hostile)
	}
}
