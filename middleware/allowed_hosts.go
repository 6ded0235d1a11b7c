package middleware

import (
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/origin"
	"example.com/api/internal/problem"
)

// AllowedHosts refuses requests whose Host, its port aside, is none of the
// given names, where "*.example.com" stands for every name below example.com.
// It stops DNS rebinding, which makes a foreign page same-origin, and hosts
// of an attacker's choice in redirects. No names: every host is good. Health
// checks come by the machine's own address and are exempt.
func AllowedHosts(names []string, routes Routes) gin.HandlerFunc {
	exact := make(map[string]bool)
	var suffixes []string
	for _, name := range names {
		if parent, ok := strings.CutPrefix(name, "*"); ok {
			suffixes = append(suffixes, parent)
		} else {
			exact[name] = true
		}
	}
	return func(c *gin.Context) {
		if len(names) == 0 || routes.of(c).HealthCheck {
			return
		}
		host := hostWithoutPort(c.Request.Host)
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
