package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
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
	for _, tt := range []struct {
		name     string
		policy   policy
		severity string
		want     string // in the title
		fix      string
	}{
		{"any origin, reflected, with credentials", policy{allows: every}, "high", "with credentials: any site can read", "ALLOWED_ORIGINS"},
		{"any origin, reflected, without", policy{allows: every, noCreds: true}, "medium", "answers with the origin that asks", "send * if the data is public"},
		{"* with credentials", policy{answer: func(string) string { return "*" }}, "medium", "browsers reject the pair", "leave Access-Control-Allow-Credentials out"},
		{"null", policy{allows: func(o string) bool { return o == auditPage || o == "null" }}, "high", "The origin null is allowed", "remove null"},
		{"prefix", policy{allows: func(o string) bool { return strings.HasPrefix(o, auditPage) }}, "high", "begins like the page's", "compare whole origins"},
		{"suffix", policy{allows: func(o string) bool { return strings.HasSuffix(o, "example.com") && strings.HasPrefix(o, "https:") }}, "high", "ends like the page's", "compare whole origins"},
		{"a dot for any letter", policy{allows: func(o string) bool { return o == auditPage || o == "https://appxexample.com" }}, "high", "a letter stands for a dot", "escape the dots"},
		{"any subdomain", policy{allows: func(o string) bool { return strings.HasSuffix(o, ".example.com") && strings.HasPrefix(o, "https:") }}, "medium", "any subdomain", "list the subdomains"},
		{"plain http", policy{allows: func(o string) bool { return strings.TrimPrefix(o, "http://") == "app.example.com" || o == auditPage }}, "medium", "by plain http", "https origin only"},
		{"localhost in production", policy{allows: func(o string) bool { return o == auditPage || o == "http://localhost:5173" }}, "medium", "pages on localhost", "in development only"},
		{"localhost by prefix", policy{allows: func(o string) bool { return o == auditPage || strings.HasPrefix(o, "http://localhost.") }}, "high", "begins with http://localhost", "compare whole origins"},
		{"a trailing slash", policy{answer: func(string) string { return auditPage + "/" }}, "high", "never equal to what a browser sends", "write " + auditPage},
		{"a list in the header", policy{answer: func(string) string { return auditPage + ",https://b.example" }}, "high", "has several values", "one origin that asks"},
		{"no scheme", policy{answer: func(string) string { return "app.example.com" }}, "high", "is not an origin", "write scheme, host and port"},
		{"the page is not listed", policy{allows: func(o string) bool { return false }}, "high", "is not allowed", "ALLOWED_ORIGINS"},
		{"no Vary", policy{noVary: true}, "medium", "Vary: Origin is missing", "on every response"},
		{"Vary only where allowed", policy{onlyOwnVary: true}, "medium", "Vary: Origin is missing", "where there is none"},
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
		{"preflight unknown", policy{preflight: status(404)}, "high", "fails with 404", "answer OPTIONS with 204"},
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
