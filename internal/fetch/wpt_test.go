package fetch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/api/internal/fetch"
)

// What web-platform-tests expect of a browser, in fetch/api/cors. Each test
// here is named after the file there; the expectations that need only one
// function are rows of the tables beside that function.

func engines() []fetch.Engine {
	return []fetch.Engine{fetch.Standard(), fetch.Chromium(), fetch.Firefox()}
}

// passes reports whether r is allowed when every message gets the same answer.
func passes(e fetch.Engine, r fetch.Request, answer fetch.Response) bool {
	var got []fetch.Response
	for {
		step := e.Next(r, got)
		if step.Verdict != nil {
			return step.Verdict.Allowed
		}
		got = append(got, answer)
	}
}

// cors-basic.any.js
func TestWPTBasic(t *testing.T) {
	for _, tt := range []struct {
		mode  fetch.Mode
		url   string
		lines []string
		want  bool
	}{
		{fetch.ModeNoCORS, page, nil, true},
		{fetch.ModeNoCORS, api, nil, true},
		{fetch.ModeNoCORS, "https://other.example/", nil, true},
		{fetch.ModeCORS, page, nil, true},
		{fetch.ModeCORS, api, nil, false},
		{fetch.ModeCORS, api, []string{allowAny}, true},
		{fetch.ModeCORS, api, []string{"Access-Control-Allow-Origin: none"}, false},
	} {
		for _, e := range engines() {
			r := request(t, "GET", tt.url, "")
			r.Mode = tt.mode
			if got := passes(e, r, response(200, tt.lines...)); got != tt.want {
				t.Errorf("%s: %s %s %q: got %v", e.Name, tt.mode, tt.url, tt.lines, got)
			}
		}
	}
}

// cors-origin.any.js and cors-multiple-origins.sub.any.js
func TestWPTOrigin(t *testing.T) {
	for _, method := range []string{"GET", "POST", "HEAD", "PUT"} {
		for _, to := range []string{api, page + ":8443/", "https://localhost/"} {
			for allow, want := range map[string]bool{
				page: true, "*": true, "": false, "https://other.example": false,
				"*, *": false, page + ", " + page: false, "https://other.example, " + page: false, page + ", *": false,
			} {
				for _, e := range engines() {
					answer := response(200, "Access-Control-Allow-Origin: "+allow, "Access-Control-Allow-Methods: "+method)
					if got := passes(e, request(t, method, to, ""), answer); got != want {
						t.Errorf("%s: %s %s, %q: got %v", e.Name, method, to, allow, got)
					}
				}
			}
		}
	}
}

// cors-no-preflight.any.js
func TestWPTNoPreflight(t *testing.T) {
	for _, tt := range []struct {
		method  string
		headers []string
	}{
		{"GET", nil},
		{"POST", nil},
		{"HEAD", nil},
		{"GET", []string{"Accept", "*/*"}},
		{"GET", []string{"Accept-Language", "fr"}},
		{"GET", []string{"Content-Language", "fr"}},
		{"GET", []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{"GET", []string{"Content-Type", "multipart/form-data"}},
		{"GET", []string{"Content-Type", "text/plain"}},
		{"GET", []string{"Content-Type", "text/plain;charset=utf-8"}},
		{"GET", []string{"Content-Type", "Text/Plain;charset=utf-8"}},
	} {
		for _, to := range []string{api, page + ":8443/", "https://localhost/"} {
			for _, e := range engines() {
				if step := e.Next(request(t, tt.method, to, "", tt.headers...), nil); step.Send == nil || step.Send.Preflight {
					t.Errorf("%s: %s %s %q has a preflight", e.Name, tt.method, to, tt.headers)
				}
			}
		}
	}
}

// cors-preflight.any.js
func TestWPTPreflight(t *testing.T) {
	many := []string{"x-test-header1", "x-test-header2", "X-test-header3", "x-test-header-b", "x-test-header-D", "x-test-header-C", "x-test-header-a", "Content-Type"}
	for _, tt := range []struct {
		method string
		names  []string
	}{
		{"DELETE", nil}, {"PUT", nil}, {"PATCH", nil}, {"NEW", nil}, {"GET", []string{"x-test-header1"}}, {"GET", many}, {"PUT", many},
	} {
		var headers []string
		for _, name := range tt.names {
			headers = append(headers, name, "allowedOrRefused")
		}
		r := request(t, tt.method, api, "", append(headers, "Accept", "*", "Accept-Language", "bzh", "Content-Language", "eu")...)
		names := slices.Clone(tt.names)
		for i := range names {
			names[i] = strings.ToLower(names[i])
		}
		slices.Sort(names)
		for _, e := range engines() {
			step := e.Next(r, nil)
			if step.Send == nil || !step.Send.Preflight {
				t.Errorf("%s: %s %q has no preflight", e.Name, tt.method, tt.names)
				continue
			}
			if got, _ := step.Send.Header.Get("Access-Control-Request-Headers"); got != strings.Join(names, ",") {
				t.Errorf("%s: %s %q asks for %q", e.Name, tt.method, tt.names, got)
			}
			allow := response(200, allowPage, "Access-Control-Allow-Methods: "+tt.method, "Access-Control-Allow-Headers: "+strings.Join(tt.names, ", "))
			if !passes(e, r, allow) || passes(e, r, response(200, allowPage)) {
				t.Errorf("%s: %s %q: got the wrong verdict", e.Name, tt.method, tt.names)
			}
		}
	}
}

// cors-preflight-status.any.js
func TestWPTPreflightStatus(t *testing.T) {
	for status := 200; status < 600; status++ {
		for _, e := range engines() {
			step := e.Next(request(t, "GET", api, "", "x-force-preflight", ""), []fetch.Response{response(status, allowPage, "Access-Control-Allow-Headers: x-force-preflight")})
			if got, want := step.Send != nil, status < 300; got != want {
				t.Errorf("%s: %d: got %v", e.Name, status, got)
			}
		}
	}
}

// cors-preflight-redirect.any.js
func TestWPTPreflightRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{"/b", page + "/b", "https://other.example/"} {
			answer := response(status, allowPage, "Access-Control-Allow-Headers: x-force-preflight", "Location: "+location)
			for _, e := range engines() {
				if passes(e, request(t, "GET", api, "", "x-force-preflight", ""), answer) {
					t.Errorf("%s: %d to %s is allowed", e.Name, status, location)
				}
			}
		}
	}
}

