package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"example.com/api/internal/fetch"
)

// The audit's page and API of these tests: the page may call, nobody else may.
const auditPage = "https://app.example.com"

// policy is a CORS middleware as people write it, with its mistakes. The zero
// value is right.
type policy struct {
	allows      func(origin string) bool // nil: the page only
	answer      func(origin string) string
	noVary      bool
	onlyOwnVary bool   // Vary is sent only where the origin is allowed
	noCreds     bool   // no Access-Control-Allow-Credentials
	credentials string // another value of it
	methods     string
	headers     string
	exposed     string
	maxAge      string
	everybody   bool // all headers but Allow-Origin for disallowed origins too
	preflight   func(w http.ResponseWriter, r *http.Request) bool
	errorsBare  bool // errors come from outside the middleware
	gzip        bool // errors lose Vary
	cookie      string
	noSecurity  bool
	redirects   bool // the trailing slash is redirected, outside the middleware
}

func (p policy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if !p.noSecurity {
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
	}
	if p.redirects && r.URL.Path == "/items/" && r.Method != http.MethodOptions {
		http.Redirect(w, r, "/items", http.StatusMovedPermanently)
		return
	}
	status := http.StatusOK
	switch {
	case r.URL.Path != "/items":
		status = http.StatusNotFound
	case r.Method != "GET" && r.Method != "OPTIONS":
		status = http.StatusMethodNotAllowed
	}
	if status != http.StatusOK && p.errorsBare {
		w.WriteHeader(status)
		return
	}

	origin := r.Header.Get("Origin")
	allowed := origin == auditPage
	if p.allows != nil {
		allowed = p.allows(origin)
	}
	if !p.noVary && (!p.onlyOwnVary || allowed) && (!p.gzip || status == http.StatusOK) {
		h.Add("Vary", "Origin")
	}
	value := origin
	if p.answer != nil {
		value, allowed = p.answer(origin), true
	}
	ask := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	if ask && p.preflight != nil && p.preflight(w, r) {
		return
	}
	if allowed && value != "" {
		h.Set("Access-Control-Allow-Origin", value)
	}
	if allowed || p.everybody {
		if credentials := or(p.credentials, "true"); !p.noCreds {
			h.Set("Access-Control-Allow-Credentials", credentials)
		}
		h.Set("Access-Control-Expose-Headers", or(p.exposed, "ETag"))
		if ask {
			h.Set("Access-Control-Allow-Methods", or(p.methods, "GET, PUT"))
			h.Set("Access-Control-Allow-Headers", or(p.headers, "Authorization, Content-Type"))
			h.Set("Access-Control-Max-Age", or(p.maxAge, "600"))
			status = http.StatusNoContent
		}
	} else if origin != "" {
		status = http.StatusForbidden
	}
	if p.cookie != "" && !ask {
		h.Set("Set-Cookie", p.cookie)
	}
	w.WriteHeader(status)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func status(code int, lines ...string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		headers(code, lines...)(w, r)
		return true
	}
}

