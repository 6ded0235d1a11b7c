package handlers

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/securecookie"

	"example.com/api/internal/forwarded"
	"example.com/api/internal/origin"
	"example.com/api/internal/problem"
	"example.com/api/internal/tracecontext"
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
	codecs        []securecookie.Codec // the first one encodes
	cookie        http.Cookie          // what every Set-Cookie has in common
	nameHasPort   bool                 // the cookie's name ends in the port
	proxies       forwarded.Proxies
	log           *slog.Logger
	warnedOfPlain atomic.Bool
}

// SessionOptions are the arguments of NewSessions.
type SessionOptions struct {
	Secret         string // at least 32 bytes
	PreviousSecret string // its cookies are still read; "" for none
	SameSite       http.SameSite
	Production     bool
	Proxies        forwarded.Proxies // believed if they say that a request came by https
	Log            *slog.Logger
}

// NewSessions derives the keys from the secrets. In production the cookie is
// Secure and has the __Host- prefix, so that neither plain http nor a sibling
// host can set one. SameSite=None makes it Secure and Partitioned, because browsers
// would otherwise reject it.
//
// In development the cookie's name ends in the port that the request came to.
// Browsers ignore the port when they store a cookie, so two applications on
// localhost would otherwise overwrite each other's cookie.
func NewSessions(options SessionOptions) (*Sessions, error) {
	s := &Sessions{
		cookie: http.Cookie{
			Name:        "session",
			Path:        "/",
			HttpOnly:    true,
			SameSite:    options.SameSite,
			Secure:      options.Production || options.SameSite == http.SameSiteNoneMode,
			Partitioned: options.SameSite == http.SameSiteNoneMode,
		},
		nameHasPort: !options.Production,
		proxies:     options.Proxies,
		log:         options.Log,
	}
	if options.Production {
		s.cookie.Name = "__Host-session"
	}
	for _, secret := range []string{options.Secret, options.PreviousSecret} {
		if secret == "" {
			continue
		}
		keys, err := hkdf.Key(sha256.New, []byte(secret), nil, "session cookie", 32+32)
		if err != nil {
			return nil, fmt.Errorf("derive the session keys: %w", err)
		}
		codec := securecookie.New(keys[:32], keys[32:]) // HMAC-SHA256, AES-256
		codec.SetSerializer(securecookie.JSONEncoder{})
		codec.MaxAge(int(sessionAge / time.Second)) // the server rejects a cookie that a client kept too long
		s.codecs = append(s.codecs, codec)
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
	value, err := s.codecs[0].Encode(s.cookie.Name, guest)
	if err != nil {
		problem.Abort(c, problem.Internal(fmt.Errorf("encode the session: %w", err)))
		return
	}
	s.warnOfPlainHTTP(c)
	name := s.nameFor(c.Request)
	if len(c.Request.CookiesNamed(name)) > 0 {
		s.clearTwin(c, name)
	}
	cookie := s.cookie
	cookie.Name, cookie.Value, cookie.MaxAge = name, value, int(sessionAge/time.Second)
	http.SetCookie(c.Writer, &cookie)
	c.JSON(http.StatusCreated, guest)
}

// Get responds with the name of the guest who is signed in.
func (s *Sessions) Get(c *gin.Context) {
	guest, ok := s.read(c.Request)
	if !ok {
		c.Header("WWW-Authenticate", fmt.Sprintf("Cookie realm=%q, cookie-name=%q", "session", s.nameFor(c.Request)))
		problem.Abort(c, problem.Unauthorized(s.whyNobody(c.Request)))
		return
	}
	c.JSON(http.StatusOK, guest)
}

func (s *Sessions) whyNobody(r *http.Request) string {
	if slices.ContainsFunc(r.Cookies(), s.isOurs) {
		return "Nobody is signed in: the session cookie has expired or is not from this server. Send POST /api/session to sign in again."
	}
	detail := "Nobody is signed in: the request has no session cookie. Send POST /api/session first, with credentials included and with the host name of the page (localhost is not 127.0.0.1)."
	if s.isLostOverPlainHTTP(r) {
		detail += " Use https: this request came by plain http, over which browsers do not store or send the cookie, because it is Secure."
	}
	return detail
}

// Delete signs out. It clears the cookie with the attributes that it was set
// with, because browsers would otherwise keep it.
func (s *Sessions) Delete(c *gin.Context) {
	own := s.nameFor(c.Request)
	names := []string{own}
	for _, cookie := range c.Request.Cookies() {
		// Otherwise, a cookie that this server set on another port would keep the
		// guest signed in.
		if _, ok := s.decode(cookie); ok && !slices.Contains(names, cookie.Name) {
			names = append(names, cookie.Name)
		}
	}
	for _, name := range names {
		if len(c.Request.CookiesNamed(name)) > 0 {
			s.clearTwin(c, name)
		}
		cookie := s.cookie
		cookie.Name, cookie.MaxAge = name, -1
		http.SetCookie(c.Writer, &cookie)
	}
	c.Status(http.StatusNoContent)
}

// clearTwin clears the cookie of the same name that a server with another
// SESSION_SAMESITE may have left. To a browser, a partitioned and an unpartitioned
// cookie are two cookies, and the server could go on reading the old one. The twin
// must be cleared before the cookie is set, because a browser without partitions
// treats both as the same cookie.
func (s *Sessions) clearTwin(c *gin.Context, name string) {
	twin := s.cookie
	twin.Name, twin.MaxAge = name, -1
	twin.Partitioned = !twin.Partitioned
	twin.Secure, twin.SameSite = true, http.SameSiteNoneMode // otherwise, a page on another site could not clear it
	http.SetCookie(c.Writer, &twin)
}

// nameFor returns the name of the cookie that this server sets.
func (s *Sessions) nameFor(r *http.Request) string {
	if address, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok && s.nameHasPort {
		return s.cookie.Name + "_" + strconv.Itoa(address.Port)
	}
	return s.cookie.Name
}

// isOurs reports whether the cookie has the name of a session cookie of any port.
func (s *Sessions) isOurs(cookie *http.Cookie) bool {
	port, found := strings.CutPrefix(cookie.Name, s.cookie.Name+"_")
	return cookie.Name == s.cookie.Name || s.nameHasPort && found && port != "" && strings.Trim(port, "0123456789") == ""
}

// decode returns the session in the cookie. The keys show which server set it: a
// cookie of another port is this server's if this server's secret can decode it.
func (s *Sessions) decode(cookie *http.Cookie) (session, bool) {
	var guest session
	ok := s.isOurs(cookie) && securecookie.DecodeMulti(s.cookie.Name, cookie.Value, &guest, s.codecs...) == nil
	return guest, ok
}

// read returns the first valid session, because other applications on the same
// host may have set cookies too. A cookie of this port wins over one that this
// server set when it had another port.
func (s *Sessions) read(r *http.Request) (session, bool) {
	for _, cookie := range slices.Concat(r.CookiesNamed(s.nameFor(r)), r.Cookies()) {
		if guest, ok := s.decode(cookie); ok {
			return guest, true
		}
	}
	return session{}, false
}

// isLostOverPlainHTTP reports whether the browser will not store or send the
// cookie, because it is Secure and the request came by plain http. If no trusted
// proxy says how the request came, the Origin does: browsers do not let a page on
// https call plain http. On the browser's own machine, Chromium and Firefox treat
// plain http as secure.
func (s *Sessions) isLostOverPlainHTTP(r *http.Request) bool {
	return s.cookie.Secure && !s.proxies.IsHTTPS(r) && forwarded.ClaimedScheme(r) != "https" &&
		!strings.HasPrefix(r.Header.Get("Origin"), "https://") && !isOwnMachine(r)
}

// isOwnMachine reports whether the browser runs on this machine: both the page
// and the server have a loopback host. Host alone does not show it, because a proxy
// may have rewritten it.
func isOwnMachine(r *http.Request) bool {
	for _, value := range []string{"http://" + r.Host, r.Header.Get("Origin")} {
		o, err := origin.Parse(value)
		if value != "" && (err != nil || !o.IsLoopback()) {
			return false
		}
	}
	return true
}

// warnOfPlainHTTP warns the operator once, because no browser tells the user.
func (s *Sessions) warnOfPlainHTTP(c *gin.Context) {
	if !s.isLostOverPlainHTTP(c.Request) || s.warnedOfPlain.Swap(true) {
		return
	}
	s.log.LogAttrs(c.Request.Context(), slog.LevelWarn, "the session cookie will not be stored: it is Secure, but the sign-in came by plain http",
		slog.String("request_id", c.Writer.Header().Get("X-Request-Id")),
		tracecontext.Attr(c.Request.Header),
		slog.String("remedy", "serve the API over https; if a proxy does, add its address to TRUSTED_PROXIES and let it send X-Forwarded-Proto; "+
			"for a server on plain http, use APP_ENV=development and SESSION_SAMESITE=lax"))
}
