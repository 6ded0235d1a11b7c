package middleware

import (
	"fmt"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/origin"
	"example.com/api/internal/problem"
)

// AllowedHosts rejects requests whose Host header, without its port, is not in the
// list.
//
// It stops DNS rebinding, which makes a page of another site same-origin, and
// redirects to a host that an attacker chose. Health checks are exempt, because
// they are sent to the machine's own address.
func AllowedHosts(hosts origin.HostList, routes Routes) gin.HandlerFunc {
	return func(c *gin.Context) {
		if hosts.IsAny() {
			return
		}
		host := HostName(c.Request.Host)
		if hosts.Allows(host) || routes.of(c).HealthCheck {
			return
		}
		problem.Abort(c, problem.BadRequest(whyHost(c.Request.Host, host)))
	}
}

// whyHost does not list the allowed hosts: the client may be a stranger. The text is
// ASCII, because logText would escape every quote of another one.
func whyHost(header, host string) string {
	switch {
	case header == "":
		return "The request has no Host."
	case host == "":
		return fmt.Sprintf("The Host %.100q is not a host name.", header)
	}
	return fmt.Sprintf("The host %q is not in ALLOWED_HOSTS. If it is a name of this server, add it after the names that should keep working "+
		"(in development, localhost): ALLOWED_HOSTS=...,%s", host, host)
}