// Each server has one mistake; the audit names it and how to fix it. The
// mistakes are those of well-known starters and libraries.
func TestAuditFindsMistakes(t *testing.T) {
	every := func(string) bool { return true }
	reflected := func(origin string) string { return origin }
	// A mistake has one finding, but for these.
	several := map[string]int{"suffix": 3, "a trailing slash": 3, "a list in the header": 3, "no scheme": 3, "errors without CORS headers": 2, "no security headers": 2}
	for _, tt := range []struct {
		name     string
		policy   policy
		severity string
		want     string // in the title
		fix      string
	}{
		{"any origin, reflected, with credentials", policy{allows: every}, "high", "with credentials: any site can read", "ALLOWED_ORIGINS"},
		{"any origin, reflected, without", policy{allows: every, noCreds: true}, "medium", "returns whatever origin the request has", "send * if the data is public"},
		{"* with credentials", policy{answer: func(string) string { return "*" }}, "medium", "browsers reject the pair", "leave Access-Control-Allow-Credentials out"},
		{"null", policy{allows: func(o string) bool { return o == auditPage || o == "null" }}, "high", "The origin null is allowed", "remove null"},
		{"null, without credentials", policy{allows: func(o string) bool { return o == auditPage || o == "null" }, noCreds: true}, "medium", "The origin null is allowed", "remove null"},
		{"prefix, without credentials", policy{allows: func(o string) bool { return strings.HasPrefix(o, auditPage) }, noCreds: true}, "low", "begins like the page's", "compare whole origins"},
		{"prefix", policy{allows: func(o string) bool { return strings.HasPrefix(o, auditPage) }}, "high", "begins like the page's", "compare whole origins"},
		{"suffix", policy{allows: func(o string) bool { return strings.HasSuffix(o, "example.com") && strings.HasPrefix(o, "https:") }}, "high", "ends like the page's", "compare whole origins"},
		{"a dot for any letter", policy{allows: func(o string) bool { return o == auditPage || o == "https://appxexample.com" }}, "high", "a letter stands for a dot", "escape the dots"},
		{"any subdomain", policy{allows: func(o string) bool { return strings.HasSuffix(o, ".example.com") && strings.HasPrefix(o, "https:") }}, "medium", "any subdomain", "list the subdomains"},
		{"plain http", policy{allows: func(o string) bool { return strings.TrimPrefix(o, "http://") == "app.example.com" || o == auditPage }}, "medium", "by plain http", "https origin only"},
		{"localhost in production", policy{allows: func(o string) bool { return o == auditPage || o == "http://localhost:5173" }}, "medium", "pages on localhost", "in development only"},
		{"localhost by prefix", policy{allows: func(o string) bool { return o == auditPage || strings.HasPrefix(o, "http://localhost.") }}, "high", "begins with http://localhost", "compare whole origins"},
		{"a trailing slash", policy{answer: func(string) string { return auditPage + "/" }}, "high", "never equal to what a browser sends", "write " + auditPage},
		{"a list in the header", policy{answer: func(string) string { return auditPage + ",https://b.example" }}, "high", "has several values", "the one origin of the request"},
		{"no scheme", policy{answer: func(string) string { return "app.example.com" }}, "high", "is not an origin", "write scheme, host and port"},
		{"the page is not listed", policy{allows: func(o string) bool { return false }}, "high", "is not allowed", "ALLOWED_ORIGINS"},
		{"no Vary", policy{noVary: true}, "medium", "Vary: Origin is missing", "on every response"},
		{"Vary only where allowed", policy{onlyOwnVary: true}, "medium", "Vary: Origin is missing", "or there is none"},
		{"compression that drops Vary", policy{gzip: true}, "low", "Vary: Origin is missing on error responses", "instead of setting it"},
		{"errors without CORS headers", policy{errorsBare: true}, "medium", "The error response for an unknown path, 404 Not Found", "before routing"},
		{"methods *", policy{methods: "*"}, "medium", "Access-Control-Allow-Methods is *", "list the names"},
		{"headers *", policy{headers: "*"}, "medium", "Access-Control-Allow-Headers is *", "list the names"},
		{"exposed *", policy{exposed: "*"}, "medium", "Access-Control-Expose-Headers is *", "list the names"},
		{"response headers among the allowed", policy{headers: "Content-Type, Access-Control-Allow-Origin"}, "low", "lists access-control-allow-origin", "list request headers"},
		{"Set-Cookie exposed", policy{exposed: "ETag, Set-Cookie"}, "low", "lists Set-Cookie", "remove it"},
		{"credentials in another letter case", policy{credentials: "True"}, "medium", `is "True"`, "write true"},
		{"max age with a unit", policy{maxAge: "12h"}, "low", "not a number of seconds", "whole seconds"},
		{"max age too long", policy{maxAge: "31536000"}, "low", "longer than any browser", "at most 86400"},
		{"permissions for everybody", policy{everybody: true}, "low", "is told the allowed methods", "no Access-Control-* header"},
		{"preflight behind sign-in", policy{preflight: status(401, "WWW-Authenticate: Basic")}, "high", "needs signing in", "before authentication"},
		{"preflight behind the limiter", policy{preflight: status(429)}, "high", "rate-limited", "before the rate limit"},
		{"preflight redirected", policy{preflight: status(308, "Location: https://x.example/")}, "high", "is redirected", "before any redirect"},
		{"preflight unknown", policy{preflight: status(404)}, "high", "fails with 404", "respond to OPTIONS with 204"},
		{"preflight without the origin", policy{preflight: status(200)}, "high", "does not allow the page", "to preflights"},
		{"preflight costs quota", policy{preflight: func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("X-RateLimit-Remaining", "9")
			return false
		}}, "low", "count against the rate limit", "before the rate limit"},
		{"preflight sets a cookie", policy{preflight: func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Set-Cookie", "a=b; HttpOnly")
			return false
		}}, "low", "sets a cookie", "before sessions"},
		{"the trailing slash is redirected", policy{redirects: true}, "medium", "trailing slash is redirected", "RedirectTrailingSlash = false"},
		{"a cookie that browsers drop", policy{cookie: "a=b; SameSite=None; HttpOnly"}, "medium", "SameSite=None without Secure", "add Secure"},
		{"a cookie for scripts", policy{cookie: "a=b"}, "low", "not HttpOnly", "add HttpOnly"},
		{"no security headers", policy{noSecurity: true}, "low", "nosniff is missing", "on every response"},
		{"echo without an Origin", policy{answer: reflected}, "high", "Every origin is allowed", "ALLOWED_ORIGINS"},
	} {
		found := auditOf(t, tt.policy)
		if n := max(1, several[tt.name]); len(found) != n {
			t.Errorf("%s: got %d findings, want %d: %+v", tt.name, len(found), n, found)
		}
		if !slices.ContainsFunc(found, func(f jsonFinding) bool {
			return f.Severity == tt.severity && strings.Contains(f.Title, tt.want) && strings.Contains(f.Fix, tt.fix)
		}) {
			t.Errorf("%s: %s: %q is missing in %+v", tt.name, tt.severity, tt.want, found)
		}
	}
}

