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
	"example.com/api/internal/tracecontext"
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

// CORS decides which origins may call; gin-contrib/cors writes the headers for
// those that may. CORS logs why another origin may not, and why a browser will
// stop after a preflight.
//
// It must be the first middleware of the engine. Then an allowed origin can read
// the response of any later middleware that rejects the request, and a preflight
// ends here, before it could be redirected or counted against a limit.
//
// It needs the routes to know which are public, because Gin does not route a
// preflight. It needs the proxies, which may say that a request came by https. And
// it needs the security headers, because a denial has them but ends before their
// own middleware. A nil metrics counts nothing.
func CORS(options CORSOptions, routes Routes, proxies forwarded.Proxies, headers *SecurityHeaders, metrics *Metrics, log *slog.Logger) gin.HandlerFunc {
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
	// handle decides before it calls the library, so the library needs no list,
	// wildcard or pattern.
	forListed, forAny := config, config
	forListed.AllowOriginFunc = func(string) bool { return true }
	forAny.AllowAllOrigins, forAny.AllowCredentials = true, false
	m := &cors{
		options:    options,
		listed:     ginCORS.New(forListed),
		any:        ginCORS.New(forAny),
		public:     newPublicRoutes(routes),
		someOrigin: http.Header{"Origin": {"https://any.example"}},
		proxies:    proxies,
		headers:    headers,
		metrics:    metrics,
		denials:    newThrottledLog(log, "cors_denied"),
		refusals:   newThrottledLog(log, "cors_preflight_refused"),
		vary:       []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"},
	}
	return m.handle
}

type cors struct {
	options CORSOptions
	listed  gin.HandlerFunc // the library, for an origin that is allowed by name
	any     gin.HandlerFunc // the library, if every origin is allowed
	public  publicRoutes
	// someOrigin stands for the header of a request whose own Origin does not
	// matter. It must not be changed.
	someOrigin http.Header
	proxies    forwarded.Proxies
	headers    *SecurityHeaders
	metrics    *Metrics
	denials    *throttledLog
	refusals   *throttledLog // of preflights
	vary       []string      // shared by all requests: its elements must not be assigned
}

func (m *cors) handle(c *gin.Context) {
	header := c.Writer.Header()
	lines := c.Request.Header["Origin"]
	method := c.Request.Method
	requested := c.Request.Header.Get("Access-Control-Request-Method")
	preflight := hasOrigin(lines) && requested != "" && method == http.MethodOptions
	if preflight {
		method = requested
	}
	anyOrigin := m.options.Origins.AllowsAny() || m.public.has(c, method)
	switch {
	case preflight && anyOrigin:
		header["Vary"] = m.vary[1:]
	case preflight:
		header["Vary"] = m.vary
	case !anyOrigin:
		// Responses to requests without Origin have it too. Otherwise, a cache could
		// serve them, without CORS headers, to a page on an allowed origin.
		header["Vary"] = m.vary[:1:1]
	}
	switch {
	case anyOrigin:
		m.allow(c, anyOrigin, preflight)
	case !hasOrigin(lines):
		// Not a CORS request: curl, another server, or a navigation.
	case len(lines) == 1 && m.options.Origins.Allows(lines[0]):
		m.allow(c, anyOrigin, preflight)
	case len(lines) == 1 && m.isSameOrigin(c.Request, lines[0]):
		// A page of this server itself needs no CORS headers.
	default:
		m.deny(c, lines)
	}
}

// reflectRequested allows the method and the headers that a preflight asks for if
// the settings say *. It reflects only names (tokens: RFC 9110, 5.6.2), and nothing
// else that a client sends.
func (m *cors) reflectRequested(header http.Header, method string, names []string) {
	if slices.Contains(m.options.Methods, "*") && httpguts.ValidHeaderFieldName(method) {
		header["Access-Control-Allow-Methods"] = []string{method}
	}
	isNotName := func(s string) bool { return !httpguts.ValidHeaderFieldName(s) }
	if slices.Contains(m.options.Headers, "*") && len(names) > 0 && !slices.ContainsFunc(names, isNotName) {
		header["Access-Control-Allow-Headers"] = []string{strings.Join(names, ",")}
	}
}

// explainRefusal logs which setting lacks what a preflight asks for. The browser
// compares the response with its request, stops, and does not say why.
func (m *cors) explainRefusal(r *http.Request, method string, names []string) {
	lacksMethod := !m.allowsMethod(method)
	lacking := slices.DeleteFunc(names, m.allowsHeader)
	if lacksMethod || len(lacking) > 0 {
		m.metrics.countRefusedPreflight()
	}
	if lacksMethod {
		remedy := "add it; allowed now: " + strings.Join(m.options.Methods, ",")
		if upper := strings.ToUpper(method); m.allowsMethod(upper) {
			remedy = fmt.Sprintf("method names are case-sensitive: write %q in fetch", upper)
		}
		m.warnRefusal(r, method, "CORS_ALLOWED_METHODS", remedy)
	}
	if len(lacking) > 0 {
		m.warnRefusal(r, strings.Join(lacking, ", "), "CORS_ALLOWED_HEADERS", "add it; allowed now: "+strings.Join(m.options.Headers, ","))
	}
}

