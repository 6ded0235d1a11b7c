package middleware

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/forwarded"
	"example.com/api/internal/problem"
)

// HTTPSRedirect redirects people who typed an http address to https on the same
// host, path and query. It rejects methods other than GET and HEAD: their body has
// already crossed the network unencrypted, and a redirect would hide that. Health
// checks are exempt.
//
// AllowedHosts must come before it, because it redirects to the request's Host. A
// frontend cannot rely on it: a cross-origin fetch that follows the redirect sends
// Origin: null and is rejected.
func HTTPSRedirect(routes Routes, proxies forwarded.Proxies) gin.HandlerFunc {
	return func(c *gin.Context) {
		if proxies.IsHTTPS(c.Request) || routes.of(c).HealthCheck {
			return
		}
		if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
			problem.Abort(c, problem.Forbidden("This server accepts requests over https only; use the https:// URL."))
			return
		}
		host := HostName(c.Request.Host)
		if host == "" {
			problem.Abort(c, problem.BadRequest("The Host of this request is not a host name."))
			return
		}
		// A request target that is not a path ("x:.evil.com", "*") would become
		// part of the host in Location.
		target := c.Request.URL.RequestURI()
		if !strings.HasPrefix(target, "/") {
			problem.Abort(c, problem.BadRequest("The request target is not a path."))
			return
		}
		c.Abort()
		c.Header("Location", "https://"+host+target)
		c.Status(http.StatusPermanentRedirect)
	}
}
