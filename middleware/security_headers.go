// Package middleware holds what every request passes before its handler, one
// concern a file. router.go gives the order and the reasons for it.
package middleware

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/forwarded"
)

// SecurityHeaders writes the headers that tell a browser what it may do with
// an answer of this API. They are made once; a request costs map assignments.
type SecurityHeaders struct {
	fixed   http.Header
	hsts    []string // nil: left out
	always  bool     // HSTS on plain http too: TLS ends at a proxy
	proxies forwarded.Proxies
}

// NewSecurityHeaders takes the age of Strict-Transport-Security, where 0
// leaves it out. With always it is sent on every response, else on https ones
// only, as RFC 6797, 7.2 has it.
func NewSecurityHeaders(hstsMaxAge time.Duration, always bool, proxies forwarded.Proxies) *SecurityHeaders {
	s := &SecurityHeaders{
		always:  always,
		proxies: proxies,
		fixed: http.Header{
			// A browser must not guess that JSON is a script or a page.
			"X-Content-Type-Options": {"nosniff"},
			// Nobody may frame an answer; the second says so to old browsers.
			// The first counts when an answer is opened as a document.
			"Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"},
			"X-Frame-Options":         {"DENY"},
			// no-referrer would make form posts send Origin: null.
			"Referrer-Policy": {"strict-origin-when-cross-origin"},
			// Answers are personal; shared caches and disks must not keep them.
			"Cache-Control": {"no-store"},
			// Stops <img> and no-cors loads of other sites; CORS fetches pass.
			"Cross-Origin-Resource-Policy": {"same-origin"},
			"Cross-Origin-Opener-Policy":   {"same-origin"},
		},
	}
	if seconds := int64(hstsMaxAge / time.Second); seconds > 0 {
		s.hsts = []string{"max-age=" + strconv.FormatInt(seconds, 10) + "; includeSubDomains"}
	}
	return s
}

// Handle is the middleware.
func (s *SecurityHeaders) Handle(c *gin.Context) { s.write(c) }

// write assigns slices that all requests share. Their capacity is their
// length, so that a later Header.Add copies; nobody may assign into them.
func (s *SecurityHeaders) write(c *gin.Context) {
	header := c.Writer.Header()
	for key, values := range s.fixed {
		header[key] = values
	}
	if s.hsts != nil && (s.always || s.proxies.IsHTTPS(c.Request)) {
		header["Strict-Transport-Security"] = s.hsts
	}
}
