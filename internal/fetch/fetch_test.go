package fetch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/api/internal/fetch"
)

const (
	page = "https://app.example.com"
	api  = "https://api.example.com/items"
)

// request makes a request from page; headers alternate between names and
// values.
func request(t *testing.T, method, to string, credentials fetch.Credentials, headers ...string) fetch.Request {
	t.Helper()
	u, err := fetch.ParseURL(to)
	if err != nil {
		t.Fatalf("%s %v", to, err)
	}
	r := fetch.Request{Method: method, URL: u, Origin: page, Credentials: credentials}
	for pair := range slices.Chunk(headers, 2) {
		r.Header = append(r.Header, fetch.Field{Name: pair[0], Value: pair[1]})
	}
	return r
}

// response makes a response from a status and "Name: value" lines.
func response(status int, lines ...string) fetch.Response {
	r := fetch.Response{Status: status}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		r.Header = append(r.Header, fetch.Field{Name: name, Value: strings.TrimSpace(value)})
	}
	return r
}

const (
	allowPage = "Access-Control-Allow-Origin: " + page
	allowAny  = "Access-Control-Allow-Origin: *"
	allowNull = "Access-Control-Allow-Origin: null"
	allowCred = "Access-Control-Allow-Credentials: true"
)

// https://fetch.spec.whatwg.org/#cors-check
func TestCheckCORS(t *testing.T) {
	for _, tt := range []struct {
		name        string
		credentials fetch.Credentials
		lines       []string
		want        fetch.Reason // of the standard and of Chromium
		firefox     fetch.Reason // where it differs
	}{
		{"the origin", fetch.CredentialsOmit, []string{allowPage}, "", ""},
		{"step 2: any origin without credentials", fetch.CredentialsSameOrigin, []string{allowAny}, "", ""},
		{"step 1: nothing", fetch.CredentialsOmit, nil, fetch.MissingAllowOrigin, ""},
		{"step 3: empty", fetch.CredentialsOmit, []string{"Access-Control-Allow-Origin:"}, fetch.InvalidAllowOrigin, fetch.AllowOriginMismatch},
		{"step 3: another origin", fetch.CredentialsOmit, []string{"Access-Control-Allow-Origin: https://evil.example"}, fetch.AllowOriginMismatch, ""},
		{"step 3: letter case", fetch.CredentialsOmit, []string{"Access-Control-Allow-Origin: HTTPS://APP.EXAMPLE.COM"}, fetch.AllowOriginMismatch, ""},
		{"step 3: trailing slash", fetch.CredentialsOmit, []string{allowPage + "/"}, fetch.AllowOriginMismatch, ""},
		{"step 3: default port", fetch.CredentialsOmit, []string{allowPage + ":443"}, fetch.AllowOriginMismatch, ""},
		{"step 3: null", fetch.CredentialsOmit, []string{allowNull}, fetch.AllowOriginMismatch, ""},
		{"step 3: no URL", fetch.CredentialsOmit, []string{"Access-Control-Allow-Origin: app.example.com"}, fetch.InvalidAllowOrigin, fetch.AllowOriginMismatch},
		{"step 3: two lines", fetch.CredentialsOmit, []string{allowPage, allowPage}, fetch.MultipleAllowOrigin, ""},
		{"step 3: two wildcards", fetch.CredentialsOmit, []string{allowAny, allowAny}, fetch.MultipleAllowOrigin, ""},
		{"step 3: a list", fetch.CredentialsOmit, []string{allowPage + ", https://b.example"}, fetch.MultipleAllowOrigin, fetch.AllowOriginMismatch},
		{"step 3: a wildcard with credentials", fetch.CredentialsInclude, []string{allowAny, allowCred}, fetch.WildcardOriginNotAllowed, ""},
		{"step 5: credentials", fetch.CredentialsInclude, []string{allowPage, allowCred}, "", ""},
		{"step 6: not said", fetch.CredentialsInclude, []string{allowPage}, fetch.InvalidAllowCredentials, ""},
		{"step 6: letter case", fetch.CredentialsInclude, []string{allowPage, "Access-Control-Allow-Credentials: True"}, fetch.InvalidAllowCredentials, ""},
		{"step 6: twice", fetch.CredentialsInclude, []string{allowPage, allowCred, allowCred}, fetch.InvalidAllowCredentials, ""},
		{"step 4: not asked", fetch.CredentialsOmit, []string{allowPage, "Access-Control-Allow-Credentials: no"}, "", ""},
	} {
		for _, engine := range []fetch.Engine{fetch.Standard(), fetch.Chromium(), fetch.Firefox()} {
			want := tt.want
			if engine.Name == "Firefox" && tt.firefox != "" {
				want = tt.firefox
			}
			got := fetch.Reason("")
			if v := engine.CheckCORS(page, tt.credentials, response(200, tt.lines...).Header); v != nil {
				got = v.Reason
			}
			if got != want {
				t.Errorf("%s, %s: got %q, want %q", tt.name, engine.Name, got, want)
			}
		}
	}
}

