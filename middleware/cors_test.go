package middleware_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"example.com/api/internal/forwarded"
	"example.com/api/internal/origin"
	"example.com/api/middleware"
)

const app = "http://localhost:5173"

func newCORS(options middleware.CORSOptions, log *slog.Logger) gin.HandlerFunc {
	if options.Origins == nil {
		options.Origins = allowing(app, "https://*.example.com", "https://api.test")
	}
	if options.Methods == nil {
		options.Methods = []string{"GET", "PUT"}
	}
	if options.Headers == nil {
		options.Headers = []string{"Content-Type"}
	}
	headers := middleware.NewSecurityHeaders(0, false, forwarded.Proxies{})
	return middleware.CORS(options, publicRoutes, trusted(), headers, nil, log)
}

// publicRoutes has one route of each kind.
var publicRoutes = middleware.Routes{
	"/":                   {Public: map[string]bool{"GET": false}},
	"/public":             {Public: map[string]bool{"GET": true}},
	"/callback/:provider": {Public: map[string]bool{"POST": true}},
	"/callback/list":      {Public: map[string]bool{"GET": false}},
	"/mixed":              {Public: map[string]bool{"GET": true, "PUT": false}},
	"/files/*path":        {Public: map[string]bool{"GET": true}},
}

// publicEngine serves publicRoutes, as router.go does.
func publicEngine(middlewares ...gin.HandlerFunc) *gin.Engine {
	e := gin.New()
	e.RedirectTrailingSlash, e.HandleMethodNotAllowed = false, true
	e.Use(middlewares...)
	served := func(c *gin.Context) { c.String(http.StatusOK, "served") }
	for path, route := range publicRoutes {
		for method := range route.Public {
			e.Handle(method, path, served)
			if method == "GET" {
				e.HEAD(path, served)
			}
		}
	}
	e.NoMethod(func(c *gin.Context) {
		if c.Request.Method == http.MethodOptions {
			c.Status(http.StatusNoContent)
		}
	})
	return e
}

// corsHeaders returns the headers of the CORS protocol and Vary.
func corsHeaders(w *httptest.ResponseRecorder) map[string]string {
	got := map[string]string{}
	for name, values := range w.Header() {
		if short, ok := strings.CutPrefix(name, "Access-Control-"); ok || name == "Vary" {
			got[short] = strings.Join(values, ", ")
		}
	}
	return got
}

