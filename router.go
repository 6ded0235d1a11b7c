package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/api/config"
	"example.com/api/handlers"
	"example.com/api/internal/database"
	"example.com/api/internal/openapi"
	"example.com/api/internal/problem"
	"example.com/api/internal/ratelimit"
	"example.com/api/middleware"
)

// parts are what the middleware and the handlers use.
type parts struct {
	log      *slog.Logger
	version  string
	database *database.DB
	counters ratelimit.Store
	redis    func() string // "up", "down", or "off" if each process counts alone
	sessions *handlers.Sessions
	metrics  *middleware.Metrics // nil: off
	draining <-chan struct{}     // closed when the process begins to shut down; a response without an end must end then
}

// resource is what one resource adds to the server.
type resource struct {
	migrations database.Migrations
	routes     func(config.Settings, parts) []route
	seed       func(context.Context, *database.DB, *slog.Logger) error // adds examples if there are none; nil if the resource has no examples
}

// resources lists the resources that the database holds.
func resources() []resource {
	return []resource{
		// One line for each; to remove a resource, delete its files and its line.
		itemsResource(),
	}
}

// route is a row of the table. HEAD works wherever GET does.
type route struct {
	method, path string
	handler      gin.HandlerFunc
	limit        config.Policy // config.Unlimited() for a route without one
	maxBody      int64         // in bytes, at most MAX_BODY_BYTES; 0 means MAX_BODY_BYTES
	streamed     bool          // its handler does not hold the body in memory, so maxBody may be larger
	healthCheck  bool          // see middleware.Route
	public       bool          // any origin may call it without credentials
}

// routes is the whole API.
func routes(s config.Settings, p parts) []route {
	limits := s.Limits
	docs := openapi.NewDocs()
	table := []route{
		{method: "GET", path: "/api/hello", limit: limits.Default, handler: handlers.Hello},
		{method: "POST", path: "/api/upload", limit: limits.Upload, handler: handlers.Upload(s.MaxUploadBytes), maxBody: s.MaxUploadBytes + handlers.UploadFraming, streamed: true},
		{method: "POST", path: "/api/session", limit: limits.Session, handler: p.sessions.Create, maxBody: handlers.MaxJSON},
		{method: "GET", path: "/api/session", limit: limits.Default, handler: p.sessions.Get},
		{method: "DELETE", path: "/api/session", limit: limits.Default, handler: p.sessions.Delete},
		{method: "GET", path: "/", limit: config.Unlimited(), handler: handlers.Root(p.version)},
		{method: "GET", path: "/openapi.yaml", limit: limits.Docs, handler: openapi.Description, public: true},
		{method: "GET", path: "/docs", limit: limits.Docs, handler: docs.Page},
		{method: "GET", path: "/docs/:file", limit: limits.Docs, handler: docs.File},
		{method: "GET", path: "/healthz", limit: config.Unlimited(), handler: handlers.Alive, healthCheck: true},
		{method: "GET", path: "/readyz", limit: config.Unlimited(), handler: handlers.Ready(p.draining, p.redis, p.database.Up), healthCheck: true},
	}
	for _, r := range resources() {
		table = append(table, r.routes(s, p)...)
	}
	return table
}

// useMiddleware registers the middleware for every request, whether or not a
// route matches. The order matters; each line gives the reason for its place.
func useMiddleware(engine *gin.Engine, s config.Settings, p parts, known middleware.Routes) {
	// With HTTPS_REDIRECT, a request that is not known to have come by https came by
	// plain http, even if the response is not the redirect.
	alwaysHSTS := s.Production && !s.HTTPSRedirect
	headers := middleware.NewSecurityHeaders(s.HSTSMaxAge, alwaysHSTS, s.TrustedProxies)
	cors := middleware.CORS(middleware.CORSOptions{
		Origins: s.Origins, Credentials: s.CORSCredentials, Methods: s.CORSMethods,
		Headers: s.CORSHeaders, Exposed: s.CORSExposed, MaxAge: s.CORSMaxAge,
	}, known, s.TrustedProxies, headers, p.metrics, p.log)

	engine.Use(
		cors,                   // first: an allowed origin can read every error response from below, and preflights end here
		headers.Handle,         // on every response, errors included
		middleware.RequestID(), // before everything that logs the ID or responds with it
		p.metrics.Handle,       // outside recovery, so that a panic counts as a 500
		middleware.AccessLog(known, s.TrustedProxies, p.log), // outside recovery, for the same reason
		middleware.Recovery(p.log),                           // a panic in anything below becomes a readable 500
		middleware.ForwardingWarnings(s.TrustedProxies, p.log),
		middleware.AllowedHosts(s.AllowedHosts, known), // before the redirect, which goes to the request's Host
	)
	if s.HTTPSRedirect {
		engine.Use(middleware.HTTPSRedirect(known, s.TrustedProxies)) // before anything that would use a request sent unencrypted
	}
	engine.Use(middleware.CrossOriginProtection(s.Origins, known)) // last, but before limits and handlers: a forged request costs its victim no quota
}

