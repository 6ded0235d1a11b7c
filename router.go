package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/gin-gonic/gin"
	"github.com/ulule/limiter/v3"

	"example.com/api/config"
	"example.com/api/handlers"
	"example.com/api/internal/database"
	"example.com/api/internal/openapi"
	"example.com/api/internal/problem"
	"example.com/api/middleware"
)

// parts is what the routes work with.
type parts struct {
	log      *slog.Logger
	version  string
	database *database.DB
	counters limiter.Store
	redis    func() string // "up", "down", or "off" where each process counts alone
	sessions *handlers.Sessions
	metrics  *middleware.Metrics // nil: off
	draining *atomic.Bool        // set once the process is to stop
}

// resource is what one resource adds to the server.
type resource struct {
	migrations database.Migrations
	routes     func(config.Settings, parts) []route
	seed       func(context.Context, *database.DB, *slog.Logger) error // adds examples where there are none; nil: has none
}

// resources lists the resources that the database holds.
func resources() []resource {
	return []resource{
		// One line for each; to remove a resource, delete its files and its line.
		itemsResource(),
	}
}

// route is a row of the table. HEAD goes wherever GET does.
type route struct {
	method, path string
	handler      gin.HandlerFunc
	limit        config.Policy // counts its requests; config.Unlimited() for none
	maxBody      int64         // in bytes, at most MAX_BODY_BYTES; 0 stands for that
	streamed     bool          // its handler holds no body in memory: maxBody may be larger
	healthCheck  bool          // see middleware.Route
}

// routes is the whole API.
func routes(s config.Settings, p parts) []route {
	limits := s.Limits
	table := []route{
		{method: "GET", path: "/api/hello", limit: limits.Default, handler: handlers.Hello},
		{method: "POST", path: "/api/upload", limit: limits.Upload, handler: handlers.Upload(s.MaxUploadBytes), maxBody: s.MaxUploadBytes + handlers.UploadFraming, streamed: true},
		{method: "POST", path: "/api/session", limit: limits.Session, handler: p.sessions.Create, maxBody: handlers.MaxJSON},
		{method: "GET", path: "/api/session", limit: limits.Default, handler: p.sessions.Get},
		{method: "DELETE", path: "/api/session", limit: limits.Default, handler: p.sessions.Delete},
		{method: "GET", path: "/", limit: config.Unlimited(), handler: handlers.Root(p.version)},
		{method: "GET", path: "/openapi.yaml", limit: limits.Docs, handler: openapi.Description},
		{method: "GET", path: "/docs", limit: limits.Docs, handler: openapi.Docs},
		{method: "GET", path: "/docs/:file", limit: limits.Docs, handler: openapi.DocsFile()},
		{method: "GET", path: "/healthz", limit: config.Unlimited(), handler: handlers.Alive, healthCheck: true},
		{method: "GET", path: "/readyz", limit: config.Unlimited(), handler: handlers.Ready(p.draining, p.redis, p.database.Up), healthCheck: true},
	}
	for _, r := range resources() {
		table = append(table, r.routes(s, p)...)
	}
	return table
}

// useMiddleware puts the middleware before every route, known or not. The order
// is the contract: each line says why it stands where it does.
func useMiddleware(engine *gin.Engine, s config.Settings, p parts, known middleware.Routes) {
	headers := middleware.NewSecurityHeaders(s.HSTSMaxAge, s.Production, s.TrustedProxies)
	cors := middleware.NewCORS(middleware.CORSOptions{
		Origins: s.Origins, Credentials: s.CORSCredentials, Methods: s.CORSMethods,
		Headers: s.CORSHeaders, Exposed: s.CORSExposed, MaxAge: s.CORSMaxAge,
	}, s.TrustedProxies, headers, p.metrics, p.log)

	engine.Use(
		cors.Handle,          // first: an allowed origin can read every refusal below, and preflights end here
		headers.Handle,       // on every answer, refusals included
		middleware.RequestID, // before all that logs or answers with it
		p.metrics.Handle,     // outside of recovery, so that a panic counts as its 500
		middleware.AccessLog(known, s.TrustedProxies, p.log),            // the same
		middleware.Recovery(p.log),                                      // a panic of anything below is a readable 500
		middleware.BodyLimit(s.MaxBodyBytes, s.MaxBufferedBytes, known), // before anything that reads a body
		middleware.UntrustedForwarding(s.TrustedProxies, p.log),
		middleware.AllowedHosts(s.AllowedHosts, known), // before the redirect, which goes to the request's own host
	)
	if s.HTTPSRedirect {
		engine.Use(middleware.HTTPSRedirect(known, s.TrustedProxies)) // before anything that would work on what came in clear
	}
	engine.Use(middleware.CrossOriginProtection(s.Origins)) // last, before limits and handlers: forged requests cost their victim no quota
}

// newRouter builds the engine. Rate limits hang on the routes.
func newRouter(s config.Settings, p parts) (*gin.Engine, error) {
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	// Gin answers redirects before any middleware, so without CORS headers,
	// and a preflight must not be redirected at all.
	engine.RedirectTrailingSlash = false
	engine.RedirectFixedPath = false
	// For handlers that ask c.ClientIP; the default trusts everybody.
	engine.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := engine.SetTrustedProxies(s.TrustedProxies.Strings()); err != nil {
		return nil, fmt.Errorf("set the trusted proxies: %w", err)
	}

	table := routes(s, p)
	known := make(middleware.Routes)
	for _, r := range table {
		shared := known[r.path] // with the other methods of the path
		known[r.path] = middleware.Route{
			HealthCheck: r.healthCheck,
			MaxBody:     max(shared.MaxBody, r.maxBody),
			Streamed:    shared.Streamed || r.streamed,
		}
	}
	useMiddleware(engine, s, p, known) // before the routes: Gin gives a route only what is registered by then
	limits := rateLimits(s, p)
	for _, r := range table {
		if r.limit.Name() == "" {
			return nil, fmt.Errorf("the table of routes names no limit for %s %s; give it one of config.Limits, or config.Unlimited()", r.method, r.path)
		}
		chain := []gin.HandlerFunc{r.handler}
		if limit := limits[r.limit]; limit != nil {
			chain = []gin.HandlerFunc{limit, r.handler}
		}
		engine.Handle(r.method, r.path, chain...)
		if r.method == http.MethodGet {
			engine.HEAD(r.path, chain...)
		}
	}
	engine.NoRoute(func(c *gin.Context) {
		problem.Abort(c, problem.NotFound("There is no such route; paths have no slash at their end."))
	})
	engine.NoMethod(func(c *gin.Context) { // Gin has set Allow
		if c.Request.Method == http.MethodOptions {
			c.Status(http.StatusNoContent)
			return
		}
		problem.Abort(c, problem.MethodNotAllowed("This route does not take the method; Allow names those that it takes."))
	})
	return engine, nil
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