func TestCORS(t *testing.T) {
	t.Parallel()
	type headers = map[string]string
	const preflightVary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
	var (
		vary      = headers{"Vary": "Origin"}
		allowed   = headers{"Vary": "Origin", "Allow-Origin": app, "Allow-Credentials": "true", "Expose-Headers": "X-Request-Id"}
		listed    = middleware.CORSOptions{Credentials: true, Exposed: []string{"X-Request-ID"}, MaxAge: time.Minute}
		any       = middleware.CORSOptions{Origins: origin.Any()}
		named     = middleware.CORSOptions{Credentials: true, Methods: []string{"*"}, Headers: []string{"*"}}
		nobody    = middleware.CORSOptions{Origins: allowing()}
		acrm      = "Access-Control-Request-Method: "
		acrh      = "Access-Control-Request-Headers: "
		fromProxy = "X-Forwarded-Proto: https"
	)
	tests := []struct {
		name    string
		options middleware.CORSOptions
		request *http.Request
		status  int
		want    headers
	}{
		{"no Origin", listed, request("GET", "/"), 200, vary},
		{"empty Origin", listed, request("GET", "/", "Origin: "), 200, vary},
		{"allowed", listed, request("GET", "/", "Origin: "+app), 200, allowed},
		{"allowed on an unknown path", listed, request("GET", "/none", "Origin: "+app), 404, allowed},
		{"listed and same host: still CORS headers", listed, request("GET", app+"/", "Origin: "+app), 200, allowed},
		{"listed, Host of the other scheme", listed, request("GET", "http://api.test/", "Origin: https://api.test"), 200,
			headers{"Vary": "Origin", "Allow-Origin": "https://api.test", "Allow-Credentials": "true", "Expose-Headers": "X-Request-Id"}},
		{"preflight", listed, request("OPTIONS", "/", "Origin: "+app, acrm+"PUT"), 204,
			headers{"Vary": preflightVary, "Allow-Origin": app, "Allow-Credentials": "true", "Allow-Methods": "GET,PUT", "Allow-Headers": "Content-Type", "Max-Age": "60"}},
		{"preflight for an unknown path", listed, request("OPTIONS", "/none", "Origin: "+app, acrm+"PUT"), 204,
			headers{"Vary": preflightVary, "Allow-Origin": app, "Allow-Credentials": "true", "Allow-Methods": "GET,PUT", "Allow-Headers": "Content-Type", "Max-Age": "60"}},
		{"max age 0 is sent", middleware.CORSOptions{}, request("OPTIONS", "/", "Origin: "+app, acrm+"PUT"), 204,
			headers{"Vary": preflightVary, "Allow-Origin": app, "Allow-Methods": "GET,PUT", "Allow-Headers": "Content-Type", "Max-Age": "0"}},
		{"nothing but simple requests", middleware.CORSOptions{Methods: []string{}, Headers: []string{}}, request("OPTIONS", "/", "Origin: "+app, acrm+"PUT", acrh+"X-A"), 204,
			headers{"Vary": preflightVary, "Allow-Origin": app, "Max-Age": "0"}},
		{"plain OPTIONS is not a preflight", listed, request("OPTIONS", "/", "Origin: "+app), 200, allowed},
		{"preflight without Origin", listed, request("OPTIONS", "/", acrm+"PUT"), 200, vary},
		{"disallowed", listed, request("GET", "/", "Origin: http://localhost:5174"), 403, vary},
		{"disallowed preflight", listed, request("OPTIONS", "/", "Origin: http://localhost:5174", acrm+"PUT"), 403, headers{"Vary": preflightVary}},
		{"null", listed, request("GET", "/", "Origin: null"), 403, vary},
		{"several values", listed, request("GET", "/", "Origin: "+app+", https://evil.test"), 403, vary},
		{"two lines, the first allowed", listed, request("GET", "/", "Origin: "+app, "Origin: https://evil.test"), 403, vary},
		{"two lines, both allowed", listed, request("GET", "/", "Origin: "+app, "Origin: "+app), 403, vary},
		{"two lines, both the same-origin one", listed, request("GET", "http://h.test/", "Origin: http://h.test", "Origin: http://h.test"), 403, vary},
		{"two lines, the first empty", listed, request("GET", "/", "Origin: ", "Origin: "+app), 403, vary},
		{"with an empty Origin, not a preflight", listed, request("OPTIONS", "/", "Origin: ", acrm+"PUT"), 200, vary},
		{"two lines are never same-origin", listed, request("GET", "http://h.test/", "Origin: http://h.test", "Origin: http://h.test", "Sec-Fetch-Site: same-origin"), 403, vary},
		{"nobody is listed", nobody, request("GET", "/", "Origin: "+app), 403, vary},

		{"same-origin", listed, request("GET", "http://h.test/", "Origin: http://h.test"), 200, vary},
		{"same-origin with a port", listed, request("GET", "http://h.test:8080/", "Origin: http://h.test:8080"), 200, vary},
		{"same-origin, Host in capitals with the default port", listed, request("GET", "http://H.TEST:80/", "Origin: http://h.test"), 200, vary},
		{"same host, other port", listed, request("GET", "http://h.test:8080/", "Origin: http://h.test"), 403, vary},
		{"same host, other scheme", listed, request("GET", "http://h.test/", "Origin: https://h.test"), 403, vary},
		{"same-origin by https", listed, request("GET", "https://h.test/", "Origin: https://h.test"), 200, vary},
		{"same-origin by https at the proxy", listed, request("GET", "http://h.test:443/", "Origin: https://h.test", fromProxy), 200, vary},
		{"the browser says same-origin", listed, request("GET", "/", "Origin: https://page.test", "Sec-Fetch-Site: same-origin"), 200, vary},
		{"the browser says same-origin of a listed one", listed, request("GET", "/", "Origin: "+app, "Sec-Fetch-Site: same-origin"), 200, allowed},
		{"the browser says same-site", listed, request("GET", "/", "Origin: https://page.test", "Sec-Fetch-Site: same-site"), 403, vary},

		{"any: no Origin", any, request("GET", "/"), 200, headers{"Allow-Origin": "*"}},
		{"any: empty Origin", any, request("GET", "/", "Origin: "), 200, headers{"Allow-Origin": "*"}},
		{"any: same-origin", any, request("GET", "http://h.test/", "Origin: http://h.test", "Sec-Fetch-Site: same-origin"), 200, headers{"Allow-Origin": "*"}},
		{"any: an unknown path", any, request("GET", "/none"), 404, headers{"Allow-Origin": "*"}},
		{"any: plain OPTIONS", any, request("OPTIONS", "/", "Origin: null"), 200, headers{"Allow-Origin": "*"}},
		{"any", any, request("GET", "/", "Origin: https://whoever.test"), 200, headers{"Allow-Origin": "*"}},
		{"any: null", any, request("GET", "/", "Origin: null"), 200, headers{"Allow-Origin": "*"}},
		{"any: preflight", any, request("OPTIONS", "/", "Origin: null", acrm+"PUT"), 204,
			headers{"Vary": "Access-Control-Request-Method, Access-Control-Request-Headers", "Allow-Origin": "*", "Allow-Methods": "GET,PUT", "Allow-Headers": "Content-Type", "Max-Age": "0"}},
		{"any: several values", any, request("GET", "/", "Origin: https://a.test, https://b.test"), 200, headers{"Allow-Origin": "*"}},
		{"any: two lines", any, request("GET", "/", "Origin: https://a.test", "Origin: https://b.test"), 200, headers{"Allow-Origin": "*"}},
		{"any: two lines, the first empty", any, request("GET", "/", "Origin: ", "Origin: https://b.test"), 200, headers{"Allow-Origin": "*"}},
		{"any: a preflight has an Origin", any, request("OPTIONS", "/", "Origin: ", acrm+"PUT"), 200, headers{"Allow-Origin": "*"}},

		{"methods and headers by name", named, request("OPTIONS", "/", "Origin: "+app, acrm+"PURGE", acrh+"authorization,x-a", acrh+"x-b"), 204,
			headers{"Vary": preflightVary, "Allow-Origin": app, "Allow-Credentials": "true", "Allow-Methods": "PURGE", "Allow-Headers": "authorization,x-a,x-b", "Max-Age": "0"}},
		{"empty elements are ignored", named, request("OPTIONS", "/", "Origin: "+app, acrm+"GET", acrh+", x-a,,", acrh+"\t, x-b ,"), 204,
			headers{"Vary": preflightVary, "Allow-Origin": app, "Allow-Credentials": "true", "Allow-Methods": "GET", "Allow-Headers": "x-a,x-b", "Max-Age": "0"}},
		{"one header by name", named, request("OPTIONS", "/", "Origin: "+app, acrm+"GET", acrh+"x-a"), 204,
			headers{"Vary": preflightVary, "Allow-Origin": app, "Allow-Credentials": "true", "Allow-Methods": "GET", "Allow-Headers": "x-a", "Max-Age": "0"}},
		{"only empty elements", named, request("OPTIONS", "/", "Origin: "+app, acrm+"GET", acrh+", ,"), 204,
			headers{"Vary": preflightVary, "Allow-Origin": app, "Allow-Credentials": "true", "Allow-Methods": "GET", "Max-Age": "0"}},
		{"what is not a name is not reflected", named, request("OPTIONS", "/", "Origin: "+app, acrm+"A B", acrh+"x<y"), 204,
			headers{"Vary": preflightVary, "Allow-Origin": app, "Allow-Credentials": "true", "Max-Age": "0"}},
	}
	for _, tt := range tests {
		e := engine(newCORS(tt.options, discard()))
		w := serve(e, tt.request)
		if w.Code != tt.status {
			t.Errorf("%s: status %d, want %d", tt.name, w.Code, tt.status)
		}
		if diff := cmp.Diff(tt.want, corsHeaders(w)); diff != "" {
			t.Errorf("%s: headers differ (-want +got):\n%s", tt.name, diff)
		}
		if w.Code == 403 && (w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Content-Type") != "application/problem+json" || strings.Contains(w.Body.String(), "served")) {
			t.Errorf("%s: the denial is %v %s", tt.name, w.Header(), w.Body)
		}
	}
}

