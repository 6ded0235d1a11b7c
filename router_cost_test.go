package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/api/config"
	"example.com/api/handlers"
	"example.com/api/internal/logwriter"
	"example.com/api/internal/ratelimit"
)

// sink is a ResponseWriter that throws everything away, so that only the cost of
// the router is measured. It needs a new header map for each request, as net/http
// makes one.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}

// costCase is a request and the router that it goes through.
type costCase struct {
	name    string
	router  http.Handler
	request *http.Request
	status  int
	// allocations is how many the request may cost beyond those of bare Gin for
	// GET /api/hello.
	allocations float64
}

// costCases returns the same cross-origin request to bare Gin and through the
// whole chain of middleware, and requests that the chain rejects. The first is bare
// Gin.
func costCases(tb testing.TB) []costCase {
	gin.SetMode(gin.ReleaseMode)
	log := logwriter.New(io.Discard, func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) })
	tb.Cleanup(log.Close)
	chain := func(limit string, log *slog.Logger) http.Handler {
		defaults(tb)
		tb.Setenv("RATE_LIMIT_DEFAULT", limit)
		settings, err := config.Load()
		if err != nil {
			tb.Fatal(err)
		}
		p := noParts()
		p.log, p.counters = log, ratelimit.NewMemory(settings.RateLimitMaxClients)
		router, err := newRouter(settings, p)
		if err != nil {
			tb.Fatal(err)
		}
		return router
	}
	const app = "http://localhost:5173"
	request := func(method, origin string, headers ...string) *http.Request {
		r := httptest.NewRequest(method, "http://localhost/api/hello", http.NoBody)
		r.Header.Set("Origin", origin)
		for _, line := range headers {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Set(name, value)
		}
		return r
	}
	bare := gin.New()
	bare.GET("/api/hello", handlers.Hello)
	silent, limited := chain("999999999-D", slog.New(slog.DiscardHandler)), chain("1-D", slog.New(slog.DiscardHandler))
	limited.ServeHTTP(&sink{make(http.Header)}, request("GET", app))
	return []costCase{
		{"bare Gin", bare, request("GET", app), 200, 0},
		{"log off", silent, request("GET", app), 200, 11},
		{"log on", chain("999999999-D", slog.New(log.Handler())), request("GET", app), 200, 13},
		{"preflight", silent, request("OPTIONS", app, "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: content-type"), 204, 4},
		{"denied origin", silent, request("GET", "https://evil.example"), 403, 12},
		{"over the limit", limited, request("GET", app), 429, 23},
	}
}

// BenchmarkChain measures everything in front of a handler. The ratio to bare Gin
// is what counts; run it with -count. With -cpu 1,2 it shows what the cores that
// share the counters and the log cost each other.
func BenchmarkChain(b *testing.B) {
	for _, tt := range costCases(b) {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				r := tt.request.Clone(b.Context()) // the CORS middleware changes it for a moment
				for pb.Next() {
					tt.router.ServeHTTP(&sink{make(http.Header)}, r)
				}
			})
		})
	}
}

// BenchmarkRoutes compares the server's own table with one of a thousand routes,
// for a request and for a preflight, which Gin does not route.
func BenchmarkRoutes(b *testing.B) {
	settings := defaults(b)
	settings.Limits.Default = config.Unlimited()
	gin.SetMode(gin.ReleaseMode)
	table := routes(settings, noParts())
	many := table
	for i := range 1000 - len(table) {
		many = append(many, route{method: "GET", path: fmt.Sprintf("/api/resource%d/:id", i), limit: config.Unlimited(), handler: handlers.Hello})
	}
	for _, table := range [][]route{table, many} {
		router, err := routerOf(settings, noParts(), table)
		if err != nil {
			b.Fatal(err)
		}
		for _, method := range []string{"GET", "OPTIONS"} {
			r := httptest.NewRequest(method, "http://localhost/api/hello", http.NoBody)
			r.Header.Set("Origin", "http://localhost:5173")
			if method == "OPTIONS" {
				r.Header.Set("Access-Control-Request-Method", "GET")
			}
			b.Run(fmt.Sprintf("%d routes/%s", len(table), method), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					router.ServeHTTP(&sink{make(http.Header)}, r)
				}
			})
		}
	}
}