// https://fetch.spec.whatwg.org/#cors-preflight-fetch
func TestPreflight(t *testing.T) {
	with := func(lines ...string) []string { return append([]string{allowPage, allowCred}, lines...) }
	for _, tt := range []struct {
		name        string
		credentials fetch.Credentials
		method      string
		headers     []string
		status      int
		lines       []string
		want        fetch.Reason
	}{
		{"step 7: 200", fetch.CredentialsOmit, "PUT", nil, 200, with("Access-Control-Allow-Methods: PUT"), ""},
		{"step 7: 204", fetch.CredentialsOmit, "PUT", nil, 204, with("Access-Control-Allow-Methods: PUT"), ""},
		{"step 7: 299", fetch.CredentialsOmit, "PUT", nil, 299, with("Access-Control-Allow-Methods: PUT"), ""},
		{"step 7: 300", fetch.CredentialsOmit, "PUT", nil, 300, with("Access-Control-Allow-Methods: PUT"), fetch.PreflightInvalidStatus},
		{"step 7: 401", fetch.CredentialsOmit, "PUT", nil, 401, with("Access-Control-Allow-Methods: PUT"), fetch.PreflightInvalidStatus},
		{"step 7: the CORS check comes first", fetch.CredentialsOmit, "PUT", nil, 404, nil, fetch.MissingAllowOrigin},
		{"step 7: redirect", fetch.CredentialsOmit, "PUT", nil, 308, with("Location: /b"), fetch.PreflightDisallowedRedirect},
		{"step 7.3: methods are not tokens", fetch.CredentialsOmit, "PUT", nil, 204, with("Access-Control-Allow-Methods: PUT POST"), fetch.InvalidAllowMethods},
		{"step 7.3: headers are not tokens", fetch.CredentialsOmit, "PUT", nil, 204, with("Access-Control-Allow-Methods: PUT", "Access-Control-Allow-Headers: a b"), fetch.InvalidAllowHeaders},
		{"step 7.5: no methods", fetch.CredentialsOmit, "PUT", nil, 204, with(), fetch.MethodDisallowed},
		{"step 7.5: letter case", fetch.CredentialsOmit, "PUT", nil, 204, with("Access-Control-Allow-Methods: put"), fetch.MethodDisallowed},
		{"step 7.5: patch is not PATCH", fetch.CredentialsOmit, "patch", nil, 204, with("Access-Control-Allow-Methods: PATCH"), fetch.MethodDisallowed},
		{"step 7.5: several lines", fetch.CredentialsOmit, "PUT", nil, 204, with("Access-Control-Allow-Methods: GET", "Access-Control-Allow-Methods: PUT"), ""},
		{"step 7.5: empty elements", fetch.CredentialsOmit, "PUT", nil, 204, with("Access-Control-Allow-Methods: ,,PUT,"), ""},
		{"step 7.7: no headers", fetch.CredentialsOmit, "GET", []string{"X-Test", "1"}, 204, with(), fetch.HeaderDisallowed},
		{"step 7.7: letter case", fetch.CredentialsOmit, "GET", []string{"X-Test", "1"}, 204, with("Access-Control-Allow-Headers: x-TEST"), ""},
		{"step 7.7: JSON", fetch.CredentialsOmit, "POST", []string{"Content-Type", "application/json"}, 204, with("Access-Control-Allow-Headers: authorization"), fetch.HeaderDisallowed},
		{"step 7.6: * does not cover authorization", fetch.CredentialsOmit, "GET", []string{"Authorization", "x"}, 204, with("Access-Control-Allow-Headers: *"), fetch.HeaderDisallowed},
		{"step 7.6: listed next to *", fetch.CredentialsOmit, "GET", []string{"Authorization", "x"}, 204, with("Access-Control-Allow-Headers: *, Authorization"), ""},

		// web-platform-tests, fetch/api/cors/cors-preflight-star.any.js
		{"wpt: safelisted method", fetch.CredentialsOmit, "GET", []string{"X-Test", "1"}, 200, with("Access-Control-Allow-Methods: get", "Access-Control-Allow-Headers: x-test"), ""},
		{"wpt: any method", fetch.CredentialsOmit, "SUPER", []string{"X-Test", "1"}, 200, with("Access-Control-Allow-Methods: *", "Access-Control-Allow-Headers: x-test"), ""},
		{"wpt: both", fetch.CredentialsOmit, "OK", []string{"X-Test", "1"}, 200, with("Access-Control-Allow-Methods: *", "Access-Control-Allow-Headers: *"), ""},
		{"wpt: both, credentials", fetch.CredentialsInclude, "OK", []string{"X-Test", "1"}, 200, with("Access-Control-Allow-Methods: *", "Access-Control-Allow-Headers: *"), fetch.MethodDisallowed},
		{"wpt: method, credentials", fetch.CredentialsInclude, "PUT", nil, 200, with("Access-Control-Allow-Methods: *", "Access-Control-Allow-Headers:"), fetch.MethodDisallowed},
		{"wpt: unused *, credentials", fetch.CredentialsInclude, "PUT", nil, 200, with("Access-Control-Allow-Methods: PUT", "Access-Control-Allow-Headers: *"), ""},
		{"wpt: headers, credentials", fetch.CredentialsInclude, "GET", []string{"X-Test", "1"}, 200, with("Access-Control-Allow-Methods: get", "Access-Control-Allow-Headers: *"), fetch.HeaderDisallowed},
		{"wpt: a method and a header named *", fetch.CredentialsInclude, "*", []string{"*", "1"}, 200, with("Access-Control-Allow-Methods: *", "Access-Control-Allow-Headers: *"), ""},
		{"wpt: put is not PUT", fetch.CredentialsInclude, "PUT", nil, 200, with("Access-Control-Allow-Methods: put", "Access-Control-Allow-Headers: *"), fetch.MethodDisallowed},

		// web-platform-tests, cors-preflight-response-validation.any.js
		{"wpt: bad header name", fetch.CredentialsOmit, "GET", []string{"x-force-preflight", ""}, 200, with("Access-Control-Allow-Headers: x-force-preflight,header name with space"), fetch.InvalidAllowHeaders},
		{"wpt: bad method", fetch.CredentialsOmit, "GET", []string{"x-force-preflight", ""}, 200, with("Access-Control-Allow-Headers: x-force-preflight", "Access-Control-Allow-Methods: Bad method name"), fetch.InvalidAllowMethods},
	} {
		r := request(t, tt.method, api, tt.credentials, tt.headers...)
		step := fetch.Standard().Next(r, []fetch.Response{response(tt.status, tt.lines...)})
		got := fetch.Reason("")
		switch {
		case step.Verdict != nil:
			got = step.Verdict.Reason
			if step.Verdict.Sent {
				t.Errorf("%s: the request counts as sent", tt.name)
			}
		case step.Send.Preflight:
			t.Errorf("%s: a second preflight", tt.name)
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestAuthorizationUnderWildcard(t *testing.T) {
	answer := []fetch.Response{response(204, allowAny, "Access-Control-Allow-Headers: *")}
	r := request(t, "GET", api, fetch.CredentialsOmit, "Authorization", "x")
	for _, engine := range []fetch.Engine{fetch.Chromium(), fetch.Firefox()} {
		if step := engine.Next(r, answer); step.Send == nil {
			t.Errorf("%s blocks: %+v", engine.Name, step.Verdict)
		}
	}
}

// The bytes of messages: https://fetch.spec.whatwg.org/#cors-preflight-fetch,
// steps 1 to 5, and web-platform-tests, cors-preflight.any.js.
func TestMessages(t *testing.T) {
	for _, tt := range []struct {
		name        string
		method, url string
		mode        fetch.Mode
		credentials fetch.Credentials
		headers     []string
		want        string
	}{
		{"simple", "get", api, "", "", []string{"Accept-Language", "fr"}, "GET Accept-Language=fr Origin=" + page},
		{"simple POST", "POST", api, "", "", []string{"Content-Type", "text/plain"}, "POST Content-Type=text/plain Origin=" + page},
		{"method", "pUt", api, "", fetch.CredentialsInclude, nil, "preflight OPTIONS Accept=*/* Access-Control-Request-Method=PUT Origin=" + page},
		{"odd method", "patch", api, "", "", nil, "preflight OPTIONS Accept=*/* Access-Control-Request-Method=patch Origin=" + page},
		{"headers", "GET", api, "", "", []string{"x-test-header-b", "1", "X-test-header-C", "1", "Content-Type", "a/b", "Accept", "*"},
			"preflight OPTIONS Accept=*/* Access-Control-Request-Method=GET Access-Control-Request-Headers=content-type,x-test-header-b,x-test-header-c Origin=" + page},
		{"forbidden headers", "GET", api, "", "", []string{"Cookie", "a=b", "Sec-X", "1", "Host", "x"}, "GET Origin=" + page},
		{"same origin", "PUT", page + "/items", "", "", []string{"X-A", "1"}, "credentials PUT X-A=1 Origin=" + page},
		{"same origin, GET", "GET", page + "/items", "", "", nil, "credentials GET"},
		{"same origin, no credentials", "GET", page + "/items", "", fetch.CredentialsOmit, nil, "GET"},
		{"another port is another origin", "GET", page + ":8443/", "", "", nil, "GET Origin=" + page},
		{"another scheme is another origin", "GET", "http://localhost/", "", "", nil, "GET Origin=" + page},
		{"credentials", "GET", api, "", fetch.CredentialsInclude, nil, "credentials GET Origin=" + page},
		{"no-cors", "POST", api, fetch.ModeNoCORS, "", []string{"X-A", "1", "Accept", "a/b"}, "POST Accept=a/b Origin=" + page},
		{"no-cors, GET", "GET", api, fetch.ModeNoCORS, "", nil, "GET"},
	} {
		r := request(t, tt.method, tt.url, tt.credentials, tt.headers...)
		r.Mode = tt.mode
		step := fetch.Standard().Next(r, nil)
		if step.Send == nil {
			t.Errorf("%s: blocked: %s", tt.name, step.Verdict.Explain())
			continue
		}
		if got := describe(*step.Send); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func describe(m fetch.Message) string {
	text := m.Method
	if m.Preflight {
		text = "preflight " + text
	}
	if m.Credentials {
		text = "credentials " + text
	}
	for _, f := range m.Header {
		text += fmt.Sprintf(" %s=%s", f.Name, f.Value)
	}
	return text
}

func TestUploadListener(t *testing.T) {
	r := request(t, "POST", api, "")
	r.UploadListener = true
	if step := fetch.Standard().Next(r, nil); step.Send == nil || !step.Send.Preflight {
		t.Error("an upload listener does not cause a preflight")
	}
}

// What stops a request before it is sent.
func TestBlockedAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name, method, url string
		change            func(*fetch.Request)
		want              fetch.Reason
	}{
		{"forbidden method", "trace", api, nil, fetch.ForbiddenMethod},
		{"not a method", "P@T", api, nil, fetch.InvalidMethod},
		{"a port of another protocol", "GET", "http://api.example.com:6000/", nil, fetch.BadPort},
		{"not a header", "GET", api, func(r *fetch.Request) { r.Header = fetch.Header{{Name: "a b", Value: "1"}} }, fetch.InvalidHeader},
		{"line break in a header", "GET", api, func(r *fetch.Request) { r.Header = fetch.Header{{Name: "a", Value: "1\r\nb: 2"}} }, fetch.InvalidHeader},
		{"no-cors PUT", "PUT", api, func(r *fetch.Request) { r.Mode = fetch.ModeNoCORS }, fetch.MethodNotSimple},
		{"same-origin mode", "GET", api, func(r *fetch.Request) { r.Mode = fetch.ModeSameOrigin }, fetch.DisallowedByMode},
		{"user info", "GET", "https://a:b@api.example.com/", nil, fetch.URLContainsCredentials},
		{"GET with a body", "GET", api, func(r *fetch.Request) { r.Body = true }, fetch.BodyNotAllowed},
		{"mixed content", "GET", "http://api.example.com/", nil, fetch.MixedContent},
		{"mixed content, address", "GET", "http://192.0.2.1/", nil, fetch.MixedContent},
	} {
		r := request(t, tt.method, tt.url, "")
		if tt.change != nil {
			tt.change(&r)
		}
		step := fetch.Standard().Next(r, nil)
		if step.Verdict == nil || step.Verdict.Reason != tt.want {
			t.Errorf("%s: got %+v, want %s", tt.name, step.Verdict, tt.want)
		}
	}
}

// https://fetch.spec.whatwg.org/#http-redirect-fetch
func TestRedirect(t *testing.T) {
	const other = "https://other.example/b"
	for _, tt := range []struct {
		name        string
		method, url string
		headers     []string
		got         []fetch.Response
		want        string // the next message, or the reason
	}{
		// web-platform-tests, cors-redirect.any.js
		{"wpt: cors to the same", "GET", api, nil, []fetch.Response{response(301, allowPage, "Location: /b")}, "GET Origin=" + page},
		{"wpt: cors to another", "GET", api, nil, []fetch.Response{response(302, allowPage, "Location: "+other)}, "GET Origin=null"},
		{"wpt: same origin to cors", "GET", page, nil, []fetch.Response{response(303, "Location: "+api)}, "GET Origin=" + page},
		{"wpt: cors to same origin", "GET", api, nil, []fetch.Response{response(307, allowPage, "Location: "+page+"/b")}, "GET Origin=null"},

		{"the redirect itself needs CORS headers", "GET", api, nil, []fetch.Response{response(308, "Location: /b")}, "MissingAllowOriginHeader"},
		{"POST becomes GET", "POST", api, []string{"Content-Type", "text/plain", "Accept", "a/b"}, []fetch.Response{response(302, allowPage, "Location: /b")}, "GET Accept=a/b Origin=" + page},
		{"307 keeps POST", "POST", api, nil, []fetch.Response{response(307, allowPage, "Location: /b")}, "POST Origin=" + page},
		{"303 keeps HEAD", "HEAD", api, nil, []fetch.Response{response(303, allowPage, "Location: /b")}, "HEAD Origin=" + page},
		{"a second preflight", "PUT", api, nil, []fetch.Response{
			response(204, allowPage, "Access-Control-Allow-Methods: PUT"), response(307, allowPage, "Location: /b"),
		}, "preflight OPTIONS Accept=*/* Access-Control-Request-Method=PUT Origin=" + page},
		{"a second preflight elsewhere", "PUT", api, nil, []fetch.Response{
			response(204, allowPage, "Access-Control-Allow-Methods: PUT"), response(307, allowPage, "Location: "+other),
		}, "preflight OPTIONS Accept=*/* Access-Control-Request-Method=PUT Origin=null"},
		{"authorization stays at its origin", "GET", page, []string{"Authorization", "x"}, []fetch.Response{response(302, "Location: "+api)}, "GET Origin=" + page},
		{"null must be allowed then", "GET", api, nil, []fetch.Response{response(302, allowPage, "Location: "+other), response(200, allowPage)}, "AllowOriginMismatch"},
		{"null allowed", "GET", api, nil, []fetch.Response{response(302, allowPage, "Location: "+other), response(200, allowNull)}, "allowed"},
		{"https to http", "GET", api, nil, []fetch.Response{response(302, allowPage, "Location: http://api.example.com/")}, "MixedContent"},
		{"no Location", "GET", api, nil, []fetch.Response{response(302, allowPage)}, "allowed"},
		{"bad scheme", "GET", api, nil, []fetch.Response{response(302, allowPage, "Location: ftp://a/")}, "CorsDisabledScheme"},
		{"bad URL", "GET", api, nil, []fetch.Response{response(302, allowPage, "Location: https://[")}, "InvalidRedirect"},

		// web-platform-tests, cors-redirect-credentials.any.js
		{"wpt: same origin to remote with user", "GET", page, nil, []fetch.Response{response(301, "Location: https://user:@api.example.com/")}, "RedirectContainsCredentials"},
		{"wpt: remote to same remote with password", "GET", api, nil, []fetch.Response{response(301, allowPage, "Location: https://:p@api.example.com/")}, "RedirectContainsCredentials"},
		{"wpt: remote to same origin with both", "GET", api, nil, []fetch.Response{response(301, allowPage, "Location: https://u:p@app.example.com/")}, "RedirectContainsCredentials"},
	} {
		step := fetch.Standard().Next(request(t, tt.method, tt.url, fetch.CredentialsOmit, tt.headers...), tt.got)
		got := "allowed"
		switch {
		case step.Send != nil:
			got = describe(*step.Send)
		case !step.Verdict.Allowed:
			got = string(step.Verdict.Reason)
		}
		if got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func TestTooManyRedirects(t *testing.T) {
	var got []fetch.Response
	r := request(t, "GET", api, fetch.CredentialsOmit)
	for range 20 {
		got = append(got, response(302, allowPage, "Location: /loop"))
		if step := fetch.Standard().Next(r, got); step.Send == nil {
			t.Fatalf("blocked after %d redirects: %s", len(got), step.Verdict.Explain())
		}
	}
	step := fetch.Standard().Next(r, append(got, response(302, allowPage, "Location: /loop")))
	if step.Verdict == nil || step.Verdict.Reason != fetch.TooManyRedirects {
		t.Errorf("got %+v, want TooManyRedirects", step.Verdict)
	}
}

// https://fetch.spec.whatwg.org/#cross-origin-resource-policy-check
func TestResourcePolicy(t *testing.T) {
	for _, tt := range []struct {
		url, policy string
		want        bool
	}{
		{api, "", true},
		{api, "same-origin", false},
		{api, "same-site", true},
		{api, "cross-origin", true},
		{api, "Same-Origin", true},
		{"https://other.example/", "same-site", false},
		{page, "same-origin", true},
	} {
		r := request(t, "GET", tt.url, "")
		r.Mode = fetch.ModeNoCORS
		var lines []string
		if tt.policy != "" {
			lines = []string{"Cross-Origin-Resource-Policy: " + tt.policy}
		}
		step := fetch.Standard().Next(r, []fetch.Response{response(200, lines...)})
		if step.Verdict == nil || step.Verdict.Allowed != tt.want {
			t.Errorf("%s, %q: got %+v, want allowed=%v", tt.url, tt.policy, step.Verdict, tt.want)
		}
	}
	// A fetch in mode cors is not subject to it.
	step := fetch.Standard().Next(request(t, "GET", api, ""), []fetch.Response{response(200, allowPage, "Cross-Origin-Resource-Policy: same-origin")})
	if step.Verdict == nil || !step.Verdict.Allowed {
		t.Errorf("mode cors: got %+v", step.Verdict)
	}
}

// https://wicg.github.io/local-network-access/
func TestLocalNetworkAccess(t *testing.T) {
	for _, tt := range []struct {
		origin, url  string
		page, target fetch.Space
		denied       bool
		want         fetch.Reason
	}{
		{page, "http://localhost:8080/", fetch.SpacePublic, fetch.SpaceLoopback, false, ""},
		{page, "http://localhost:8080/", fetch.SpacePublic, fetch.SpaceLoopback, true, fetch.LocalNetworkDenied},
		{"http://app.example.com", "http://localhost:8080/", fetch.SpacePublic, fetch.SpaceLoopback, false, fetch.InsecureLocalNetwork},
		{"http://app.example.com", "http://192.168.0.2/", fetch.SpacePublic, fetch.SpaceLocal, false, fetch.InsecureLocalNetwork},
		{page, "http://192.168.0.2/", fetch.SpacePublic, fetch.SpaceLocal, false, ""}, // exempt from mixed content
		{page, "http://192.168.0.2/", fetch.SpaceLocal, fetch.SpaceLocal, false, fetch.MixedContent},
		{"http://localhost:5173", "http://localhost:8080/", fetch.SpaceLoopback, fetch.SpaceLoopback, false, ""},
		{"http://localhost:5173", "http://192.168.0.2/", fetch.SpaceLoopback, fetch.SpaceLocal, false, ""},
	} {
		r := request(t, "GET", tt.url, "")
		r.Origin, r.PageSpace, r.LocalNetworkDenied = tt.origin, tt.page, tt.denied
		r.Spaces = map[string]fetch.Space{fetch.OriginOf(r.URL): tt.target}
		step := fetch.Chromium().Next(r, nil)
		got := fetch.Reason("")
		if step.Verdict != nil {
			got = step.Verdict.Reason
		}
		if got != tt.want {
			t.Errorf("%s from %s page %s: got %q, want %q", tt.url, tt.page, tt.origin, got, tt.want)
		}
	}
}

// https://fetch.spec.whatwg.org/#http-access-control-max-age and the caps of
// the engines.
func TestMaxAge(t *testing.T) {
	for _, tt := range []struct {
		value                       string
		standard, chromium, firefox time.Duration
	}{
		{"", 5 * time.Second, 5 * time.Second, 5 * time.Second},
		{"0", 0, 0, 0},
		{"600", 10 * time.Minute, 10 * time.Minute, 10 * time.Minute},
		{"7201", 7201 * time.Second, 2 * time.Hour, 7201 * time.Second},
		{"86401", 86401 * time.Second, 2 * time.Hour, 24 * time.Hour},
		{"99999999999999999999", 1<<63 - 1, 2 * time.Hour, 24 * time.Hour},
		{"10m", 5 * time.Second, 5 * time.Second, 5 * time.Second},
	} {
		var h fetch.Header
		if tt.value != "" {
			h = fetch.Header{{Name: "Access-Control-Max-Age", Value: tt.value}}
		}
		for engine, want := range map[string]time.Duration{"standard": tt.standard, "chromium": tt.chromium, "firefox": tt.firefox} {
			e := map[string]fetch.Engine{"standard": fetch.Standard(), "chromium": fetch.Chromium(), "firefox": fetch.Firefox()}[engine]
			if got := e.MaxAge(h); got != want {
				t.Errorf("%q, %s: got %v, want %v", tt.value, engine, got, want)
			}
		}
	}
}

func TestParseOrigin(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"https://app.example.com", page},
		{"https://APP.example.com:443/path?q", page},
		{"http://localhost:5173/", "http://localhost:5173"},
		{"http://[::1]:3000", "http://[::1]:3000"},
		{"https://bücher.example", "https://xn--bcher-kva.example"},
		{"null", "null"},
		{"capacitor://localhost", "capacitor://localhost"},
		{"chrome-extension://abcdef", "chrome-extension://abcdef"},
		{"app.example.com", ""},
		{"file:///home/a.html", ""},
		{"https://", ""},
		{"https://a b", ""},
		{"", ""},
	} {
		got, err := fetch.ParseOrigin(tt.in)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: got %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestSameSite(t *testing.T) {
	for _, tt := range []struct {
		origin, url string
		want        bool
	}{
		{page, api, true},
		{page, "http://api.example.com/", false},
		{"http://localhost:5173", "http://localhost:8080/", true},
		{"http://localhost:5173", "http://127.0.0.1:8080/", false},
		{"https://a.github.io", "https://b.github.io/", false},
		{"https://a.co.uk", "https://b.a.co.uk/", true},
		{"null", api, false},
	} {
		u, err := fetch.ParseURL(tt.url)
		if err != nil {
			t.Fatal(err)
		}
		if got := fetch.Standard().SameSite(tt.origin, u); got != tt.want {
			t.Errorf("%s, %s: got %v, want %v", tt.origin, tt.url, got, tt.want)
		}
	}
}

// RFC 6265bis, 5.8.3, and CHIPS.
func TestCheckCookie(t *testing.T) {
	const local, other = "http://localhost:5173", "https://other.example"
	for _, tt := range []struct {
		line, origin, url string
		credentials       fetch.Credentials
		want              fetch.CookieProblem
	}{
		{"a=b", local, "http://localhost:8080/", fetch.CredentialsInclude, ""},
		{"a=b", local, "http://localhost:8080/", fetch.CredentialsSameOrigin, fetch.CookieCredentials},
		{"a=b; SameSite=Strict", local, "http://localhost:8080/", fetch.CredentialsInclude, ""},
		{"a=b", local, "http://127.0.0.1:8080/", fetch.CredentialsInclude, fetch.CookieDefaultLax},
		{"a=b; SameSite=Lax", other, api, fetch.CredentialsInclude, fetch.CookieLax},
		{"a=b; samesite=strict", other, api, fetch.CredentialsInclude, fetch.CookieStrict},
		{"a=b; SameSite=None", other, api, fetch.CredentialsInclude, fetch.CookieNoneSecure},
		{"a=b; SameSite=None; Secure", other, api, fetch.CredentialsInclude, fetch.CookieThirdParty},
		{"a=b; SameSite=None; Secure; Partitioned", other, api, fetch.CredentialsInclude, ""},
		{"a=b; SameSite=Lax; Partitioned", other, api, fetch.CredentialsInclude, fetch.CookiePartition},
		{"a=b; Secure", page, "http://api.example.com/", fetch.CredentialsInclude, fetch.CookieInsecure},
		{"a=b; Secure", local, "http://localhost:8080/", fetch.CredentialsInclude, ""},
		{"__Host-a=b", page, api, fetch.CredentialsInclude, fetch.CookiePrefix},
		{"a=b", page, page, fetch.CredentialsOmit, fetch.CookieCredentials},
		{"a=b", page, page, fetch.CredentialsSameOrigin, ""},
	} {
		c, ok := fetch.ParseCookie(tt.line)
		u, err := fetch.ParseURL(tt.url)
		if !ok || err != nil {
			t.Fatal(tt.line, tt.url, err)
		}
		if got := fetch.Standard().CheckCookie(c, tt.origin, u, tt.credentials); got != tt.want {
			t.Errorf("%s from %s at %s, %s: got %q, want %q", tt.line, tt.origin, tt.url, tt.credentials, got, tt.want)
		}
	}
}

// FuzzNext checks that a fetch always ends, whatever the server answers, and
// that a response is read only with its consent.
func FuzzNext(f *testing.F) {
	f.Add("PUT", "X-A", "1", true, 204, "Access-Control-Allow-Origin", page, "Location", "/x")
	f.Add("get", "Accept", "*/*", false, 302, "access-control-allow-origin", "*", "Location", "https://user@b.example/")
	f.Fuzz(func(t *testing.T, method, name, value string, include bool, status int, n1, v1, n2, v2 string) {
		credentials := fetch.CredentialsOmit
		if include {
			credentials = fetch.CredentialsInclude
		}
		r := request(t, method, api, credentials, name, value)
		answer := fetch.Response{Status: status, Header: fetch.Header{{Name: n1, Value: v1}, {Name: n2, Value: v2}}}
		for _, engine := range []fetch.Engine{fetch.Standard(), fetch.Chromium(), fetch.Firefox()} {
			var got []fetch.Response
			for {
				step := engine.Next(r, got)
				if step.Verdict != nil {
					if allowed, _ := answer.Header.Get("Access-Control-Allow-Origin"); step.Verdict.Allowed && allowed != "*" && allowed != page && allowed != "null" {
						t.Errorf("allowed by %q", allowed)
					}
					_, _, _ = step.Verdict.Explain(), step.Verdict.ChromiumMessage(r), step.Verdict.FirefoxMessage()
					break
				}
				if got = append(got, answer); len(got) > 100 {
					t.Fatal("the fetch does not end")
				}
			}
		}
	})
}

// https://url.spec.whatwg.org/#host-parsing
func TestParseURL(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"https://API.example.com:443/a?b#c", "https://api.example.com/a?b#c"},
		{"http://a.example:80", "http://a.example/"},
		{"https://bücher.example/", "https://xn--bcher-kva.example/"},
		{"http://127.1/", "http://127.0.0.1/"},
		{"http://0/", "http://0.0.0.0/"},
		{"http://0x7f000001/", "http://127.0.0.1/"},
		{"http://0177.0.0.01/", "http://127.0.0.1/"},
		{"http://[0:0::1]:8080/", "http://[::1]:8080/"},
		{"http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/"},
		{"http://[fe80::1%25eth0]/", ""},
		{"http://256.1.1.1/", ""},
		{"http://1.2.3.4.5/", ""},
		{"http://a.09/", ""},
		{"http://sub.127.0.0.1/", ""},
		{"http://a.example:99999/", ""},
		{"http://a b/", ""},
		{"ftp://a.example/", ""},
		{"//a.example/", ""},
	} {
		u, err := fetch.ParseURL(tt.in)
		if got := fmt.Sprint(u); (err == nil) != (tt.want != "") || err == nil && got != tt.want {
			t.Errorf("%s: got %s, %v, want %q", tt.in, got, err, tt.want)
		}
	}
}

// https://fetch.spec.whatwg.org/#http-redirect-fetch, step 11.
func TestRedirectOfStream(t *testing.T) {
	for status, want := range map[int]bool{303: true, 302: false, 307: false} {
		r := request(t, "POST", api, "")
		r.Body, r.Stream = true, true
		if step := fetch.Standard().Next(r, []fetch.Response{response(status, allowPage, "Location: /b")}); (step.Send != nil) != want {
			t.Errorf("%d: got %+v", status, step.Verdict)
		}
	}
}

func TestParseCookie(t *testing.T) {
	for line, want := range map[string]fetch.Cookie{
		"a=b; Path=/; SameSite=LAX; secure ;HttpOnly": {Name: "a", Value: "b", SameSite: "lax", Secure: true, HTTPOnly: true},
		" a = b c ; SameSite=Odd":                     {Name: "a", Value: "b c"},
		"a=; Partitioned":                             {Name: "a", Partitioned: true},
		"=b":                                          {},
		"a":                                           {},
		"":                                            {},
	} {
		got, ok := fetch.ParseCookie(line)
		if got != want || ok != (want.Name != "") {
			t.Errorf("%q: got %+v, %v", line, got, ok)
		}
	}
}

// The steps that a reader sees.
func TestChecks(t *testing.T) {
	for _, tt := range []struct {
		credentials fetch.Credentials
		want        string
	}{
		{fetch.CredentialsOmit, "cross-origin, preflight needed, preflight, preflight, preflight, response"},
		{fetch.CredentialsInclude, "cross-origin, preflight needed, preflight, preflight, preflight, preflight, response, response"},
	} {
		lines := []string{allowPage, allowCred, "Access-Control-Allow-Methods: PUT"}
		step := fetch.Standard().Next(request(t, "PUT", api, tt.credentials), []fetch.Response{response(204, lines...), response(200, lines...)})
		var titles []string
		for _, c := range step.Checks {
			titles = append(titles, c.Title)
			if !c.OK || c.Detail == "" || c.Section.URL == "" {
				t.Errorf("%s: %+v", tt.credentials, c)
			}
		}
		if got := strings.Join(titles, ", "); got != tt.want {
			t.Errorf("%s: got %s", tt.credentials, got)
		}
	}
}