// With its mistake fixed, each of those servers is this one.
func TestAuditFindsNothing(t *testing.T) {
	for name, p := range map[string]policy{
		"a list":                 {},
		"public":                 {answer: func(string) string { return "*" }, noCreds: true, noVary: true},
		"a list, no credentials": {noCreds: true},
		"a cookie":               {cookie: "a=b; HttpOnly; SameSite=Lax"},
	} {
		if found := auditOf(t, p); len(found) > 0 {
			t.Errorf("%s: got %+v", name, found)
		}
	}
}

func auditOf(t *testing.T, p policy) []jsonFinding {
	t.Helper()
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	// A public name, so that localhost is not the API's own.
	api := "http://api.example.com:" + u.Port() + "/items"
	status, stdout, stderr := corscheck(t, api, "--audit", "--origin", auditPage, "--json", "--resolve", "api.example.com:"+u.Port()+":127.0.0.1")
	var got struct{ Findings []jsonFinding }
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	if want := map[bool]int{true: exitBlocked, false: exitAllowed}[len(got.Findings) > 0]; status != want {
		t.Errorf("got status %d with %d findings", status, len(got.Findings))
	}
	return got.Findings
}

// The dry run lists just the requests that are then made, and all are harmless.
func TestAuditRequests(t *testing.T) {
	var got []string
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" http://"+r.Host+r.URL.RequestURI()+" "+r.Header.Get("Origin"))
		if r.Header.Get("Cookie") != "" || r.Header.Get("Authorization") != "" || r.ContentLength > 0 {
			t.Errorf("%s %s carries credentials or a body", r.Method, r.URL)
		}
	})
	_, listed, _ := corscheck(t, address+"/items?a=b", "--audit", "--origin", testPage, "--dry-run")
	if len(got) > 0 {
		t.Fatalf("the dry run sent %q", got)
	}
	corscheck(t, address+"/items?a=b", "--audit", "--origin", testPage)
	if len(got) == 0 || len(got) > 20 {
		t.Errorf("the audit sends %d requests", len(got))
	}
	lines := strings.Split(strings.TrimSpace(listed), "\n")[1:]
	for i, request := range got {
		if 2*i+1 >= len(lines) {
			t.Errorf("%s is not listed", request)
			continue
		}
		origin, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(lines[2*i+1]), "Origin: "), " (")
		if origin == "no Origin" {
			origin = ""
		}
		if want := strings.TrimSpace(lines[2*i]) + " " + origin; request != want {
			t.Errorf("request %d: got %q, listed %q", i, request, want)
		}
		if method, _, _ := strings.Cut(request, " "); !slices.Contains([]string{"GET", "OPTIONS", "CORSCHECK"}, method) {
			t.Errorf("%s is not harmless", request)
		}
	}
}

