package middleware

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/origin"
	"example.com/api/internal/problem"
)

// CrossOriginProtection stops cross-site request forgery that CORS does not see. It
// rejects a state-changing request without an allowed Origin if the browser says,
// in Sec-Fetch-Site (Fetch Metadata), that a page on another site or on a sibling
// host sent it. Clients that are not browsers send neither header, and their
// requests pass. Public routes accept requests from any site.
//
// http.CrossOriginProtection has the same purpose, but it trusts only a list
// of exact origins, not a wildcard or a pattern, and reads only the first
// Sec-Fetch-Site line.
func CrossOriginProtection(origins *origin.Policy, routes Routes) gin.HandlerFunc {
	public := newPublicRoutes(routes)
	return func(c *gin.Context) {
		switch c.Request.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions:
			return
		}
		// A browser sends one line. If there are several, all must be harmless.
		if !slices.ContainsFunc(c.Request.Header["Sec-Fetch-Site"], isForeign) || public.has(c, c.Request.Method) {
			return
		}
		lines := c.Request.Header["Origin"]
		if len(lines) == 1 && origins.Allows(lines[0]) || origins.AllowsAny() && hasOrigin(lines) {
			return
		}
		problem.Abort(c, problem.Forbidden("A page on another site sent this request without an allowed Origin (cross-site request forgery)."))
	}
}

// isForeign reports whether a value of Sec-Fetch-Site names a sender other than
// a page of this server or the user.
func isForeign(site string) bool {
	return site != "same-origin" && site != "none" && site != ""
}
