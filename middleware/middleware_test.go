package middleware_test

import (
	"bytes"
	"io"
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

// engine passes requests through the middleware to a handler that answers 200.
func engine(middlewares ...gin.HandlerFunc) *gin.Engine {
	e := gin.New()
	e.RedirectTrailingSlash, e.RedirectFixedPath = false, false // as in router.go
	e.Use(middlewares...)
	e.Any("/", func(c *gin.Context) { c.String(http.StatusOK, "served") })
	e.GET("/healthz", func(c *gin.Context) { c.String(http.StatusOK, "served") })
	return e
}

// request makes one from "Name: value" lines.
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

// trusted trusts the peer that httptest.NewRequest invents, 192.0.2.1.
func trusted() forwarded.Proxies { return forwarded.NewProxies(netip.MustParsePrefix("192.0.2.1/32")) }

// logBuffer keeps log lines that several goroutines write.
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

func (b *logBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func allowing(entries ...string) *origin.Policy {
	var patterns []origin.Pattern
	for _, entry := range entries {
		pattern, err := origin.ParsePattern(entry)
		if err != nil {
			panic(err)
		}
		patterns = append(patterns, pattern)
	}
	return origin.NewPolicy(patterns, nil)
}

// sink is a ResponseWriter that keeps nothing, so that a benchmark counts the
// allocations of the middleware alone.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}

// benchmark serves the request through the middleware to a handler that does
// nothing: what it costs beside "none" is the middleware.
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

func BenchmarkRequestID(b *testing.B) { benchmark(b, request("GET", "/"), middleware.RequestID) }

func BenchmarkSecurityHeaders(b *testing.B) {
	benchmark(b, request("GET", "/"), middleware.NewSecurityHeaders(1e9, true, forwarded.Proxies{}).Handle)
}

func BenchmarkAccessLog(b *testing.B) {
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	benchmark(b, request("GET", "/"), middleware.AccessLog(health, forwarded.Proxies{}, log))
}

func BenchmarkRecovery(b *testing.B) {
	benchmark(b, request("GET", "/"), middleware.Recovery(discard()))
}

func BenchmarkAllowedHosts(b *testing.B) {
	benchmark(b, request("GET", "/"), middleware.AllowedHosts(origin.NewHostList("example.com", "*.example.org"), health))
}

func BenchmarkHTTPSRedirect(b *testing.B) {
	benchmark(b, request("GET", "/", "X-Forwarded-Proto: https"), middleware.HTTPSRedirect(health, trusted()))
}

func BenchmarkCrossOriginProtection(b *testing.B) {
	benchmark(b, request("POST", "/", "Sec-Fetch-Site: same-site", "Origin: http://localhost:5173"),
		middleware.CrossOriginProtection(allowing("http://localhost:5173")))
}

func BenchmarkUntrustedForwarding(b *testing.B) {
	benchmark(b, request("GET", "/", "X-Forwarded-For: 198.51.100.7"), middleware.UntrustedForwarding(trusted(), discard()))
}

func BenchmarkBodyLimit(b *testing.B) {
	r := request("POST", "/")
	r.Body = http.NoBody
	benchmark(b, r, middleware.BodyLimit(1<<20, 1<<20, nil))
}

// health is a table of routes with the two health checks.
var health = middleware.Routes{"/healthz": {HealthCheck: true}, "/readyz": {HealthCheck: true}}