// The remedy has the current list, because a list that is set replaces the default.
func (m *cors) warnRefusal(r *http.Request, asked, setting, remedy string) {
	m.refusals.warn(r.Context(), func() []slog.Attr {
		return []slog.Attr{
			slog.String("origin", logText(strings.Join(r.Header["Origin"], ", "), 200)),
			slog.String("path", logText(r.URL.Path, 200)),
			slog.String("asked_for", logText(asked, 200)),
			slog.String("setting", setting),
			slog.String("remedy", remedy),
			tracecontext.Attr(r.Header),
		}
	})
}

// allowsMethod reports whether a browser will send the method. GET, HEAD, and
// POST need no permission (Fetch, CORS-safelisted methods).
func (m *cors) allowsMethod(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return true
	}
	return slices.Contains(m.options.Methods, method) || slices.Contains(m.options.Methods, "*")
}

func (m *cors) allowsHeader(name string) bool {
	equal := func(allowed string) bool { return strings.EqualFold(allowed, name) }
	return slices.ContainsFunc(m.options.Headers, equal) || slices.Contains(m.options.Headers, "*")
}

// allow sets the CORS headers. For a preflight, that is the whole response.
func (m *cors) allow(c *gin.Context, anyOrigin, preflight bool) {
	r, header := c.Request, c.Writer.Header()
	if preflight {
		m.metrics.countPreflight()
		asked, names := r.Header.Get("Access-Control-Request-Method"), requestedNames(r)
		m.reflectRequested(header, asked, names)
		m.explainRefusal(r, asked, names)
	}
	// The library gets a request that it cannot misjudge. Otherwise, it would take an
	// Origin that equals the Host for same-origin, whatever the scheme, and write no
	// headers. It would take every OPTIONS for a preflight. And without an Origin, it
	// would write no headers even if every origin is allowed.
	host, method, requestHeader := r.Host, r.Method, r.Header
	r.Host = ""
	if !preflight {
		r.Method = http.MethodGet
	}
	if anyOrigin {
		r.Header = m.someOrigin
		m.any(c)
	} else {
		m.listed(c)
	}
	r.Host, r.Method, r.Header = host, method, requestHeader
	// All requests share the library's slices, and one has spare capacity:
	// without Clip, a later Header.Add would write into that shared array.
	if vary, ok := header["Vary"]; ok {
		header["Vary"] = slices.Clip(vary)
	}
}

// deny responds without any Access-Control header, so that the browser hides the
// response from the page. Only the log says why the origin was denied.
func (m *cors) deny(c *gin.Context, lines []string) {
	m.metrics.countDenial()
	m.denials.warn(c.Request.Context(), func() []slog.Attr {
		return []slog.Attr{
			slog.String("origin", logText(strings.Join(lines, ", "), 200)),
			slog.String("method", logText(c.Request.Method, 20)),
			slog.String("path", logText(c.Request.URL.Path, 200)),
			slog.String("reason", logText(m.options.Origins.Why(lines, c.Request.Host), 500)),
			tracecontext.Attr(c.Request.Header),
		}
	})
	m.headers.Handle(c)
	problem.Abort(c, problem.Forbidden(fmt.Sprintf(
		"The origin %.200q may not call this API; the server's log says why (cors_denied).", strings.Join(lines, ", "))))
}

// isSameOrigin compares the value with the request's own scheme and Host. It also
// believes Sec-Fetch-Site, which scripts cannot set, because behind a proxy that
// rewrites Host nothing else shows it.
func (m *cors) isSameOrigin(r *http.Request, value string) bool {
	if site := r.Header["Sec-Fetch-Site"]; len(site) == 1 && site[0] == "same-origin" {
		return true
	}
	if m.proxies.IsHTTPS(r) {
		return value == ownOrigin("https", r.Host)
	}
	return value == ownOrigin("http", r.Host)
}

// ownOrigin returns the origin of this server's own pages, as a browser writes
// it, if they are served with the scheme from the host.
func ownOrigin(scheme, host string) string {
	defaultPort := ":80"
	if scheme == "https" {
		defaultPort = ":443"
	}
	return scheme + "://" + strings.TrimSuffix(strings.ToLower(host), defaultPort)
}

// hasOrigin reports whether a request has an Origin. An empty one does not count.
func hasOrigin(lines []string) bool {
	return len(lines) > 1 || len(lines) == 1 && lines[0] != ""
}

// requestedNames returns the header names that a preflight asks for. Several
// lines are one list, and its empty elements are ignored (RFC 9110, 5.3 and
// 5.6.1.2).
func requestedNames(r *http.Request) []string {
	var names []string
	for _, line := range r.Header["Access-Control-Request-Headers"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.Trim(name, " \t"); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}
