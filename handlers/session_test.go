package handlers

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/securecookie"

	"example.com/api/internal/forwarded"
)

const testSecret = "0123456789abcdef0123456789abcdef"

func newSessions(t testing.TB, options SessionOptions) *Sessions {
	t.Helper()
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	s, err := NewSessions(options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// call runs one handler and returns the response.
func call(handler gin.HandlerFunc, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	_, engine := gin.CreateTestContext(w)
	engine.Handle(r.Method, "/", handler)
	engine.ServeHTTP(w, r)
	return w.Result()
}

// sessionRequest returns a request that arrived on port 8080 of this machine.
func sessionRequest(method, body string, cookies ...*http.Cookie) *http.Request {
	return sessionRequestOn(8080, method, body, cookies...)
}

func sessionRequestOn(port int, method, body string, cookies ...*http.Cookie) *http.Request {
	address := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
	r := httptest.NewRequestWithContext(context.WithValue(context.Background(), http.LocalAddrContextKey, address), method, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for _, cookie := range cookies {
		r.AddCookie(cookie)
	}
	return r
}

// signIn returns the cookie that signs a guest in.
func signIn(t testing.TB, s *Sessions, port int, name string, cookies ...*http.Cookie) *http.Cookie {
	t.Helper()
	response := call(s.Create, sessionRequestOn(port, "POST", `{"name":"`+name+`"}`, cookies...))
	set := response.Cookies()
	if response.StatusCode != 201 || len(set) == 0 {
		t.Fatalf("sign in: %d, %v", response.StatusCode, set)
	}
	return set[len(set)-1]
}

// signedIn returns the name of the guest who is signed in, or "" if nobody is.
func signedIn(t testing.TB, s *Sessions, port int, cookies ...*http.Cookie) string {
	t.Helper()
	response := call(s.Get, sessionRequestOn(port, "GET", "", cookies...))
	if response.StatusCode == http.StatusUnauthorized {
		return ""
	}
	var guest session
	if err := json.NewDecoder(response.Body).Decode(&guest); response.StatusCode != 200 || err != nil {
		t.Fatalf("%d, %v", response.StatusCode, err)
	}
	return guest.Name
}

func TestSessionCookie(t *testing.T) {
	t.Parallel()
	const (
		lax, strict, none = http.SameSiteLaxMode, http.SameSiteStrictMode, http.SameSiteNoneMode
		set               = "=V; Path=/; Max-Age=604800; HttpOnly"
		clear             = "=; Path=/; Max-Age=0; HttpOnly"
		partitioned       = "; Secure; SameSite=None; Partitioned"
		unpartitioned     = "; Secure; SameSite=None"
	)
	tests := []struct {
		name       string
		sameSite   http.SameSite
		production bool
		cookie     string // its name
		attributes string // what follows HttpOnly
		twin       string // the same, of the cookie that another SESSION_SAMESITE left
	}{
		{"development", lax, false, "session_8080", "; SameSite=Lax", partitioned},
		{"strict", strict, false, "session_8080", "; SameSite=Strict", partitioned},
		{"none", none, false, "session_8080", partitioned, unpartitioned},
		{"production", lax, true, "__Host-session", "; Secure; SameSite=Lax", partitioned},
		{"production, none", none, true, "__Host-session", partitioned, unpartitioned},
	}
	for _, tt := range tests {
		s := newSessions(t, SessionOptions{Secret: testSecret, SameSite: tt.sameSite, Production: tt.production})
		check := func(what string, response *http.Response, want ...string) {
			t.Helper()
			got := slices.Clone(response.Header.Values("Set-Cookie"))
			for i, cookie := range response.Cookies() {
				if cookie.Value != "" {
					got[i] = strings.Replace(got[i], cookie.Value, "V", 1)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s: cookies differ (-want +got):\n%s", tt.name, what, diff)
			}
		}
		created := call(s.Create, sessionRequest("POST", `{"name":"Ada"}`))
		check("sign in", created, tt.cookie+set+tt.attributes)
		cookie := created.Cookies()[0]
		if strings.Contains(cookie.Value, "Ada") {
			t.Errorf("%s: the name can be read in the value %s", tt.name, cookie.Value)
		}
		if got := signedIn(t, s, 8080, cookie); got != "Ada" {
			t.Errorf("%s: signed in as %q, want Ada", tt.name, got)
		}
		// The twin goes first, because a browser without partitions treats both
		// as the same cookie.
		check("sign in again", call(s.Create, sessionRequest("POST", `{"name":"Eve"}`, cookie)), tt.cookie+clear+tt.twin, tt.cookie+set+tt.attributes)
		check("sign out", call(s.Delete, sessionRequest("DELETE", "", cookie)), tt.cookie+clear+tt.twin, tt.cookie+clear+tt.attributes)
		without := call(s.Delete, sessionRequest("DELETE", ""))
		check("sign out without a cookie", without, tt.cookie+clear+tt.attributes)
		if without.StatusCode != http.StatusNoContent {
			t.Errorf("%s: sign out: %d, want 204", tt.name, without.StatusCode)
		}
		check("sign out with a cookie that is not valid", call(s.Delete, sessionRequest("DELETE", "", &http.Cookie{Name: tt.cookie, Value: "x"})),
			tt.cookie+clear+tt.twin, tt.cookie+clear+tt.attributes)
	}
}

// Cookies do not know ports: two applications on localhost share them.
func TestSessionPorts(t *testing.T) {
	t.Parallel()
	a := newSessions(t, SessionOptions{Secret: testSecret})
	b := newSessions(t, SessionOptions{Secret: strings.Repeat("b", 32)})
	ofA, ofB := signIn(t, a, 8080, "Ada"), signIn(t, b, 9090, "Bob")
	if got := signedIn(t, a, 8080, ofA, ofB) + signedIn(t, b, 9090, ofA, ofB); got != "AdaBob" {
		t.Errorf("two applications: signed in as %s, want AdaBob", got)
	}
	for _, cookie := range call(b.Delete, sessionRequestOn(9090, "DELETE", "", ofA, ofB)).Cookies() {
		if cookie.Name != ofB.Name {
			t.Errorf("signing out of one application clears %s", cookie.Name)
		}
	}

	// The same application on another port, after a restart.
	if got := signedIn(t, a, 9090, ofA); got != "Ada" {
		t.Errorf("on another port: signed in as %q, want Ada", got)
	}
	newer := signIn(t, a, 9090, "Eve", ofA)
	if got := signedIn(t, a, 9090, ofA, newer); got != "Eve" {
		t.Errorf("with a cookie of each port: signed in as %q, want Eve", got)
	}
	cleared := make(map[string]bool)
	for _, cookie := range call(a.Delete, sessionRequestOn(9090, "DELETE", "", ofA, newer, ofB)).Cookies() {
		cleared[cookie.Name] = true
	}
	if want := map[string]bool{ofA.Name: true, newer.Name: true}; !maps.Equal(cleared, want) {
		t.Errorf("signing out clears %v, want %v", cleared, want)
	}

	production := newSessions(t, SessionOptions{Secret: testSecret, Production: true})
	if got := signedIn(t, production, 8080, ofA); got != "" {
		t.Errorf("production accepts a cookie of development: signed in as %s", got)
	}
}

// A secret can be changed without signing everybody out.
func TestPreviousSecret(t *testing.T) {
	t.Parallel()
	old := newSessions(t, SessionOptions{Secret: strings.Repeat("o", 32)})
	both := newSessions(t, SessionOptions{Secret: testSecret, PreviousSecret: strings.Repeat("o", 32)})
	current := newSessions(t, SessionOptions{Secret: testSecret})
	if got := signedIn(t, both, 8080, signIn(t, old, 8080, "Ada")); got != "Ada" {
		t.Errorf("a cookie of the previous secret: signed in as %q, want Ada", got)
	}
	if got := signedIn(t, current, 8080, signIn(t, old, 8080, "Ada")); got != "" {
		t.Errorf("without the previous secret: signed in as %q, want nobody", got)
	}
	// No previous secret is not an empty one, with which anybody could sign.
	keys, err := hkdf.Key(sha256.New, nil, nil, "session cookie", 64)
	if err != nil {
		t.Fatal(err)
	}
	codec := securecookie.New(keys[:32], keys[32:])
	codec.SetSerializer(securecookie.JSONEncoder{})
	forged, err := codec.Encode("session", session{Name: "Eve"})
	if err != nil {
		t.Fatal(err)
	}
	if got := signedIn(t, current, 8080, &http.Cookie{Name: "session_8080", Value: forged}); got != "" {
		t.Errorf("a cookie of the empty secret: signed in as %s, want nobody", got)
	}
	if got := signedIn(t, current, 8080, signIn(t, both, 8080, "Ada")); got != "Ada" {
		t.Errorf("the previous secret is written: signed in as %q, want Ada", got)
	}
}

// A 401 tells people and programs what to do (RFC 9110, 11.6.1).
func TestUnauthorized(t *testing.T) {
	t.Parallel()
	https := sessionRequest("GET", "")
	https.TLS = &tls.ConnectionState{}
	tests := []struct {
		name       string
		production bool
		request    *http.Request
		challenge  string
		want       []string
		wantNot    string
	}{
		{"no cookie", false, sessionRequest("GET", ""), `Cookie realm="session", cookie-name="session_8080"`, []string{"no session cookie", "POST /api/session", "credentials", "localhost is not 127.0.0.1"}, "https"},
		{"a cookie that is not valid", false, sessionRequest("GET", "", &http.Cookie{Name: "session_8080", Value: "x"}),
			`Cookie realm="session", cookie-name="session_8080"`, []string{"expired", "POST /api/session"}, "no session cookie"},
		{"no port, as on a Unix socket", false, httptest.NewRequest("GET", "/", nil), `Cookie realm="session", cookie-name="session"`, []string{"no session cookie"}, "https"},
		{"production, https", true, https, `Cookie realm="session", cookie-name="__Host-session"`, []string{"no session cookie"}, "plain http"},
		{"production, plain http", true, sessionRequest("GET", ""), `Cookie realm="session", cookie-name="__Host-session"`, []string{"no session cookie", "plain http", "https"}, "\n"},
	}
	for _, tt := range tests {
		response := call(newSessions(t, SessionOptions{Secret: testSecret, Production: tt.production}).Get, tt.request)
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got := response.Header.Get("WWW-Authenticate"); response.StatusCode != 401 || got != tt.challenge {
			t.Errorf("%s: %d, WWW-Authenticate %s, want 401, %s", tt.name, response.StatusCode, got, tt.challenge)
		}
		if !json.Valid(body) {
			t.Errorf("%s: the body is not one JSON value: %s", tt.name, body)
		}
		for _, want := range tt.want {
			if !strings.Contains(string(body), want) {
				t.Errorf("%s: %s lacks %q", tt.name, body, want)
			}
		}
		if strings.Contains(string(body), tt.wantNot) {
			t.Errorf("%s: %s has %q", tt.name, body, tt.wantNot)
		}
	}
}

// A browser drops a Secure cookie that comes by plain http, and says nothing.
func TestSignInOverPlainHTTP(t *testing.T) {
	t.Parallel()
	proxy := forwarded.NewProxies(netip.MustParsePrefix("192.0.2.1/32")) // httptest's peer
	with := func(headers ...string) *http.Request {
		r := sessionRequest("POST", `{"name":"Ada"}`)
		for _, line := range headers {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Set(name, value)
		}
		return r
	}
	encrypted := with()
	encrypted.TLS = &tls.ConnectionState{}
	local := func(headers ...string) *http.Request {
		r := with(headers...)
		r.Host = "localhost:8080"
		return r
	}
	tests := []struct {
		name    string
		options SessionOptions
		request *http.Request
		warns   bool
	}{
		{"production", SessionOptions{Production: true}, with(), true},
		{"a page on plain http", SessionOptions{Production: true}, with("Origin: http://intranet.test"), true},
		{"the proxy says http", SessionOptions{Production: true, Proxies: proxy}, with("X-Forwarded-Proto: http"), true},
		{"SameSite=None in development", SessionOptions{SameSite: http.SameSiteNoneMode}, with(), true},
		{"TLS", SessionOptions{Production: true}, encrypted, false},
		{"the proxy says https", SessionOptions{Production: true, Proxies: proxy}, with("X-Forwarded-Proto: https"), false},
		{"an untrusted proxy says https", SessionOptions{Production: true}, with("X-Forwarded-Proto: https"), false},
		// Browsers do not let a page on https call plain http, so TLS ended at a
		// proxy.
		{"a page on https", SessionOptions{Production: true}, with("Origin: https://app.test"), false},
		{"a cookie that is not Secure", SessionOptions{}, with(), false},
		// Chromium and Firefox store a Secure cookie of a server on their own machine.
		{"the browser's own machine", SessionOptions{Production: true}, local("Origin: http://localhost:5173"), false},
		{"the browser's own machine, no Origin", SessionOptions{SameSite: http.SameSiteNoneMode}, local(), false},
		{"a proxy that rewrites Host", SessionOptions{Production: true}, local("Origin: http://intranet.test"), true},
		{"no sign-in", SessionOptions{Production: true}, sessionRequest("POST", `{}`), false},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		tt.options.Secret, tt.options.Log = testSecret, slog.New(slog.NewTextHandler(&out, nil))
		s := newSessions(t, tt.options)
		tt.request.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		call(s.Create, tt.request)
		want := 0
		if tt.warns {
			call(s.Create, with("Origin: http://again.test")) // warned about once
			want = 1
		}
		if got := out.String(); strings.Count(got, "level=WARN") != want || tt.warns && !(strings.Contains(got, "plain http") && strings.Contains(got, "TRUSTED_PROXIES") &&
			strings.Contains(got, " request_id=") && strings.Contains(got, " trace_id=4bf92f3577b34da6a3ce929d0e0e4736 ")) {
			t.Errorf("%s: want %d warnings, the log is %q", tt.name, want, got)
		}
	}
}

func TestSessionNames(t *testing.T) {
	t.Parallel()
	s := newSessions(t, SessionOptions{Secret: testSecret})
	for _, tt := range []struct {
		body   string
		status int
		detail string // of a 422
	}{
		{`{"name":"A"}`, 201, ""},
		{`{"name":"A\n\u0001é"}`, 201, ""}, // as an item's name may
		{`{"name":"` + strings.Repeat("é", maxSessionName) + `"}`, 201, ""},
		{`{"name":"` + strings.Repeat("é", maxSessionName+1) + `"}`, 422, "must have 1 to 100 characters"},
		{`{"name":""}`, 422, "must have 1 to 100 characters"},
		{`{"name":7}`, 422, "must be a string"},
		{`{}`, 422, "is missing"},
		{`{"name":"A\u0000"}`, 422, "must not contain the character U+0000"},
		{`{"name":"A\ud800"}`, 400, ""},
	} {
		response := call(s.Create, sessionRequest("POST", tt.body))
		text, _ := io.ReadAll(response.Body)
		if response.StatusCode != 201 && len(response.Cookies()) > 0 || !json.Valid(text) {
			t.Errorf("%.40s: %s and the cookies %v", tt.body, text, response.Cookies())
		}
		if response.StatusCode != tt.status || tt.status == 422 && !strings.Contains(string(text), `"errors":[{"field":"name","detail":"`+tt.detail) {
			t.Errorf("%.40s: %d %s, want %d %s", tt.body, response.StatusCode, text, tt.status, tt.detail)
		}
	}
}

func TestBadSessionCookies(t *testing.T) {
	t.Parallel()
	s := newSessions(t, SessionOptions{Secret: testSecret})
	good := signIn(t, s, 8080, "Ada")
	with := func(value string) *http.Cookie { return &http.Cookie{Name: good.Name, Value: value} }
	flipped := []byte(good.Value)
	flipped[len(flipped)/2] ^= 1
	foreign := signIn(t, newSessions(t, SessionOptions{Secret: strings.Repeat("x", 32)}), 8080, "Eve")
	production := signIn(t, newSessions(t, SessionOptions{Secret: testSecret, Production: true}), 8080, "Eve")

	for why, cookie := range map[string]*http.Cookie{
		"none": {Name: "other", Value: good.Value}, "empty": with(""), "garbage": with("garbage"), "a bit flipped": with(string(flipped)), "cut": with(good.Value[:len(good.Value)-4]),
		"longer": with(good.Value + "AAAA"), "another secret": with(foreign.Value), "another cookie's value": with(production.Value), "very long": with(strings.Repeat("A", 8000)),
		"not a port": {Name: "session_x", Value: good.Value}, "an empty port": {Name: "session_", Value: good.Value}, "a port alone": {Name: "8080", Value: good.Value}, "a longer name": {Name: "session_8080x", Value: good.Value},
	} {
		if got := signedIn(t, s, 8080, cookie); got != "" {
			t.Errorf("%s: signed in as %s, want nobody", why, got)
		}
	}
	s = newSessions(t, SessionOptions{Secret: testSecret, Production: true})
	if got := signedIn(t, s, 8080, &http.Cookie{Name: production.Name + "_8080", Value: production.Value}); got != "" {
		t.Errorf("production takes a cookie of a port: signed in as %s", got)
	}
	s = newSessions(t, SessionOptions{Secret: testSecret})
	if got := signedIn(t, s, 8080, with("planted"), good); got != "Ada" {
		t.Errorf("a valid cookie behind a planted one: signed in as %q, want Ada", got)
	}
}

// The server rejects a cookie that a client kept past its age.
func TestSessionAgeIsEnforced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(t, SessionOptions{Secret: testSecret})
		cookie := signIn(t, s, 8080, "Ada")
		time.Sleep(sessionAge)
		if got := signedIn(t, s, 8080, cookie); got != "Ada" {
			t.Errorf("at its age: signed in as %q, want Ada", got)
		}
		time.Sleep(time.Second)
		if got := signedIn(t, s, 8080, cookie); got != "" {
			t.Errorf("past its age: signed in as %q, want nobody", got)
		}
	})
}

func FuzzSessionCookie(f *testing.F) {
	s := newSessions(f, SessionOptions{Secret: testSecret})
	good := signIn(f, s, 8080, "Ada").Value
	f.Add(good)
	f.Add("")
	f.Add(good[:20])
	f.Fuzz(func(t *testing.T, value string) {
		r := sessionRequest("GET", "")
		r.Header.Set("Cookie", "session_8080="+value)
		if guest, ok := s.read(r); ok && guest.Name != "Ada" {
			t.Fatalf("%q signs in as %q", value, guest.Name)
		}
	})
}