// Any origin may call a public route, without credentials. The same path may
// have a route that is not public.
func TestPublicRoutes(t *testing.T) {
	t.Parallel()
	type headers = map[string]string
	const evil, acrm = "Origin: https://evil.test", "Access-Control-Request-Method: "
	var (
		public    = headers{"Allow-Origin": "*", "Expose-Headers": "X-Request-Id"}
		preflight = headers{"Allow-Origin": "*", "Allow-Methods": "GET,PUT", "Allow-Headers": "Content-Type", "Max-Age": "0",
			"Vary": "Access-Control-Request-Method, Access-Control-Request-Headers"}
		listed    = headers{"Allow-Origin": app, "Allow-Credentials": "true", "Expose-Headers": "X-Request-Id", "Vary": "Origin"}
		vary      = headers{"Vary": "Origin"}
		notPublic = headers{"Allow-Origin": app, "Allow-Credentials": "true", "Allow-Methods": "GET,PUT", "Allow-Headers": "Content-Type", "Max-Age": "0",
			"Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
		denied = headers{"Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
	)
	tests := []struct {
		request *http.Request
		status  int
		want    headers
	}{
		{request("GET", "/public"), 200, public},
		{request("HEAD", "/public"), 200, public},
		{request("GET", "/public", "Origin: "), 200, public},
		{request("GET", "/public", evil), 200, public},
		{request("GET", "/public", "Origin: null"), 200, public},
		{request("GET", "/public", "Origin: "+app), 200, public},
		{request("GET", "/public", "Origin: "+app+", https://evil.test"), 200, public},
		{request("GET", "/public", "Origin: "+app, evil), 200, public},
		{request("GET", "/public", "Origin: ", evil), 200, public},
		{request("GET", "http://h.test/public", "Origin: http://h.test"), 200, public},
		{request("OPTIONS", "/public", evil, acrm+"GET"), 204, preflight},
		{request("OPTIONS", "/public", evil, acrm+"HEAD"), 204, preflight},
		{request("OPTIONS", "/public", "Origin: null", acrm+"DELETE"), 204, preflight}, // then a 405
		{request("OPTIONS", "/public", evil), 204, public},
		{request("OPTIONS", "/public"), 204, public},
		{request("POST", "/public", evil), 405, public},
		{request("GET", "/public/", evil), 403, vary},
		{request("GET", "/", evil), 403, vary},

		{request("POST", "/callback/apple", evil, "Sec-Fetch-Site: cross-site"), 200, public},
		{request("POST", "/callback/apple", "Origin: null", "Sec-Fetch-Site: cross-site"), 200, public},
		{request("POST", "/callback/apple", "Sec-Fetch-Site: cross-site"), 200, public},
		{request("POST", "/callback/apple"), 200, public},
		{request("GET", "/callback/apple", evil), 405, public},
		{request("OPTIONS", "/callback/apple", evil, acrm+"POST"), 204, preflight},
		{request("OPTIONS", "/callback/", evil, acrm+"POST"), 403, denied},
		{request("OPTIONS", "/callback/a/b", evil, acrm+"POST"), 403, denied},
		{request("OPTIONS", "/callback/list", evil, acrm+"GET"), 403, denied}, // the static path wins, as in Gin
		{request("OPTIONS", "/files/a/b", evil, acrm+"GET"), 204, preflight},
		{request("OPTIONS", "/other/a/b", evil, acrm+"GET"), 403, denied},

		{request("GET", "/mixed", evil), 200, public},
		{request("PUT", "/mixed", evil), 403, vary},
		{request("PUT", "/mixed", "Sec-Fetch-Site: cross-site"), 403, vary},
		{request("PUT", "/mixed", "Origin: "+app), 200, listed},
		{request("OPTIONS", "/mixed", evil, acrm+"GET"), 204, preflight},
		{request("OPTIONS", "/mixed", evil, acrm+"PUT"), 403, denied},
		{request("OPTIONS", "/mixed", "Origin: "+app, acrm+"PUT"), 204, notPublic},
		{request("OPTIONS", "/mixed", evil), 204, public},
	}
	options := middleware.CORSOptions{Credentials: true, Exposed: []string{"X-Request-ID"}}
	e := publicEngine(newCORS(options, discard()), middleware.CrossOriginProtection(allowing(app), publicRoutes))
	for _, tt := range tests {
		w := serve(e, tt.request)
		name := fmt.Sprintf("%s %s %v", tt.request.Method, tt.request.URL, tt.request.Header)
		if w.Code != tt.status {
			t.Errorf("%s: status %d, want %d", name, w.Code, tt.status)
		}
		if diff := cmp.Diff(tt.want, corsHeaders(w)); diff != "" {
			t.Errorf("%s: headers differ (-want +got):\n%s", name, diff)
		}
	}
}

// Concurrent requests of all kinds must not write into what they share.
func TestCORSSharesNothing(t *testing.T) {
	t.Parallel()
	e := engine(newCORS(middleware.CORSOptions{Credentials: true, MaxAge: time.Minute}, discard()), middleware.NewSecurityHeaders(time.Hour, true, forwarded.Proxies{}).Handle)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 100 {
				r := request("GET", "/", "Origin: "+app)
				if i%2 == 0 {
					r = request("OPTIONS", "/", "Origin: "+app, "Access-Control-Request-Method: PUT")
				}
				w := serve(e, r)
				w.Header().Add("Vary", "Accept") // as a handler may
				w.Header().Add("X-Frame-Options", "x")
			}
		})
	}
	group.Wait()
	if got := serve(e, request("GET", "/")).Header()["Vary"]; len(got) != 1 {
		t.Errorf("Vary grew to %q", got)
	}
	preflight := request("OPTIONS", "/", "Origin: "+app, "Access-Control-Request-Method: PUT")
	first, second := serve(e, preflight).Header(), serve(e, preflight).Header()
	first.Add("Vary", "Accept")
	second.Add("Vary", "Cookie")
	if got := first.Values("Vary"); got[len(got)-1] != "Accept" {
		t.Errorf("two preflights share the values of Vary: %q", got)
	}
}

