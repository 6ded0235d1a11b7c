package main

import (
	"net/http"
	"strconv"
	"time"
)

// What every peer sends, as this project's server does with the settings of the
// benchmark. The runner compares the responses before it times anything.
const (
	allowedOrigin = "https://app.example.com"
	limit         = 999999999
	period        = 24 * time.Hour
	contentType   = "application/json; charset=utf-8"
	policyHeader  = `"default";q=999999999;w=86400`
	maxAge        = 600
	denial        = `{"type":"about:blank","title":"Forbidden","status":403,"detail":"The origin may not call this API; the server's log says why (cors_denied)."}`
)

// hello is the body of the response.
type hello struct {
	Message string `json:"message"`
}

const message = "Hello from another origin."

func exposedHeaders() []string {
	return []string{"X-Request-Id", "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset",
		"Ratelimit", "Ratelimit-Policy", "Retry-After", "Location", "Etag"}
}

func allowedMethods() []string {
	return []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
}

func allowedHeaders() []string {
	return []string{"Authorization", "Content-Type", "If-Match", "X-Request-Id"}
}

// securityHeaders are on every response but that to a preflight.
func securityHeaders() map[string]string {
	return map[string]string{
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
		"Referrer-Policy":              "strict-origin-when-cross-origin",
		"Cache-Control":                "no-store",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Strict-Transport-Security":    "max-age=31536000; includeSubDomains",
	}
}

// rateHeader is the RateLimit header of the IETF draft.
func rateHeader(remaining, wait int64) string {
	return `"default";r=` + strconv.FormatInt(remaining, 10) + ";t=" + strconv.FormatInt(wait, 10)
}

// newServer has the timeouts without which no server may face a network.
func newServer(addr string, handler http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       120 * time.Second,
	}
}