// Which origins are tried follows from the page and the API.
func TestAuditProbes(t *testing.T) {
	for _, tt := range []struct {
		api, page string
		hostile   string // severity and origin of each
		paths     string // of the requests from the page
	}{
		{"https://api.example.com/items?a=b", "https://app.example.com:8443",
			"high https://app.example.com.corscheck.example, high https://corscheckexample.com, medium https://corscheck.example.com, high https://appxexample.com:8443, " +
				"medium http://app.example.com, medium http://localhost:5173, high http://localhost.corscheck.example",
			"/items?a=b /items?a=b /items/corscheck-does-not-exist /items?a=b /items/?a=b"},
		{"https://api.example.com/items/", "http://example.com",
			"high http://example.com.corscheck.example, high http://corscheckexample.com, medium http://corscheck.example.com, medium http://localhost:5173, high http://localhost.corscheck.example",
			"/items/ /items/ /items/corscheck-does-not-exist /items/ /items"},
		{"http://localhost:8080/", "http://example.com:8081",
			"high http://example.com.corscheck.example, high http://corscheckexample.com, medium http://corscheck.example.com, high http://localhost.corscheck.example",
			"/ / /corscheck-does-not-exist /"},
		{"http://localhost:8080/", "http://localhost:5173",
			"high http://corschecklocalhost:5173, low http://localhost:1, high http://localhost.corscheck.example",
			"/ / /corscheck-does-not-exist /"},
		{"http://localhost:8080/", "http://localhost:1", "high http://corschecklocalhost:1, high http://localhost.corscheck.example", "/ / /corscheck-does-not-exist /"},
		{"http://localhost:8080/", "https://example.com",
			"high https://example.com.corscheck.example, high https://corscheckexample.com, medium https://corscheck.example.com, medium http://example.com, high http://localhost.corscheck.example",
			"/ / /corscheck-does-not-exist /"},
		{"https://api.example.com/", "http://localhost", "high http://corschecklocalhost, low http://localhost:1, high http://localhost.corscheck.example", "/ / /corscheck-does-not-exist /"},
		{"http://example.com/", "", "high http://example.com.corscheck.example, high http://corscheckexample.com, medium http://corscheck.example.com, medium http://localhost:5173, high http://localhost.corscheck.example", ""},
		{"http://example.com/", "null", "high http://example.com.corscheck.example, high http://corscheckexample.com, medium http://corscheck.example.com, medium http://localhost:5173, high http://localhost.corscheck.example", "/ / /corscheck-does-not-exist /"},
	} {
		u, err := url.Parse(tt.api)
		if err != nil {
			t.Fatal(err)
		}
		a := newAudit(u, tt.page)
		var hostile, paths []string
		for _, h := range a.hostile {
			hostile = append(hostile, h.severity.String()+" "+h.origin)
			if got, _ := h.message.Header.Get("Origin"); got != h.origin {
				t.Errorf("the probe of %s has Origin: %s", h.origin, got)
			}
		}
		for _, p := range a.probes[4+len(a.hostile):] {
			paths = append(paths, p.message.URL.RequestURI())
		}
		if got := strings.Join(hostile, ", "); got != tt.hostile {
			t.Errorf("%s, %s: got %s\nwant %s", tt.api, tt.page, got, tt.hostile)
		}
		if got := strings.Join(paths, " "); got != tt.paths {
			t.Errorf("%s, %s: got %s, want %s", tt.api, tt.page, got, tt.paths)
		}
		if _, present := a.plain.message.Header.Get("Origin"); present {
			t.Errorf("%s: the first request has an Origin", tt.api)
		}
	}
}