func TestDenialNamesTheOrigin(t *testing.T) {
	t.Parallel()
	e := engine(newCORS(middleware.CORSOptions{}, discard()))
	got := serve(e, request("GET", "/", "Origin: "+app, "Origin: https://evil.test")).Body.String()
	if want := app + ", https://evil.test"; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s in it", got, want)
	}
}

// The browser tells the developer nothing, so the log line must say it all,
// whatever a client writes into the header.
func TestDenialIsLogged(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		request *http.Request
		want    []string
	}{
		{"near a listed origin", request("PUT", "/?secret=1", "Origin: http://localhost:5174"),
			[]string{"level=WARN", "msg=cors_denied", "origin=http://localhost:5174", "method=PUT", "path=/ ", "port differs: 5174 is not 5173"}},
		{"in a trace", request("GET", "/", "Origin: http://localhost:5174", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), []string{" trace_id=4bf92f3577b34da6a3ce929d0e0e4736\n"}},
		{"the API's own https origin", request("GET", "http://h.test:443/", "Origin: https://h.test"),
			[]string{"origin=https://h.test", "own address over https", "X-Forwarded-Proto", "TRUSTED_PROXIES"}},
		{"the API's own https origin, from an untrusted proxy", untrusted(request("GET", "http://h.test/", "Origin: https://h.test", "X-Forwarded-Proto: https")),
			[]string{"own address over https", "TRUSTED_PROXIES"}},
		{"the API's own http origin over https", request("GET", "https://h.test/", "Origin: http://h.test"), []string{"not listed"}},
		{"two lines, the API's own https origin", request("GET", "http://h.test/", "Origin: https://h.test", "Origin: https://h.test"), []string{"several values"}},
		{"two lines", request("GET", "/", "Origin: "+app, "Origin: https://evil.test"),
			[]string{`origin="` + app + `, https://evil.test"`, "several values"}},
		{"hostile text", request(strings.Repeat("M", 1000), "/"+strings.Repeat("p", 1000), "Origin: "+strings.Repeat("x", 10_000)+"\"\n\x1b"),
			[]string{" origin=" + strings.Repeat("x", 200) + "... ", " method=" + strings.Repeat("M", 20) + "... ", " path=/" + strings.Repeat("p", 199) + "... "}},
		{"text that does not print", request("GET", "/%0a", "Origin: \x1b[31m"), []string{`origin=\x1b[31m`, `path=/\n`}},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		serve(engine(newCORS(middleware.CORSOptions{}, slog.New(slog.NewTextHandler(&out, nil)))), tt.request)
		line := out.String()
		for _, want := range tt.want {
			if !strings.Contains(line, want) {
				t.Errorf("%s: the line lacks %q: %s", tt.name, want, line)
			}
		}
		if strings.Count(line, "\n") != 1 || len(line) > 800 || strings.Contains(line, "secret") {
			t.Errorf("%s: %d bytes: %q", tt.name, len(line), line)
		}
	}
}

