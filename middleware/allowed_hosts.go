package middleware

import (
	"github.com/gin-gonic/gin"

	"example.com/api/internal/origin"
	"example.com/api/internal/problem"
)

// AllowedHosts refuses requests whose Host header, its port aside, is not in
// the list.
//
// It stops DNS rebinding, which makes a foreign page same-origin, and
// redirects to a host that an attacker chose. Health checks are exempt: they
// are sent to the machine's own address.
func AllowedHosts(hosts origin.HostList, routes Routes) gin.HandlerFunc {
	return func(c *gin.Context) {
		if routes.of(c).HealthCheck || hosts.Allows(hostName(c.Request.Host)) {
			return
		}
		problem.Abort(c, problem.BadRequest("The Host of this request is not one that this server answers for (ALLOWED_HOSTS)."))
	}
}