// Each row changes one reply of a server without mistakes.
func TestAuditJudges(t *testing.T) {
	right := []string{"Vary: Origin", "X-Content-Type-Options: nosniff", "X-Frame-Options: DENY", "Strict-Transport-Security: max-age=1"}
	allow := append(slices.Clone(right), "Access-Control-Allow-Origin: "+auditPage, "Access-Control-Allow-Credentials: true")
	preflight := append(slices.Clone(allow), "Access-Control-Allow-Methods: PUT", "Access-Control-Allow-Headers: authorization,content-type")
	with := func(lines []string, more ...string) []string { return slices.Concat(lines, more) }
	for _, tt := range []struct {
		name   string
		change func(a *audit)
		want   string // severity and beginning of the title of each finding
	}{
		{"nothing", func(*audit) {}, ""},
		{"Vary: *", func(a *audit) { a.page.reply = answer(200, with(allow[1:], "Vary: Accept, *")...) }, ""},
		{"Vary among others", func(a *audit) { a.page.reply = answer(200, with(allow[1:], "Vary: Accept", "Vary: x, ORIGIN")...) }, ""},
		{"Vary of something else", func(a *audit) { a.page.reply = answer(200, with(allow[1:], "Vary: Accept")...) }, "medium Vary: Origin is missing: a cache"},
		{"an error without Vary", func(a *audit) { a.wrong.reply = answer(405, allow[1:]...) }, "low Vary: Origin is missing on error responses"},
		{"the preflight alone allows every origin", func(a *audit) {
			a.foreignAsk.reply = answer(204, with(right, "Access-Control-Allow-Origin: https://"+attacker)...)
		}, "medium Every origin is allowed: the server returns"},
		{"null for everybody", func(a *audit) {
			for _, p := range a.probes {
				p.reply = answer(200, with(right, "Access-Control-Allow-Origin: null")...)
			}
		}, "high The page https://app.example.com is not allowed|medium The origin null is allowed"},
		{"407", func(a *audit) { a.pageAsk.reply = answer(407, preflight...) }, "high The preflight needs signing in"},
		{"199", func(a *audit) { a.pageAsk.reply = answer(199, preflight...) }, "high The preflight fails with 199"},
		{"299", func(a *audit) { a.pageAsk.reply = answer(299, preflight...) }, ""},
		{"300 without Location", func(a *audit) { a.pageAsk.reply = answer(300, preflight...) }, "high The preflight fails with 300"},
		{"300 with Location", func(a *audit) { a.pageAsk.reply = answer(300, with(preflight, "Location: /a")...) }, "high The preflight is redirected"},
		{"Location without a redirect", func(a *audit) { a.pageAsk.reply = answer(204, with(preflight, "Location: /a")...) }, ""},
		{"max age, the longest", func(a *audit) { a.pageAsk.reply = answer(204, with(preflight, "Access-Control-Max-Age: 86400")...) }, ""},
		{"max age, none", func(a *audit) { a.pageAsk.reply = answer(204, with(preflight, "Access-Control-Max-Age: 0")...) }, ""},
		{"max age below zero", func(a *audit) { a.pageAsk.reply = answer(204, with(preflight, "Access-Control-Max-Age: -1")...) }, "low Access-Control-Max-Age is not"},
		{"max age a second too long", func(a *audit) { a.pageAsk.reply = answer(204, with(preflight, "Access-Control-Max-Age: 86401")...) }, "low Access-Control-Max-Age is longer"},
		{"Set-Cookie among the allowed headers", func(a *audit) {
			a.pageAsk.reply = answer(204, with(allow, "Access-Control-Allow-Headers: Set-Cookie, Access-Control-Allow-Origin")...)
		}, "low Access-Control-Allow-Headers lists set-cookie"},
		{"* without credentials", func(a *audit) {
			a.page.reply = answer(200, allow[:5]...)
			a.pageAsk.reply = answer(204, with(allow[:5], "Access-Control-Allow-Headers: *")...)
		}, ""},
		{"* with credentials in the preflight alone", func(a *audit) {
			a.page.reply = answer(200, allow[:5]...)
			a.pageAsk.reply = answer(204, with(allow, "Access-Control-Allow-Headers: x, *")...)
		}, "medium Access-Control-Allow-Headers is *"},
		{"credentials: false", func(a *audit) {
			a.page.reply = answer(200, with(allow[:5], "Access-Control-Allow-Credentials: false")...)
		}, ""},
		{"a redirect that can be read", func(a *audit) { a.slash.reply = answer(301, with(allow, "Location: /items")...) }, "low The trailing slash is redirected"},
		{"a redirect that cannot be read", func(a *audit) { a.slash.reply = answer(301, with(right, "Location: /items")...) }, "medium The trailing slash is redirected"},
		{"400 for the slash", func(a *audit) { a.slash.reply = answer(400, with(right, "Location: /items")...) }, ""},
		{"299 for the slash", func(a *audit) { a.slash.reply = answer(299, with(right, "Location: /items")...) }, ""},
		{"304 for the slash", func(a *audit) { a.slash.reply = answer(304, right...) }, ""},
		{"an unknown path is answered", func(a *audit) { a.missing.reply = answer(299, right...) }, ""},
		{"an unknown path is redirected", func(a *audit) { a.missing.reply = answer(300, right...) }, "medium The error response for an unknown path"},
		{"frame-ancestors", func(a *audit) {
			a.page.reply = answer(200, with(slices.Delete(slices.Clone(allow), 2, 3), "Content-Security-Policy: frame-ancestors 'none'")...)
		}, ""},
		{"no X-Frame-Options", func(a *audit) { a.page.reply = answer(200, slices.Delete(slices.Clone(allow), 2, 3)...) }, "low Other sites can show the response"},
		{"no HSTS", func(a *audit) { a.page.reply = answer(200, slices.Delete(slices.Clone(allow), 3, 4)...) }, "low Strict-Transport-Security is missing"},
		{"no HSTS by http", func(a *audit) {
			a.url.Scheme = "http"
			a.page.reply = answer(200, slices.Delete(slices.Clone(allow), 3, 4)...)
		}, ""},
		{"a cookie", func(a *audit) {
			a.page.reply = answer(200, with(allow, "Set-Cookie: a=b; Secure; HttpOnly", "Set-Cookie: ")...)
		}, ""},
		{"a cookie for plain http too", func(a *audit) { a.page.reply = answer(200, with(allow, "Set-Cookie: a=b; HttpOnly")...) }, "medium The cookie a is not Secure"},
		{"the page's name in another letter case", func(a *audit) {
			for _, p := range a.probes {
				p.reply = answer(200, with(right, "Access-Control-Allow-Origin: HTTPS://app.example.com")...)
			}
		}, "high Access-Control-Allow-Origin is never equal|high The page"},
	} {
		u, err := url.Parse("https://api.example.com/items")
		if err != nil {
			t.Fatal(err)
		}
		a := newAudit(u, auditPage)
		for _, p := range a.probes {
			p.reply = answer(403, right...)
		}
		a.page.reply, a.pageAsk.reply = answer(200, allow...), answer(204, preflight...)
		a.missing.reply, a.wrong.reply, a.slash.reply = answer(404, allow...), answer(405, allow...), answer(404, allow...)
		tt.change(a)
		var got []string
		for _, f := range a.findings() {
			got = append(got, f.severity.String()+" "+f.title)
		}
		want := strings.Split(tt.want, "|")
		if tt.want == "" {
			want = nil
		}
		if !slices.EqualFunc(got, want, strings.HasPrefix) {
			t.Errorf("%s: got %q, want %q", tt.name, got, want)
		}
	}
}

