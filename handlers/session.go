package handlers

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/securecookie"

	"example.com/api/internal/problem"
)

const (
	sessionAge     = 7 * 24 * time.Hour
	maxSessionName = 100 // characters
)

// Sessions keeps a guest's name in a signed and encrypted cookie, and nowhere
// else. It shows how credentials work across origins. It is not an identity
// system: anybody can get a session, and a session cannot be revoked before it
// expires.
type Sessions struct {
	codec  *securecookie.SecureCookie
	cookie http.Cookie // what every Set-Cookie has in common
}

// NewSessions derives the keys from secret, which has at least 32 bytes. In
// production the cookie is Secure and has the __Host- prefix, so that neither
// plain http nor a sibling host can plant one. SameSite=None makes it Secure
// and Partitioned, because browsers would otherwise reject it.
func NewSessions(secret string, sameSite http.SameSite, production bool) (*Sessions, error) {
	keys, err := hkdf.Key(sha256.New, []byte(secret), nil, "session cookie", 32+32)
	if err != nil {
		return nil, fmt.Errorf("derive the session keys: %w", err)
	}
	codec := securecookie.New(keys[:32], keys[32:]) // HMAC-SHA256, AES-256
	codec.SetSerializer(securecookie.JSONEncoder{})
	codec.MaxAge(int(sessionAge / time.Second)) // the server refuses a cookie that a client kept too long
	s := &Sessions{codec: codec, cookie: http.Cookie{
		Name:        "session",
		Path:        "/",
		HttpOnly:    true,
		SameSite:    sameSite,
		Secure:      production || sameSite == http.SameSiteNoneMode,
		Partitioned: sameSite == http.SameSiteNoneMode,
	}}
	if production {
		s.cookie.Name = "__Host-session"
	}
	return s, nil
}

type session struct {
	Name string `json:"name"`
}

// Create signs a guest in.
func (s *Sessions) Create(c *gin.Context) {
	var body struct {
		Name *string `json:"name"`
	}
	mistyped, wrong := readJSON(c, &body)
	if wrong != nil {
		problem.Abort(c, wrong)
		return
	}
	detail := ""
	switch {
	case len(mistyped) > 0:
		detail = mistyped[0].Detail // of the only field
	case body.Name == nil:
		detail = "is missing"
	case *body.Name == "" || utf8.RuneCountInString(*body.Name) > maxSessionName:
		detail = fmt.Sprintf("must have 1 to %d characters", maxSessionName)
	case strings.ContainsRune(*body.Name, 0): // many databases cannot store it
		detail = "must not contain the character U+0000"
	}
	if detail != "" {
		problem.Abort(c, problem.Invalid([]problem.FieldError{{Field: "name", Detail: detail}}))
		return
	}
	guest := session{Name: *body.Name}
	value, err := s.codec.Encode(s.cookie.Name, guest)
	if err != nil {
		problem.Abort(c, problem.Internal(fmt.Errorf("encode the session: %w", err)))
		return
	}
	cookie := s.cookie
	cookie.Value = value
	cookie.MaxAge = int(sessionAge / time.Second)
	http.SetCookie(c.Writer, &cookie)
	c.JSON(http.StatusCreated, guest)
}

// Get responds with the name of the guest who is signed in.
func (s *Sessions) Get(c *gin.Context) {
	guest, ok := s.read(c.Request)
	if !ok {
		problem.Abort(c, problem.Unauthorized("Nobody is signed in: the session cookie is missing, expired, or not from this server. Send POST /api/session first, with credentials included and with the host name of the page (localhost is not 127.0.0.1)."))
		return
	}
	c.JSON(http.StatusOK, guest)
}

// Delete signs out. It clears the cookie with the attributes that it was set
// with, because browsers would otherwise keep it.
func (s *Sessions) Delete(c *gin.Context) {
	cookie := s.cookie
	cookie.MaxAge = -1
	http.SetCookie(c.Writer, &cookie)
	c.Status(http.StatusNoContent)
}

// read returns the first valid session among the cookies of that name, because
// other applications on the same host may have set one too.
func (s *Sessions) read(r *http.Request) (session, bool) {
	for _, cookie := range r.CookiesNamed(s.cookie.Name) {
		var guest session
		if err := s.codec.Decode(s.cookie.Name, cookie.Value, &guest); err == nil {
			return guest, true
		}
	}
	return session{}, false
}
