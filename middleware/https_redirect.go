package middleware

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/forwarded"
	"example.com/api/internal/problem"
)

// HTTPSRedirect sends people who typed a plain http address to https on the
// same host, path and query. Other methods are refused: their body has
// already crossed in clear, and a redirect would hide that. It trusts Host,
// so AllowedHosts must come before it. Health checks are exempt.
//
// No frontend may rely on it: a fetch that is redirected to another scheme
// goes on with Origin: null and is refused.
func HTTPSRedirect(routes Routes, proxies forwarded.Proxies) gin.HandlerFunc {
	return func(c *gin.Context) {
		if proxies.IsHTTPS(c.Request) || routes.of(c).HealthCheck {
			return
		}
		if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
			problem.Abort(c, problem.Forbidden("This server takes requests over https only; use the https:// URL."))
			return
		}
		host := hostWithoutPort(c.Request.Host)
		if host == "" {
			problem.Abort(c, problem.BadRequest("The Host of this request is no host name."))
			return
		}
		// A request target that is no path ("x:.evil.com", "*") would be
		// appended to the host and so make it another one.
		target := c.Request.URL.RequestURI()
		if !strings.HasPrefix(target, "/") {
			problem.Abort(c, problem.BadRequest("The request target is no path."))
			return
		}
		c.Abort()
		c.Header("Location", "https://"+host+target)
		c.Status(http.StatusPermanentRedirect)
		c.Writer.WriteHeaderNow()
	}
}
