package fetch

import "strings"

// NormalizeMethod writes the six methods that the standard names in upper case and
// leaves every other method unchanged: "patch" stays "patch", which few servers
// understand.
func NormalizeMethod(method string) string {
	switch upper := strings.ToUpper(method); upper {
	case "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT":
		return upper
	}
	return method
}

// IsSafelistedMethod reports whether a normalized method needs no preflight.
func IsSafelistedMethod(method string) bool {
	return method == "GET" || method == "HEAD" || method == "POST"
}

// isForbiddenMethod reports whether no page may send the method.
func isForbiddenMethod(method string) bool {
	switch strings.ToUpper(method) {
	case "CONNECT", "TRACE", "TRACK":
		return true
	}
	return false
}
