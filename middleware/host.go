package middleware

import (
	"strings"

	"example.com/api/internal/origin"
)

// HostName returns the host of a Host header in lower case, without its port and
// without the dot that ends a fully qualified name. It returns "" for a value that
// is not a host: callers compare the end of a name, and there must be no arbitrary
// text in front of that end.
func HostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.Trim(host[i+1:], "0123456789") == "" {
		host = host[:i]
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if origin.CheckHost(host) != nil {
		return ""
	}
	return host
}
