package tests

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// setCookie returns the one cookie that an answer sets.
func setCookie(t *testing.T, a answer) *http.Cookie {
	t.Helper()
	lines := a.header.Values("Set-Cookie")
	if len(lines) != 1 {
		t.Fatalf("Set-Cookie: got %q, want one", lines)
	}
	cookie, err := http.ParseSetCookie(lines[0])
	if err != nil {
		t.Fatalf("Set-Cookie %q: %v", lines[0], err)
	}
	return cookie
}

func TestSessionCookie(t *testing.T) {
	t.Parallel()
	production := []string{"APP_ENV=production", "SESSION_SECRET=" + secret, "ALLOWED_ORIGINS=" + app}
	lax := http.Cookie{Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	with := func(change func(*http.Cookie)) http.Cookie {
		cookie := lax
		change(&cookie)
		return cookie
	}
	tests := []struct {
		name   string
		env    []string
		want   http.Cookie
		prefix bool
	}{
		{"development", nil, lax, false},
		{"development, strict", []string{"SESSION_SAMESITE=strict"}, with(func(c *http.Cookie) { c.SameSite = http.SameSiteStrictMode }), false},
		{"development, none", []string{"SESSION_SAMESITE=none"}, with(func(c *http.Cookie) { c.SameSite, c.Secure, c.Partitioned = http.SameSiteNoneMode, true, true }), false},
		{"production", production, with(func(c *http.Cookie) { c.Secure = true }), true},
		{"production, strict", append(production, "SESSION_SAMESITE=strict"), with(func(c *http.Cookie) { c.SameSite, c.Secure = http.SameSiteStrictMode, true }), true},
		{"production, none", append(production, "SESSION_SAMESITE=none"),
			with(func(c *http.Cookie) { c.SameSite, c.Secure, c.Partitioned = http.SameSiteNoneMode, true, true }), true},
	}
	attributes := cmpopts.IgnoreFields(http.Cookie{}, "Name", "Value", "Expires", "RawExpires", "MaxAge", "Raw")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, tt.env...)
			created := s.do(t, "POST", "/api/session", `{"name":"Ada Lovelace"}`, jsonType)
			checkJSON(t, created, http.StatusCreated)
			if got := decode[map[string]string](t, created); !cmp.Equal(got, map[string]string{"name": "Ada Lovelace"}) {
				t.Errorf("created: got %v", got)
			}
			cookie := setCookie(t, created)
			if diff := cmp.Diff(tt.want, *cookie, attributes); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			if got := strings.HasPrefix(cookie.Name, "__Host-"); got != tt.prefix {
				t.Errorf("name: got %s, want the prefix __Host-: %t", cookie.Name, tt.prefix)
			}
			if cookie.MaxAge < 0 || !cookie.Expires.IsZero() && cookie.Expires.Before(time.Now()) {
				t.Errorf("age: got %s", cookie.Raw)
			}

			header := "Cookie: other=1; " + cookie.Name + "=" + cookie.Value
			got := s.get(t, "/api/session", header)
			checkJSON(t, got, http.StatusOK)
			if name := decode[map[string]string](t, got)["name"]; name != "Ada Lovelace" {
				t.Errorf("session: got %s", got.body)
			}
			checkHeaders(t, got, map[string]string{"Set-Cookie": absent})

			// A browser drops a cookie only for one of the same name, path
			// and partition, and takes it only with what its name demands.
			for _, headers := range [][]string{{header}, nil} {
				ended := s.do(t, "DELETE", "/api/session", "", headers...)
				checkStatus(t, ended, http.StatusNoContent)
				if lines := ended.header["Set-Cookie"]; headers != nil {
					// First the one that another SESSION_SAMESITE may have left:
					// where this one has a partition, it has none, and back.
					twin, err := http.ParseSetCookie(lines[0])
					if err != nil || len(lines) != 2 || twin.Name != cookie.Name || twin.MaxAge >= 0 || twin.Partitioned == tt.want.Partitioned {
						t.Errorf("clearing: got %q, want its twin cleared, too", lines)
					}
					ended.header["Set-Cookie"] = lines[1:]
				}
				cleared := setCookie(t, ended)
				if diff := cmp.Diff(tt.want, *cleared, attributes); diff != "" || cleared.Name != cookie.Name {
					t.Errorf("clearing %s as %s (-want +got):\n%s", cookie.Name, cleared.Name, diff)
				}
				if cleared.MaxAge >= 0 && !(cleared.Expires.Before(time.Now()) && !cleared.Expires.IsZero()) || strings.Contains(cleared.Value, cookie.Value) {
					t.Errorf("clearing: got %s, want it expired", cleared.Raw)
				}
			}
		})
	}
}

