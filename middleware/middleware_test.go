package middleware_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/forwarded"
	"example.com/api/internal/origin"
	"example.com/api/middleware"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

// engine passes requests through the middleware to a handler that responds
// with 200 and "served".
func engine(middlewares ...gin.HandlerFunc) *gin.Engine {
	e := gin.New()
	e.RedirectTrailingSlash, e.RedirectFixedPath = false, false // as in router.go
	e.Use(middlewares...)
	e.Any("/", func(c *gin.Context) { c.String(http.StatusOK, "served") })
	e.GET("/healthz", func(c *gin.Context) { c.String(http.StatusOK, "served") })
	return e
}

// request returns a request with headers from "Name: value" lines.
func request(method, target string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// trusted trusts the peer of httptest.NewRequest, 192.0.2.1.
func trusted() forwarded.Proxies { return forwarded.NewProxies(netip.MustParsePrefix("192.0.2.1/32")) }

// untrusted makes the request come from a peer that trusted does not trust.
func untrusted(r *http.Request) *http.Request {
	r.RemoteAddr = "198.51.100.1:1234"
	return r
}

// logBuffer holds log lines that several goroutines write.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func allowing(entries ...string) *origin.Policy {
	policy, _, mistakes := origin.ParsePolicy(origin.Options{Entries: entries})
	if len(mistakes) > 0 {
		panic(mistakes[0])
	}
	return policy
}

// sink is a ResponseWriter that discards everything, so that a benchmark counts
// only the middleware's allocations.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}

// benchmark serves the request through the middleware to a handler that does
// nothing. The difference from BenchmarkNone is the middleware's cost.
func benchmark(b *testing.B, r *http.Request, middlewares ...gin.HandlerFunc) {
	e := gin.New()
	e.Use(middlewares...)
	e.Any("/", func(*gin.Context) {})
	w := &sink{header: make(http.Header, 32)}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		e.ServeHTTP(w, r)
	}
}

func BenchmarkNone(b *testing.B) { benchmark(b, request("GET", "/")) }

// health is a table of routes with the two health checks.
var health = middleware.Routes{"/healthz": {HealthCheck: true}, "/readyz": {HealthCheck: true}}
