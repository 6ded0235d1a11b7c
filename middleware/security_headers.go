package middleware

import (
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/forwarded"
)

// SecurityHeaders sets the response headers that limit what a browser may do with a
// response of this API. The values are built once, so a request costs only a few map
// assignments.
type SecurityHeaders struct {
	fixed   []fixedHeader
	hsts    []string // nil: left out
	always  bool     // send HSTS unless the request is known to have come by plain http
	proxies forwarded.Proxies
}

// fixedHeader is a header that every response has. The key is spelled as in
// http.Header.
type fixedHeader struct {
	key    string
	values []string
}

// NewSecurityHeaders takes the max-age of Strict-Transport-Security; 0 leaves the
// header out. It is sent on responses to https requests. If always is set, it is
// also sent if nobody who is trusted says which scheme the client used, because TLS
// may end at a proxy. It is never sent if a trusted proxy says http (RFC 6797, 7.2).
func NewSecurityHeaders(hstsMaxAge time.Duration, always bool, proxies forwarded.Proxies) *SecurityHeaders {
	s := &SecurityHeaders{
		always:  always,
		proxies: proxies,
		fixed: []fixedHeader{
			// A browser must not guess that JSON is a script or a page.
			{"X-Content-Type-Options", []string{"nosniff"}},
			// A response that is opened as a document may load nothing, and
			// no page may frame it. Old browsers read only the second header.
			{"Content-Security-Policy", []string{"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"}},
			{"X-Frame-Options", []string{"DENY"}},
			// With no-referrer, a form post would send Origin: null.
			{"Referrer-Policy", []string{"strict-origin-when-cross-origin"}},
			// Responses are personal: neither a shared cache nor a disk may
			// keep them.
			{"Cache-Control", []string{"no-store"}},
			// Stops <img> and no-cors requests of other sites. CORS requests
			// are not affected.
			{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
			{"Cross-Origin-Opener-Policy", []string{"same-origin"}},
		},
	}
	if seconds := int64(hstsMaxAge / time.Second); seconds > 0 {
		s.hsts = []string{"max-age=" + strconv.FormatInt(seconds, 10) + "; includeSubDomains"}
	}
	return s
}

// Handle is the middleware. It assigns slices that all requests share. Their
// capacity equals their length, so that a later Header.Add copies them. Nobody may
// assign to their elements.
func (s *SecurityHeaders) Handle(c *gin.Context) {
	header := c.Writer.Header()
	for _, h := range s.fixed {
		header[h.key] = h.values
	}
	if s.hsts == nil {
		return
	}
	if scheme := s.proxies.Scheme(c.Request); scheme == "https" || s.always && scheme != "http" {
		header["Strict-Transport-Security"] = s.hsts
	}
}