// newRouter builds the engine of the whole API.
func newRouter(s config.Settings, p parts) (*gin.Engine, error) {
	return routerOf(s, p, routes(s, p))
}

// routerOf builds the engine of a table of routes. Each route has its own rate
// limit, so limits are not among the middleware for every request.
func routerOf(s config.Settings, p parts, table []route) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode) // debug mode prints routes and warnings to standard output
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	// Gin redirects before any middleware runs, so the redirect would have no
	// CORS headers; and a redirected preflight fails.
	engine.RedirectTrailingSlash = false
	engine.RedirectFixedPath = false
	// For handlers that call c.ClientIP; by default it trusts every peer.
	engine.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := engine.SetTrustedProxies(s.TrustedProxies.Strings()); err != nil {
		return nil, fmt.Errorf("set the trusted proxies: %w", err)
	}

	known := knownRoutes(table)
	useMiddleware(engine, s, p, known) // before the routes: Gin gives a route only the middleware registered so far
	limits := rateLimits(s, p)
	bodies := middleware.NewBodyLimits(s.MaxBodyBytes, s.MaxBufferedBytes)
	for _, r := range table {
		if r.limit.Name() == "" {
			return nil, fmt.Errorf("the table of routes names no limit for %s %s; give it one of config.Limits, or config.Unlimited()", r.method, r.path)
		}
		chain := []gin.HandlerFunc{bodies.Route(r.maxBody, r.streamed), r.handler}
		if limit := limits[r.limit]; limit != nil {
			chain = slices.Insert(chain, 0, limit) // first: a request over the limit costs no memory
		}
		engine.Handle(r.method, r.path, chain...)
		if r.method == http.MethodGet {
			engine.HEAD(r.path, chain...)
		}
	}
	engine.NoRoute(func(c *gin.Context) {
		problem.Abort(c, problem.NotFound("There is no such route. (Paths do not end in a slash.)"))
	})
	engine.NoMethod(noMethod)
	return engine, nil
}

// noMethod responds to a request whose path has routes, but none with its method.
// Gin has set Allow.
func noMethod(c *gin.Context) {
	if c.Request.Method != http.MethodOptions {
		problem.Abort(c, problem.MethodNotAllowed("This path does not support the method; the header Allow lists the methods that it supports."))
		return
	}
	if strings.Contains(c.Writer.Header().Get("Allow"), http.MethodPatch) {
		c.Header("Accept-Patch", problem.AcceptPatch) // RFC 5789, 3.1
	}
	c.Status(http.StatusNoContent)
}

// knownRoutes returns what the middleware must know about each path.
func knownRoutes(table []route) middleware.Routes {
	known := make(middleware.Routes)
	for _, r := range table {
		path, found := known[r.path]
		if !found {
			path.Public = make(map[string]bool)
		}
		path.HealthCheck = path.HealthCheck || r.healthCheck
		path.Public[r.method] = r.public
		known[r.path] = path
	}
	return known
}

// rateLimits returns a middleware for each policy that is not off.
func rateLimits(s config.Settings, p parts) map[config.Policy]gin.HandlerFunc {
	limits := make(map[config.Policy]gin.HandlerFunc)
	for _, policy := range s.Limits.All() {
		if rate, limited := policy.Rate(); limited {
			limits[policy] = middleware.RateLimit(policy.Name(), rate, p.counters, s.TrustedProxies)
		}
	}
	return limits
}