func TestSessionIsSignedAndEncrypted(t *testing.T) {
	t.Parallel()
	s := start(t, append(unlimited, "LOG_LEVEL=debug")...)
	created := s.do(t, "POST", "/api/session", `{"name":"Grace Hopper"}`, jsonType)
	cookie := setCookie(t, created)
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		decoded, _ := encoding.DecodeString(cookie.Value)
		checkLacks(t, string(decoded)+cookie.Value, "Grace", "Hopper")
		// gorilla's format wraps one base64 in another.
		for _, piece := range strings.Split(string(decoded), "|") {
			inner, _ := encoding.DecodeString(piece)
			checkLacks(t, string(inner), "Grace", "Hopper")
		}
	}
	refuse := func(what, header string) {
		t.Helper()
		a := s.get(t, "/api/session", header)
		if a.status != http.StatusUnauthorized {
			t.Errorf("%s: got %d, want 401", what, a.status)
			return
		}
		checkProblem(t, a, http.StatusUnauthorized)
	}
	refuse("no cookie", "X-None: 1")
	for _, value := range []string{"", "x", "null", cookie.Value + "x", cookie.Value[1:], cookie.Value[:len(cookie.Value)-4], strings.Repeat("A", len(cookie.Value)), strings.Repeat("A", 5000)} {
		refuse("value "+value, "Cookie: "+cookie.Name+"="+value)
	}
	for i := 0; i < len(cookie.Value); i += len(cookie.Value) / 20 {
		flipped := []byte(cookie.Value)
		flipped[i] = map[bool]byte{true: 'B', false: 'A'}[flipped[i] == 'A']
		refuse(fmt.Sprintf("byte %d changed", i), "Cookie: "+cookie.Name+"="+string(flipped))
	}
	refuse("another name", "Cookie: other="+cookie.Value)
	refuse("another server's", signIn(t, start(t), "Grace Hopper"))
}

func TestSessionRules(t *testing.T) {
	t.Parallel()
	s := start(t, unlimited...)
	tests := []struct {
		name, body string
		status     int
	}{
		{"one character", `{"name":"é"}`, 201},
		{"100 characters", `{"name":"` + strings.Repeat("漢", 100) + `"}`, 201},
		{"101 characters", `{"name":"` + strings.Repeat("a", 101) + `"}`, 422},
		{"empty", `{"name":""}`, 422},
		{"missing", `{}`, 422},
		{"wrong type", `{"name":true}`, 422},
		{"unknown field", `{"name":"a","admin":true}`, 400},
		{"null", `null`, 400},
		{"list", `[]`, 400},
		{"malformed", `{`, 400},
		{"trailing", `{"name":"a"},`, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := s.do(t, "POST", "/api/session", tt.body, jsonType)
			if tt.status == http.StatusCreated {
				checkStatus(t, a, http.StatusCreated)
				cookie := setCookie(t, a)
				kept := s.get(t, "/api/session", "Cookie: "+cookie.Name+"="+cookie.Value)
				checkStatus(t, kept, http.StatusOK)
				if kept.body != a.body {
					t.Errorf("session: got %s, want %s as created", kept.body, a.body)
				}
				return
			}
			p := checkProblem(t, a, tt.status)
			checkHeaders(t, a, map[string]string{"Set-Cookie": absent})
			if tt.status == http.StatusUnprocessableEntity {
				checkErrors(t, p, "name")
			}
		})
	}
}

// With a secret of its own a session outlives the process; the random one of
// development does not.
func TestSessionAcrossRestart(t *testing.T) {
	t.Parallel()
	kept := []string{"SESSION_SECRET=" + secret}
	checkStatus(t, start(t, kept...).get(t, "/api/session", signIn(t, start(t, kept...), "Ada")), http.StatusOK)
	checkStatus(t, start(t).get(t, "/api/session", signIn(t, start(t), "Ada")), http.StatusUnauthorized)
}

// signIn starts a session and returns its cookie as a request's header.
func signIn(t *testing.T, s *server, name string) string {
	t.Helper()
	a := s.do(t, "POST", "/api/session", fmt.Sprintf(`{"name":%q}`, name), jsonType)
	checkStatus(t, a, http.StatusCreated)
	cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	if err != nil {
		t.Fatalf("Set-Cookie %q: %v", a.header.Get("Set-Cookie"), err)
	}
	return "Cookie: " + cookie.Name + "=" + cookie.Value
}
