package middleware

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	ginCORS "github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"
	"golang.org/x/net/http/httpguts"

	"example.com/api/internal/forwarded"
	"example.com/api/internal/origin"
	"example.com/api/internal/problem"
)

// CORSOptions says what browsers may do across origins.
type CORSOptions struct {
	Origins     *origin.Policy
	Credentials bool          // must be false if Origins allows any
	Methods     []string      // upper case; {"*"}: whatever a preflight asks for
	Headers     []string      // {"*"}: whatever a preflight asks for
	Exposed     []string      // response headers that JavaScript may read
	MaxAge      time.Duration // how long a preflight may be cached, in whole seconds
}

// CORS decides which origins may call and logs why another may not.
// gin-contrib/cors writes the headers for those that may.
//
// It must be the first middleware of the engine. Then an allowed origin can
// read whatever a later one refuses, and a preflight ends here, before it
// could be redirected or counted against a limit.
//
// It takes the proxies that may say that a request came by https, and the
// security headers, because a denial has them but ends before their own
// middleware. A nil metrics counts nothing.
func CORS(options CORSOptions, proxies forwarded.Proxies, headers *SecurityHeaders, metrics *Metrics, log *slog.Logger) gin.HandlerFunc {
	config := ginCORS.Config{
		AllowCredentials: options.Credentials,
		ExposeHeaders:    options.Exposed,
		// The library leaves the header out for 0, which a browser takes for 5
		// seconds. It sends any positive duration under a second as 0.
		MaxAge: max(options.MaxAge, time.Nanosecond),
	}
	// A literal * does not work with credentials and never covers
	// Authorization (Fetch, 4.9), so reflectRequested names what was asked for.
	if !slices.Contains(options.Methods, "*") {
		config.AllowMethods = options.Methods
	}
	if !slices.Contains(options.Headers, "*") {
		config.AllowHeaders = options.Headers
	}
	if options.Origins.AllowsAny() {
		config.AllowAllOrigins = true
	} else {
		// handle has asked the policy before it calls the library, which
		// therefore needs no list, wildcard, or pattern of its own.
		config.AllowOriginFunc = func(string) bool { return true }
	}
	m := &cors{
		options: options,
		library: ginCORS.New(config),
		proxies: proxies,
		headers: headers,
		metrics: metrics,
		denials: newThrottledLog(log, "cors_denied"),
		vary:    []string{"Origin"},
	}
	return m.handle
}

type cors struct {
	options CORSOptions
	library gin.HandlerFunc
	proxies forwarded.Proxies
	headers *SecurityHeaders
	metrics *Metrics
	denials *throttledLog
	vary    []string // shared by all requests: its element must not be assigned
}

func (m *cors) handle(c *gin.Context) {
	header := c.Writer.Header()
	lines := c.Request.Header["Origin"]
	requested := c.Request.Header.Get("Access-Control-Request-Method")
	preflight := len(lines) > 0 && requested != "" && c.Request.Method == http.MethodOptions
	if !m.options.Origins.AllowsAny() {
		// Also on responses to requests without Origin: otherwise a cache could
		// serve them to a page of an allowed origin, without CORS headers.
		header["Vary"] = m.vary
	}
	if preflight {
		header["Vary"] = append(header["Vary"], "Access-Control-Request-Method", "Access-Control-Request-Headers")
	}
	switch {
	case len(lines) == 0 || len(lines) == 1 && lines[0] == "":
		// Not a CORS request: curl, another server, or a navigation.
	case len(lines) == 1 && m.options.Origins.Allows(lines[0]):
		if preflight {
			m.metrics.countPreflight()
			m.reflectRequested(header, requested, c.Request.Header["Access-Control-Request-Headers"])
		}
		m.allow(c, header, preflight)
	case len(lines) == 1 && m.isSameOrigin(c.Request, lines[0]):
		// A page of this server itself needs no CORS headers.
	default:
		m.deny(c, lines)
	}
}

// reflectRequested allows the method and the headers that a preflight asks for
// where the settings say *.
func (m *cors) reflectRequested(header http.Header, method string, headerLines []string) {
	if slices.Contains(m.options.Methods, "*") && httpguts.ValidHeaderFieldName(method) {
		header["Access-Control-Allow-Methods"] = []string{method}
	}
	if names := strings.Join(headerLines, ","); slices.Contains(m.options.Headers, "*") && isTokenList(names) {
		header["Access-Control-Allow-Headers"] = []string{names}
	}
}

// allow sets the CORS headers. For a preflight, that is the whole response.
func (m *cors) allow(c *gin.Context, header http.Header, preflight bool) {
	// Two things are hidden from the library. It takes an Origin that equals
	// the Host for same-origin, whatever the scheme, and would leave out the
	// headers of a listed origin; and it takes every OPTIONS for a preflight.
	host, method := c.Request.Host, c.Request.Method
	c.Request.Host = "\x00" // no Origin ends like this
	if !preflight {
		c.Request.Method = http.MethodGet
	}
	m.library(c)
	c.Request.Host, c.Request.Method = host, method
	// All requests share the library's slices, and one has spare capacity:
	// without Clip, a later Header.Add would write into that shared array.
	if vary, ok := header["Vary"]; ok {
		header["Vary"] = slices.Clip(vary)
	}
}

// deny responds without any Access-Control header, so that the browser hides
// the response from the page. Only the log says what was wrong.
func (m *cors) deny(c *gin.Context, lines []string) {
	m.metrics.countDenial()
	m.denials.warn(c.Request.Context(), func() []slog.Attr {
		return []slog.Attr{
			slog.String("origin", logText(strings.Join(lines, ", "), 200)),
			slog.String("method", logText(c.Request.Method, 20)),
			slog.String("path", logText(c.Request.URL.Path, 200)),
			slog.String("reason", logText(m.options.Origins.Why(lines), 500)),
		}
	})
	m.headers.write(c)
	problem.Abort(c, problem.Forbidden(fmt.Sprintf(
		"The origin %.200q may not call this API; the server's log says why (cors_denied).", strings.Join(lines, ", "))))
}

// isSameOrigin compares the value with the request's own scheme and Host. It
// also believes Sec-Fetch-Site, which scripts cannot set: behind a proxy that
// rewrites Host, nothing else tells.
func (m *cors) isSameOrigin(r *http.Request, value string) bool {
	if site := r.Header["Sec-Fetch-Site"]; len(site) == 1 && site[0] == "same-origin" {
		return true
	}
	scheme, defaultPort := "http", ":80"
	if m.proxies.IsHTTPS(r) {
		scheme, defaultPort = "https", ":443"
	}
	return value == scheme+"://"+strings.TrimSuffix(strings.ToLower(r.Host), defaultPort)
}

// isTokenList reports whether s is a comma-separated list of header names
// (tokens: RFC 9110, 5.6.2). Nothing else that a client sends is reflected.
func isTokenList(s string) bool {
	for name := range strings.SplitSeq(s, ",") {
		if !httpguts.ValidHeaderFieldName(strings.Trim(name, " \t")) {
			return false
		}
	}
	return true
}
