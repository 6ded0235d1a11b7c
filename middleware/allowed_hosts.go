package middleware

import (
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/problem"
)

// AllowedHosts refuses requests whose Host header, its port aside, is not one
// of the given names. "*.example.com" stands for every name below example.com.
// Without names, every host is allowed.
//
// It stops DNS rebinding, which makes a foreign page same-origin, and
// redirects to a host that an attacker chose. Health checks are exempt: they
// are sent to the machine's own address.
func AllowedHosts(names []string, routes Routes) gin.HandlerFunc {
	exact := make(map[string]bool)
	var suffixes []string
	for _, name := range names {
		if suffix, ok := strings.CutPrefix(name, "*"); ok {
			suffixes = append(suffixes, suffix)
		} else {
			exact[name] = true
		}
	}
	return func(c *gin.Context) {
		if len(names) == 0 || routes.of(c).HealthCheck {
			return
		}
		host := hostName(c.Request.Host)
		if exact[strings.Trim(host, "[]")] {
			return
		}
		for _, suffix := range suffixes {
			if strings.HasSuffix(host, suffix) {
				return
			}
		}
		problem.Abort(c, problem.BadRequest("The Host of this request is not one that this server answers for (ALLOWED_HOSTS)."))
	}
}
