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
	"example.com/api/internal/items" // items
	"example.com/api/internal/openapi"
	"example.com/api/internal/problem"
	"example.com/api/middleware"
)

// parts is what the routes work with.
type parts struct {
	log      *slog.Logger
	version  string
	items    *items.Store               // items
	database func(context.Context) bool // whether it answers; nil: there is none
	counters limiter.Store
	redis    func() string // "up", "down", or "off" where each process counts alone
	sessions *handlers.Sessions
	metrics  *middleware.Metrics // nil: off
	draining *atomic.Bool        // set once the process is to stop
}

// route is a row of the table: which policy counts its requests ("" for
// none), and how many bytes its body may have (0 for MAX_BODY_BYTES).
type route struct {
	method, path string
	policy       string
	maxBody      int64
	handler      gin.HandlerFunc
}

// routes is the whole API. HEAD goes wherever GET does.
func routes(s config.Settings, p parts) []route {
	item := handlers.Items{Store: p.items} // items
	return []route{
		{"GET", "/api/hello", "default", 0, handlers.Hello},
		{"GET", "/api/items", "default", 0, item.List},          // items
		{"POST", "/api/items", "default", 0, item.Create},       // items
		{"GET", "/api/items/:id", "default", 0, item.Get},       // items
		{"PUT", "/api/items/:id", "default", 0, item.Replace},   // items
		{"PATCH", "/api/items/:id", "default", 0, item.Update},  // items
		{"DELETE", "/api/items/:id", "default", 0, item.Delete}, // items
		{"GET", "/api/search", "search", 0, item.Search},        // items
		{"POST", "/api/upload", "upload", s.MaxUploadBytes + handlers.UploadFraming, handlers.Upload(s.MaxUploadBytes)},
		{"POST", "/api/session", "session", 0, p.sessions.Create},
		{"GET", "/api/session", "default", 0, p.sessions.Get},
		{"DELETE", "/api/session", "default", 0, p.sessions.Delete},
		{"GET", "/", "", 0, handlers.Root(p.version)},
		{"GET", "/openapi.yaml", "", 0, openapi.Description},
		{"GET", "/docs", "", 0, openapi.Docs},
		{"GET", "/docs/:file", "", 0, openapi.DocsFile()},
		{"GET", "/healthz", "", 0, handlers.Alive},
		{"GET", "/readyz", "", 0, handlers.Ready(p.draining, p.redis, p.database)},
	}
}

// use puts the middleware before every route, known or not. The order is the
// contract: each line says why it stands where it does.
func use(engine *gin.Engine, s config.Settings, p parts, maxBodies map[string]int64) {
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
		middleware.AccessLog(s.TrustedProxies, p.log),   // likewise
		middleware.Recovery(p.log),                      // a panic of anything below is a readable 500
		middleware.BodyLimit(s.MaxBodyBytes, maxBodies), // before the refusals: it makes their answers readable to a client that still sends
		middleware.UntrustedForwarding(s.TrustedProxies, p.log),
		middleware.AllowedHosts(s.AllowedHosts), // before the redirect, which goes to the request's own host
	)
	if s.HTTPSRedirect {
		engine.Use(middleware.HTTPSRedirect(s.TrustedProxies)) // before anything that would work on what came in clear
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

	limits := rateLimits(s, p)
	table := routes(s, p)
	maxBodies := make(map[string]int64)
	for _, r := range table {
		if r.maxBody > 0 {
			maxBodies[r.path] = r.maxBody
		}
	}
	use(engine, s, p, maxBodies) // before the routes: Gin binds what is there
	for _, r := range table {
		chain := []gin.HandlerFunc{r.handler}
		if limit := limits[r.policy]; limit != nil {
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

// rateLimits makes one middleware a policy; a policy that is off has none.
func rateLimits(s config.Settings, p parts) map[string]gin.HandlerFunc {
	limits := make(map[string]gin.HandlerFunc)
	for policy, rate := range map[string]config.Rate{
		"default": s.RateLimitDefault,
		"search":  s.RateLimitSearch,
		"upload":  s.RateLimitUpload,
		"session": s.RateLimitSession,
	} {
		if rate.Limit > 0 {
			limits[policy] = middleware.RateLimit(policy, rate.Rate, p.counters, s.TrustedProxies)
		}
	}
	return limits
}