// The browser stops after a preflight that does not allow what it asked for,
// and does not say why. The log line names the setting.
func TestRefusedPreflightIsLogged(t *testing.T) {
	t.Parallel()
	const acrm, acrh = "Access-Control-Request-Method: ", "Access-Control-Request-Headers: "
	listed := middleware.CORSOptions{Methods: []string{"GET", "PUT"}, Headers: []string{"Content-Type", "X-Request-ID"}}
	reflected := middleware.CORSOptions{Methods: []string{"*"}, Headers: []string{"*"}}
	tests := []struct {
		name    string
		options middleware.CORSOptions
		request *http.Request
		want    []string // nil: no line
	}{
		{"allowed", listed, request("OPTIONS", "/", "Origin: "+app, acrm+"PUT", acrh+"content-type,x-request-id"), nil},
		{"allowed, in capitals and with empty elements", listed, request("OPTIONS", "/", "Origin: "+app, acrm+"PUT", acrh+",Content-Type, ,X-REQUEST-ID"), nil},
		{"methods that need no permission", listed, request("OPTIONS", "/", "Origin: "+app, acrm+"POST"), nil},
		{"HEAD needs no permission", listed, request("OPTIONS", "/", "Origin: "+app, acrm+"HEAD"), nil},
		{"GET needs no permission", middleware.CORSOptions{Methods: []string{"PUT"}}, request("OPTIONS", "/", "Origin: "+app, acrm+"GET"), nil},
		{"reflected", reflected, request("OPTIONS", "/", "Origin: "+app, acrm+"PURGE", acrh+"x-a"), nil},
		{"not a preflight", listed, request("PATCH", "/", "Origin: "+app, acrm+"PATCH"), nil},
		{"a denied origin", listed, request("OPTIONS", "/", "Origin: https://evil.test", acrm+"PATCH"), nil},
		{"a method", listed, request("OPTIONS", "/a", "Origin: "+app, acrm+"PATCH"),
			[]string{"level=WARN msg=cors_preflight_refused origin=" + app + " path=/a asked_for=PATCH setting=CORS_ALLOWED_METHODS", `remedy="add it; allowed now: GET,PUT"`}},
		{"a header", listed, request("OPTIONS", "/", "Origin: "+app, acrm+"PUT", acrh+"content-type,x-a"),
			[]string{"asked_for=x-a setting=CORS_ALLOWED_HEADERS", `remedy="add it; allowed now: Content-Type,X-Request-ID"`}},
		{"headers", listed, request("OPTIONS", "/", "Origin: "+app, acrm+"PUT", acrh+"baggage,x-a"),
			[]string{`asked_for="baggage, x-a" setting=CORS_ALLOWED_HEADERS`, `remedy="add it; allowed now: Content-Type,X-Request-ID"`}},
		{"both", listed, request("OPTIONS", "/", "Origin: "+app, acrm+"PATCH", acrh+"x-a"),
			[]string{"asked_for=PATCH setting=CORS_ALLOWED_METHODS", "asked_for=x-a setting=CORS_ALLOWED_HEADERS"}},
		{"a method in lower case", listed, request("OPTIONS", "/", "Origin: "+app, acrm+"put"),
			[]string{"asked_for=put setting=CORS_ALLOWED_METHODS", `write \"PUT\" in fetch`}},
		{"a public route", listed, request("OPTIONS", "/public", "Origin: https://evil.test", acrm+"GET", acrh+"x-a"),
			[]string{"origin=https://evil.test", "asked_for=x-a setting=CORS_ALLOWED_HEADERS"}},
		{"any origin", middleware.CORSOptions{Origins: origin.Any()}, request("OPTIONS", "/", "Origin: null", acrm+"GET", acrh+"x-a"),
			[]string{"origin=null", "asked_for=x-a setting=CORS_ALLOWED_HEADERS"}},
		{"hostile text", listed, request("OPTIONS", "/"+strings.Repeat("p", 1000), "Origin: "+app, acrm+strings.Repeat("M", 5000), acrh+strings.Repeat("x,", 5000)),
			[]string{" path=/" + strings.Repeat("p", 199) + "... ", " asked_for=" + strings.Repeat("M", 200) + "... ", `asked_for="` + strings.Repeat("x, ", 66) + `x,..."`}},
		{"a long origin", middleware.CORSOptions{Origins: origin.Any()}, request("OPTIONS", "/", "Origin: "+strings.Repeat("o", 1000), acrm+"GET", acrh+"x-a"),
			[]string{" origin=" + strings.Repeat("o", 200) + "... "}},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		w := serve(engine(newCORS(tt.options, slog.New(slog.NewTextHandler(&out, nil)))), tt.request)
		got := out.String()
		if strings.Contains(got, "cors_preflight_refused") != (tt.want != nil) || len(got) > 1500 {
			t.Errorf("%s: the log is %q", tt.name, got)
		}
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: the log lacks %s: %q", tt.name, want, got)
			}
		}
		if tt.want != nil && w.Code != 204 {
			t.Errorf("%s: status %d, want 204", tt.name, w.Code)
		}
	}
}