// The audit as text.
func TestAuditOutput(t *testing.T) {
	right := serve(t, policy{allows: func(o string) bool { return o == testPage }}.ServeHTTP)
	wrong := serve(t, policy{answer: func(string) string { return "*" }}.ServeHTTP)
	for _, tt := range []struct {
		args   []string
		status int
		want   []string
		not    string
	}{
		{[]string{right + "/items", "--origin", testPage}, exitAllowed, []string{"Audit of " + right + "/items, 12 requests", "Nothing found."}, "--origin"},
		{[]string{right + "/items"}, exitAllowed, []string{"Nothing found.", "Add --origin with a page"}, "Findings"},
		{[]string{wrong + "/items"}, exitBlocked, []string{"\n\nMEDIUM  Every origin is allowed by *", "\n  Seen: GET with Origin: https://corscheck.example got Access-Control-Allow-Origin: *, Access-Control-Allow-", "\n  Fix: name the origin", "Findings: 1."}, "Nothing found"},
		{[]string{"http://localhost:2/"}, exitUnreachable, []string{"cannot be reached"}, "Audit of"},
		{[]string{right + "/items", "--dry-run"}, exitAllowed, []string{"7 requests, none with credentials:", "      no Origin (not from a page)", "      Origin: null (an opaque origin)"}, "Audit of"},
	} {
		status, stdout, stderr := corscheck(t, append(tt.args, "--audit")...)
		text := strings.Join(strings.Split(stdout, "\n        "), " ") + stderr
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("%q: %q is missing in:\n%s", tt.args, want, text)
			}
		}
		if status != tt.status || strings.Contains(text, tt.not) {
			t.Errorf("%q: got status %d, want %d without %q:\n%s", tt.args, status, tt.status, tt.not, text)
		}
	}
}

