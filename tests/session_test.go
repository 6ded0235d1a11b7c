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

func TestSessionCookie(t *testing.T) {
	t.Parallel()
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
		prefix bool // the name begins with __Host-
	}{
		{"development", nil, lax, false},
		{"development, strict", []string{"SESSION_SAMESITE=strict"}, with(func(c *http.Cookie) { c.SameSite = http.SameSiteStrictMode }), false},
		{"development, none", []string{"SESSION_SAMESITE=none"}, with(func(c *http.Cookie) { c.SameSite, c.Secure, c.Partitioned = http.SameSiteNoneMode, true, true }), false},
		{"production", production, with(func(c *http.Cookie) { c.Secure = true }), true},
		{"production, strict", append(production, "SESSION_SAMESITE=strict"), with(func(c *http.Cookie) { c.SameSite, c.Secure = http.SameSiteStrictMode, true }), true},
		{"production, none", append(production, "SESSION_SAMESITE=none"),
			with(func(c *http.Cookie) { c.SameSite, c.Secure, c.Partitioned = http.SameSiteNoneMode, true, true }), true},
	}
	onlyAttributes := cmpopts.IgnoreFields(http.Cookie{}, "Name", "Value", "Expires", "RawExpires", "MaxAge", "Raw")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, tt.env...)
			created := s.do(t, "POST", "/api/session", `{"name":"Ada Lovelace"}`, jsonType)
			checkJSON(t, created, http.StatusCreated)
			if got := decode[map[string]string](t, created); !cmp.Equal(got, map[string]string{"name": "Ada Lovelace"}) {
				t.Errorf("created: got %v, want the name Ada Lovelace", got)
			}
			cookie := setCookie(t, created)
			if diff := cmp.Diff(tt.want, *cookie, onlyAttributes); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			if got := strings.HasPrefix(cookie.Name, "__Host-"); got != tt.prefix {
				t.Errorf("name: got %s, want it to begin with __Host-: %t", cookie.Name, tt.prefix)
			}
			if cookie.MaxAge < 0 || !cookie.Expires.IsZero() && cookie.Expires.Before(time.Now()) {
				t.Errorf("got the cookie %s, want one that has not expired", cookie.Raw)
			}

			header := "Cookie: other=1; " + cookie.Name + "=" + cookie.Value
			got := s.get(t, "/api/session", header)
			checkJSON(t, got, http.StatusOK)
			if name := decode[map[string]string](t, got)["name"]; name != "Ada Lovelace" {
				t.Errorf("session: got %s, want the name Ada Lovelace", got.body)
			}
			checkHeaders(t, got, map[string]string{"Set-Cookie": absent})

			// To clear a cookie, a response must set one with the same name,
			// path and partition, and with the attributes that its name requires.
			for _, headers := range [][]string{{header}, nil} {
				ended := s.do(t, "DELETE", "/api/session", "", headers...)
				checkStatus(t, ended, http.StatusNoContent)
				if lines := ended.header["Set-Cookie"]; headers != nil {
					// The first line clears the twin that another SESSION_SAMESITE
					// may have left. Exactly one of the two is partitioned.
					twin, err := http.ParseSetCookie(lines[0])
					if err != nil || len(lines) != 2 || twin.Name != cookie.Name || twin.MaxAge >= 0 || twin.Partitioned == tt.want.Partitioned {
						t.Errorf("clearing: got %q, want two cookies, the first of which clears the twin", lines)
					}
					ended.header["Set-Cookie"] = lines[1:]
				}
				cleared := setCookie(t, ended)
				if diff := cmp.Diff(tt.want, *cleared, onlyAttributes); diff != "" || cleared.Name != cookie.Name {
					t.Errorf("clearing %s as %s (-want +got):\n%s", cookie.Name, cleared.Name, diff)
				}
				if cleared.MaxAge >= 0 && !(cleared.Expires.Before(time.Now()) && !cleared.Expires.IsZero()) || strings.Contains(cleared.Value, cookie.Value) {
					t.Errorf("clearing: got %s, want an expired cookie", cleared.Raw)
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
		// securecookie encodes in base64 twice.
		for piece := range strings.SplitSeq(string(decoded), "|") {
			inner, _ := encoding.DecodeString(piece)
			checkLacks(t, string(inner), "Grace", "Hopper")
		}
	}
	reject := func(what, header string) {
		t.Helper()
		a := s.get(t, "/api/session", header)
		if a.status != http.StatusUnauthorized {
			t.Errorf("%s: got %d, want 401", what, a.status)
			return
		}
		checkProblem(t, a, http.StatusUnauthorized)
	}
	reject("no cookie", "X-None: 1")
	for i := 0; i < len(cookie.Value); i += len(cookie.Value) / 20 {
		flipped := []byte(cookie.Value)
		flipped[i] = map[bool]byte{true: 'B', false: 'A'}[flipped[i] == 'A']
		reject(fmt.Sprintf("byte %d changed", i), "Cookie: "+cookie.Name+"="+string(flipped))
	}
	reject("another server's cookie", signIn(t, start(t), "Grace Hopper"))
}

// A session that is rejected sets no cookie. The unit tests of handlers list
// what is rejected.
func TestSessionName(t *testing.T) {
	t.Parallel()
	s := start(t, unlimited...)
	created := s.do(t, "POST", "/api/session", `{"name":"`+strings.Repeat("漢", 100)+`"}`, jsonType)
	checkStatus(t, created, http.StatusCreated)
	cookie := setCookie(t, created)
	got := s.get(t, "/api/session", "Cookie: "+cookie.Name+"="+cookie.Value)
	checkStatus(t, got, http.StatusOK)
	if got.body != created.body {
		t.Errorf("session: got %s, want %s as created", got.body, created.body)
	}
	for body, status := range map[string]int{
		`{"name":true}`:             http.StatusUnprocessableEntity,
		`{}`:                        http.StatusUnprocessableEntity,
		`{"name":"a","admin":true}`: http.StatusBadRequest,
	} {
		t.Run(body, func(t *testing.T) {
			a := s.do(t, "POST", "/api/session", body, jsonType)
			p := checkProblem(t, a, status)
			checkHeaders(t, a, map[string]string{"Set-Cookie": absent})
			if status == http.StatusUnprocessableEntity {
				checkErrors(t, p, "name")
			}
		})
	}
}

// With SESSION_SECRET set, a session survives a restart. With the random secret
// of development, it does not.
func TestSessionAcrossRestart(t *testing.T) {
	t.Parallel()
	fixed := "SESSION_SECRET=" + secret
	checkStatus(t, start(t, fixed).get(t, "/api/session", signIn(t, start(t, fixed), "Ada")), http.StatusOK)
	checkStatus(t, start(t).get(t, "/api/session", signIn(t, start(t), "Ada")), http.StatusUnauthorized)
}
