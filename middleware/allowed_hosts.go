package middleware

import (
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/origin"
	"example.com/api/internal/problem"
)

// AllowedHosts rejects requests whose Host, its port aside, is not in the list.
// It stops DNS rebinding, which makes a foreign page same-origin, and hosts
// of an attacker's choice in redirects. Health checks come by the machine's
// own address and are exempt.
func AllowedHosts(hosts origin.HostList, routes Routes) gin.HandlerFunc {
	return func(c *gin.Context) {
		if routes.of(c).HealthCheck || hosts.Allows(hostWithoutPort(c.Request.Host)) {
			return
		}
		problem.Abort(c, problem.BadRequest("The Host of this request is not one that this server answers for (ALLOWED_HOSTS)."))
	}
}

// hostWithoutPort is the host in lower case, without its port and without the
// dot that ends a fully qualified name, or "" for what is no host at all: what
// comes before a wildcard's suffix is any client's text.
func hostWithoutPort(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.Trim(host[i+1:], "0123456789") == "" {
		host = host[:i]
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if origin.CheckHost(host) != nil {
		return ""
	}
	return host
}