// A finding shows the request that revealed it, and what came.
func TestAuditEvidence(t *testing.T) {
	p := probe{origin: "https://a.example", message: fetch.Message{Method: "GET"}, reply: answer(200, "Access-Control-Allow-Origin: *")}
	if got, want := p.evidence(allowOrigin, "Vary"), "GET with Origin: https://a.example got Access-Control-Allow-Origin: *, no Vary"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p.origin = ""
	if got, want := p.evidence("Vary"), "GET without Origin got no Vary"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// The preflight is shown only where the request itself reveals nothing.
	every := policy{allows: func(string) bool { return true }}
	inPreflight := policy{preflight: func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set(allowOrigin, r.Header.Get("Origin"))
		return r.Header.Get("Origin") != auditPage
	}}
	for want, p := range map[string]policy{"GET with Origin: https://" + attacker: every, "OPTIONS with Origin: https://" + attacker: inPreflight} {
		if found := auditOf(t, p); len(found) != 1 || !strings.HasPrefix(found[0].Evidence, want) {
			t.Errorf("got %+v, want the evidence %q", found, want)
		}
	}
}

func TestAuditColors(t *testing.T) {
	for want, p := range map[string]policy{
		"\x1b[31mHIGH":   {allows: func(string) bool { return true }},
		"\x1b[33mMEDIUM": {allows: func(string) bool { return true }, noCreds: true},
	} {
		o, err := parseOptions([]string{serve(t, p.ServeHTTP) + "/items", "--audit"}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		runAudit(t.Context(), o, &printer{w: &out, color: true}, io.Discard)
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
}