// A flood of requests must not be a flood of lines.
func TestCORSLogIsThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out logBuffer
		e := engine(newCORS(middleware.CORSOptions{}, slog.New(slog.NewTextHandler(&out, nil))))
		for i := range 1000 {
			serve(e, request("GET", "/", fmt.Sprintf("Origin: https://%d.test", i)))
			serve(e, request("OPTIONS", "/", "Origin: "+app, fmt.Sprintf("Access-Control-Request-Method: M%d", i)))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		for _, event := range []string{"cors_denied", "cors_preflight_refused"} {
			if got := strings.Count(out.String(), "msg="+event); got != 6 || !strings.Contains(out.String(), "msg="+event+" left_out=995") {
				t.Errorf("1000 times %s made %d lines, want 5 and one that counts the rest:\n%s", event, got, out.String())
			}
		}
	})
}

// Responses share their values of Vary. What a handler adds to one must not appear
// in another.
func TestVaryIsNotSharedWithHandlers(t *testing.T) {
	t.Parallel()
	e := engine(newCORS(middleware.CORSOptions{}, discard()), func(c *gin.Context) { c.Writer.Header().Add("Vary", "Accept") })
	serve(e, request("GET", "/"))
	w := serve(e, request("OPTIONS", "/", "Origin: https://evil.test", "Access-Control-Request-Method: PUT"))
	want := []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"}
	if got := w.Header().Values("Vary"); !slices.Equal(got, want) {
		t.Errorf("the preflight after it has Vary %q, want %q", got, want)
	}
}

func BenchmarkCORS(b *testing.B) {
	m := newCORS(middleware.CORSOptions{Credentials: true, MaxAge: time.Minute, Exposed: []string{"X-Request-ID"}}, discard())
	b.Run("no origin", func(b *testing.B) { benchmark(b, request("GET", "/"), m) })
	b.Run("allowed", func(b *testing.B) { benchmark(b, request("GET", "/", "Origin: "+app), m) })
	b.Run("preflight", func(b *testing.B) {
		benchmark(b, request("OPTIONS", "/", "Origin: "+app, "Access-Control-Request-Method: PUT"), m)
	})
	b.Run("denied", func(b *testing.B) { benchmark(b, request("GET", "/", "Origin: https://evil.test"), m) })
}
