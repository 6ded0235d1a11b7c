package middleware

import (
	"net"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/problem"
)

// AllowedHosts refuses requests whose Host, its port aside, is none of the
// given names, where "*.example.com" stands for every name below example.com.
// It stops DNS rebinding, which makes a foreign page same-origin, and hosts
// of an attacker's choice in redirects. No names: every host is good. Health
// checks come by the machine's own address and are exempt.
func AllowedHosts(names []string) gin.HandlerFunc {
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
		if len(names) == 0 || isHealthCheck(c) {
			return
		}
		host := hostWithoutPort(c.Request.Host)
		if exact[host] {
			return
		}
		for _, suffix := range suffixes {
			if label, ok := strings.CutSuffix(host, suffix); ok && label != "" && !strings.HasPrefix(host, ".") {
				return
			}
		}
		problem.Abort(c, problem.BadRequest("The Host of this request is not one that this server answers for (ALLOWED_HOSTS)."))
	}
}

// hostWithoutPort is the host in lower case, without its port and without the
// dot that ends a fully qualified name.
func hostWithoutPort(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
}