// cors-redirect-preflight.any.js
func TestWPTRedirectPreflight(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, tt := range []struct{ name, from, to string }{
			{"same origin to cors", page, api}, {"cors to same origin", api, page + "/b"}, {"cors to another cors", api, "https://other.example/"},
		} {
			for _, e := range []fetch.Engine{fetch.Standard(), fetch.Chromium()} {
				r := request(t, "GET", tt.from, "", "x-w3c", "test")
				var got []fetch.Response
				if tt.from == api {
					got = append(got, response(200, allowAny, "Access-Control-Allow-Headers: x-w3c"))
				}
				got = append(got, response(status, allowAny, "Location: "+tt.to))
				step := e.Next(r, got)
				if step.Send == nil || !step.Send.Preflight {
					t.Errorf("%s: %s, %d: no preflight after the redirect", e.Name, tt.name, status)
					continue
				}
				if step := e.Next(r, append(got, response(200, allowAny))); step.Verdict == nil || step.Verdict.Reason != fetch.HeaderDisallowed {
					t.Errorf("%s: %s, %d: the second preflight does not count", e.Name, tt.name, status)
				}
				if step := e.Next(r, append(got, response(200, allowAny, "Access-Control-Allow-Headers: x-w3c"), response(200, allowAny))); step.Verdict == nil || !step.Verdict.Allowed {
					t.Errorf("%s: %s, %d: blocked", e.Name, tt.name, status)
				}
			}
		}
	}
}

// cors-filtering.sub.any.js and cors-expose-star.sub.any.js
func TestWPTFiltering(t *testing.T) {
	safe := []string{"Cache-Control", "Content-Language", "Content-Type", "Expires", "Last-Modified", "Pragma"}
	for _, tt := range []struct {
		credentials fetch.Credentials
		name        string
		expose      string
		want        bool
	}{
		{"", "Age", "", false}, {"", "Server", "", false}, {"", "Warning", "", false},
		{"", "Content-Length", "", true}, {"", "Age", "Age", true}, {"", "Server", "server", true},
		{"", "Set-Cookie", "Set-Cookie", false}, {"", "Set-Cookie2", "Set-Cookie2", false}, {"", "Set-Cookie", "*", false},
		{"", "X-Test", "*", true}, {fetch.CredentialsInclude, "X-Test", "*", false}, {fetch.CredentialsInclude, "*", "*", true},
		{fetch.CredentialsInclude, "X-Test", "*, x-test", true},
	} {
		h := response(200, "Access-Control-Expose-Headers: "+tt.expose, tt.name+": value").Header
		if got := slices.Contains(fetch.ExposedHeaders(tt.credentials, h), strings.ToLower(tt.name)); got != tt.want {
			t.Errorf("%s exposed by %q, credentials %q: got %v", tt.name, tt.expose, tt.credentials, got)
		}
	}
	for _, name := range safe {
		if got := fmt.Sprint(fetch.ExposedHeaders("", response(200, name+": x").Header)); got != "["+strings.ToLower(name)+"]" {
			t.Errorf("%s: got %s", name, got)
		}
	}
}
