package middleware

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/origin"
	"example.com/api/internal/problem"
)

// CrossOriginProtection stops cross-site request forgery where CORS had
// nothing to refuse: a request that changes state and bears no allowed
// Origin, although the browser says that another site or a sibling host sent
// it (Fetch Metadata). curl and servers send neither header and pass.
func CrossOriginProtection(origins *origin.Policy) gin.HandlerFunc {
	return func(c *gin.Context) {
		switch c.Request.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions:
			return
		}
		// Several lines are no browser's; each of them has to be harmless.
		for _, site := range c.Request.Header["Sec-Fetch-Site"] {
			if site == "same-origin" || site == "none" || site == "" {
				continue
			}
			if lines := c.Request.Header["Origin"]; len(lines) == 1 && origins.Allows(lines[0]) {
				return
			}
			problem.Abort(c, problem.Forbidden("A page of another site sent this request without an allowed Origin (cross-site request forgery)."))
			return
		}
	}
}
