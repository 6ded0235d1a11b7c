package middleware

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"
	"golang.org/x/net/http/httpguts"

	"example.com/api/internal/forwarded"
	"example.com/api/internal/origin"
	"example.com/api/internal/problem"
)

// CORSOptions is what browsers of other origins may do.
type CORSOptions struct {
	Origins     *origin.Policy
	Credentials bool          // must be false where Origins allows any
	Methods     []string      // upper case; {"*"}: what a preflight asks for
	Headers     []string      // {"*"}: what a preflight asks for
	Exposed     []string      // response headers that JavaScript may read
	MaxAge      time.Duration // how long a preflight may be cached, in whole seconds
}

// CORS decides who may call and says why somebody may not; gin-contrib/cors
// writes the headers of those who may. It has to be the first middleware of
// the engine: what any later one refuses, an allowed origin can then read,
// and a preflight ends here, before it could be redirected or cost quota.
type CORS struct {
	options CORSOptions
	library gin.HandlerFunc
	proxies forwarded.Proxies
	headers *SecurityHeaders
	metrics *Metrics
	denials *denialLog
	vary    []string // shared by all requests: nobody may assign into it
}

// NewCORS takes the proxies that may say a request came by https, and the
// security headers, which a denial bears although it ends before their own
// middleware. A nil metrics counts nothing.
func NewCORS(options CORSOptions, proxies forwarded.Proxies, headers *SecurityHeaders, metrics *Metrics, log *slog.Logger) *CORS {
	config := cors.Config{
		AllowCredentials: options.Credentials,
		ExposeHeaders:    options.Exposed,
		// The library leaves the header out for 0, which means 5 seconds to a
		// browser; any duration under a second is sent as 0.
		MaxAge: max(options.MaxAge, time.Nanosecond),
	}
	// A literal * does not work with credentials and never covers
	// Authorization (Fetch, 4.9): what was asked for is answered by name.
	if !slices.Contains(options.Methods, "*") {
		config.AllowMethods = options.Methods
	}
	if !slices.Contains(options.Headers, "*") {
		config.AllowHeaders = options.Headers
	}
	if options.Origins.AllowsAny() {
		config.AllowAllOrigins = true
	} else {
		// Handle asks origin.Policy before it calls the library, which so has
		// no list, wildcard or regex of its own.
		config.AllowOriginFunc = func(string) bool { return true }
	}
	return &CORS{
		options: options,
		library: cors.New(config),
		proxies: proxies,
		headers: headers,
		metrics: metrics,
		denials: newDenialLog(log),
		vary:    []string{"Origin"},
	}
}

// Handle is the middleware.
func (m *CORS) Handle(c *gin.Context) {
	header := c.Writer.Header()
	lines := c.Request.Header["Origin"]
	requested := c.Request.Header.Get("Access-Control-Request-Method")
	preflight := len(lines) > 0 && requested != "" && c.Request.Method == http.MethodOptions
	if !m.options.Origins.AllowsAny() {
		// Also on answers to requests without Origin: a cache must not hand
		// them to a browser of an allowed one.
		header["Vary"] = m.vary
	}
	if preflight {
		header["Vary"] = append(header["Vary"], "Access-Control-Request-Method", "Access-Control-Request-Headers")
	}
	switch {
	case len(lines) == 0 || len(lines) == 1 && lines[0] == "":
		// curl, servers, navigation: not CORS's business.
	case len(lines) == 1 && m.options.Origins.Allows(lines[0]):
		if preflight {
			m.metrics.countPreflight()
			m.answerByName(header, requested, c.Request.Header["Access-Control-Request-Headers"])
		}
		m.allow(c, header, preflight)
	case len(lines) == 1 && m.isSameOrigin(c.Request, lines[0]):
		// The browser's same-origin policy does not apply to itself.
	default:
		m.deny(c, lines)
	}
}

// answerByName allows the method and the headers that a preflight asks for,
// where the settings say *.
func (m *CORS) answerByName(header http.Header, method string, headerLines []string) {
	if slices.Contains(m.options.Methods, "*") && httpguts.ValidHeaderFieldName(method) {
		header["Access-Control-Allow-Methods"] = []string{method}
	}
	if names := strings.Join(headerLines, ","); slices.Contains(m.options.Headers, "*") && isTokenList(names) {
		header["Access-Control-Allow-Headers"] = []string{names}
	}
}

// allow writes the CORS headers, and the whole answer to a preflight.
func (m *CORS) allow(c *gin.Context, header http.Header, preflight bool) {
	// Two things are hidden from the library. It takes an Origin that equals
	// the Host for same-origin whatever the scheme, and would leave out the
	// headers of a listed one; and it takes every OPTIONS for a preflight.
	host, method := c.Request.Host, c.Request.Method
	c.Request.Host = "\x00" // no Origin ends so
	if !preflight {
		c.Request.Method = http.MethodGet
	}
	m.library(c)
	c.Request.Host, c.Request.Method = host, method
	// The library's slices are shared by all requests, and one has room to
	// spare: without the clip an Add would write into everybody's Vary.
	if vary, ok := header["Vary"]; ok {
		header["Vary"] = slices.Clip(vary)
	}
}

// deny answers without any Access-Control header, so that the browser keeps
// the answer from the page; only the log says what was wrong.
func (m *CORS) deny(c *gin.Context, lines []string) {
	m.metrics.countDenial()
	m.denials.write(c.Request, lines, m.options.Origins)
	m.headers.write(c)
	problem.Abort(c, problem.Forbidden(fmt.Sprintf(
		"The origin %.200q may not call this API; the server's log says why (cors_denied).", strings.Join(lines, ", "))))
}

// isSameOrigin compares with the request's own scheme and Host. Browsers also
// say it themselves, in a header that scripts cannot set; that is what is
// left behind a proxy which rewrites Host.
func (m *CORS) isSameOrigin(r *http.Request, value string) bool {
	if site := r.Header["Sec-Fetch-Site"]; len(site) == 1 && site[0] == "same-origin" {
		return true
	}
	scheme, defaultPort := "http", ":80"
	if m.proxies.IsHTTPS(r) {
		scheme, defaultPort = "https", ":443"
	}
	return value == scheme+"://"+strings.TrimSuffix(strings.ToLower(r.Host), defaultPort)
}

// isTokenList keeps what is answered by name to names (tokens: RFC 9110, 5.6.2):
// nothing else a client sends is ever repeated.
func isTokenList(s string) bool {
	for name := range strings.SplitSeq(s, ",") {
		if !httpguts.ValidHeaderFieldName(strings.Trim(name, " \t")) {
			return false
		}
	}
	return true
}
