package handlers

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
)

func newSessions(t testing.TB, secret string, sameSite http.SameSite, production bool) *Sessions {
	t.Helper()
	s, err := NewSessions(secret, sameSite, production)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// call runs one handler and returns the response.
func call(handler gin.HandlerFunc, method, body string, cookies ...*http.Cookie) *http.Response {
	w := httptest.NewRecorder()
	c, engine := gin.CreateTestContext(w)
	engine.Handle(method, "/", handler)
	c.Request = httptest.NewRequest(method, "/", strings.NewReader(body))
	c.Request.Header.Set("Content-Type", "application/json")
	for _, cookie := range cookies {
		c.Request.AddCookie(cookie)
	}
	engine.ServeHTTP(w, c.Request)
	return w.Result()
}

func TestSessionCookie(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		sameSite   http.SameSite
		production bool
		want       string // Set-Cookie, with V for the value
	}{
		{"development", http.SameSiteLaxMode, false, "session=V; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax"},
		{"strict", http.SameSiteStrictMode, false, "session=V; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict"},
		{"none", http.SameSiteNoneMode, false, "session=V; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=None; Partitioned"},
		{"production", http.SameSiteLaxMode, true, "__Host-session=V; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax"},
		{"production, none", http.SameSiteNoneMode, true, "__Host-session=V; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=None; Partitioned"},
	}
	for _, tt := range tests {
		s := newSessions(t, strings.Repeat("s", 32), tt.sameSite, tt.production)
		created := call(s.Create, "POST", `{"name":"Ada"}`)
		cookie := created.Cookies()[0]
		got := strings.Replace(created.Header.Get("Set-Cookie"), cookie.Value, "V", 1)
		if created.StatusCode != 201 || got != tt.want {
			t.Errorf("%s: %d %s, want %s", tt.name, created.StatusCode, got, tt.want)
		}
		if strings.Contains(cookie.Value, "Ada") {
			t.Errorf("%s: the name can be read in the value %s", tt.name, cookie.Value)
		}
		if got := call(s.Get, "GET", "", cookie).StatusCode; got != 200 {
			t.Errorf("%s: with the cookie %d, want 200", tt.name, got)
		}
		cleared := call(s.Delete, "DELETE", "", cookie).Header.Get("Set-Cookie")
		want := strings.NewReplacer("=V", "=", "Max-Age=604800", "Max-Age=0").Replace(tt.want)
		if cleared != want {
			t.Errorf("%s: cleared by %s, want %s", tt.name, cleared, want)
		}
	}
}

func TestSessionNames(t *testing.T) {
	t.Parallel()
	s := newSessions(t, strings.Repeat("s", 32), http.SameSiteLaxMode, false)
	for body, want := range map[string]int{
		`{"name":"A"}`:          201,
		`{"name":"A\n\u0001é"}`: 201, // as an item's name may
		`{"name":"` + strings.Repeat("é", maxSessionName) + `"}`:   201,
		`{"name":"` + strings.Repeat("é", maxSessionName+1) + `"}`: 422,
		`{"name":""}`:        422,
		`{}`:                 422,
		`{"name":"A\u0000"}`: 422,
		`{"name":"A\ud800"}`: 400,
	} {
		response := call(s.Create, "POST", body)
		text, _ := io.ReadAll(response.Body)
		if response.StatusCode != want || want == 422 && !strings.Contains(string(text), `"errors":[{"field":"name"`) {
			t.Errorf("%.40s: %d %s, want %d", body, response.StatusCode, text, want)
		}
	}
}

func TestBadSessionCookies(t *testing.T) {
	t.Parallel()
	s := newSessions(t, strings.Repeat("s", 32), http.SameSiteLaxMode, false)
	good := call(s.Create, "POST", `{"name":"Ada"}`).Cookies()[0]
	with := func(value string) *http.Cookie { return &http.Cookie{Name: "session", Value: value} }
	flipped := []byte(good.Value)
	flipped[len(flipped)/2] ^= 1

	stranger := newSessions(t, strings.Repeat("x", 32), http.SameSiteLaxMode, false)
	foreign := call(stranger.Create, "POST", `{"name":"Eve"}`).Cookies()[0]
	renamed := newSessions(t, strings.Repeat("s", 32), http.SameSiteLaxMode, true)
	other := call(renamed.Create, "POST", `{"name":"Eve"}`).Cookies()[0]

	for name, cookie := range map[string]*http.Cookie{
		"none": {Name: "other", Value: "x"}, "empty": with(""), "garbage": with("garbage"), "a bit flipped": with(string(flipped)), "cut": with(good.Value[:len(good.Value)-4]),
		"longer": with(good.Value + "AAAA"), "another secret": with(foreign.Value), "another cookie's value": with(other.Value), "very long": with(strings.Repeat("A", 8000)),
	} {
		if got := call(s.Get, "GET", "", cookie).StatusCode; got != 401 {
			t.Errorf("%s: %d, want 401", name, got)
		}
	}
	if got := call(s.Get, "GET", "", with("planted"), good).StatusCode; got != 200 {
		t.Errorf("a good cookie behind a planted one: %d, want 200", got)
	}
}

// The server refuses a cookie that a client kept past its age.
func TestSessionAgeIsEnforced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(t, strings.Repeat("s", 32), http.SameSiteLaxMode, false)
		cookie := call(s.Create, "POST", `{"name":"Ada"}`).Cookies()[0]
		time.Sleep(sessionAge)
		if got := call(s.Get, "GET", "", cookie).StatusCode; got != 200 {
			t.Errorf("at its age: %d, want 200", got)
		}
		time.Sleep(time.Second)
		if got := call(s.Get, "GET", "", cookie).StatusCode; got != 401 {
			t.Errorf("past its age: %d, want 401", got)
		}
	})
}

func FuzzSessionCookie(f *testing.F) {
	s := newSessions(f, strings.Repeat("s", 32), http.SameSiteLaxMode, false)
	good := call(s.Create, "POST", `{"name":"Ada"}`).Cookies()[0].Value
	f.Add(good)
	f.Add("")
	f.Add(good[:20])
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", "session="+value)
		if guest, ok := s.read(r); ok && guest.Name != "Ada" {
			t.Fatalf("%q is taken for %q", value, guest.Name)
		}
	})
}
