package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/api/config"
	"example.com/api/handlers"
	"example.com/api/internal/ratelimit"
)

// BenchmarkChain measures the cost of everything in front of a handler. It compares
// the same cross-origin response from bare Gin and through the whole chain, with
// the access log off. The ratio of the two is what counts; run it with -count.
func BenchmarkChain(b *testing.B) {
	b.Chdir(b.TempDir())
	for _, name := range config.Names() {
		b.Setenv(name, "")
		os.Unsetenv(name)
	}
	b.Setenv("RATE_LIMIT_DEFAULT", "999999999-D")
	settings, err := config.Load()
	if err != nil {
		b.Fatal(err)
	}
	sessions, err := handlers.NewSessions(handlers.SessionOptions{Secret: strings.Repeat("s", 32), SameSite: settings.SessionSameSite})
	if err != nil {
		b.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	full, err := newRouter(settings, parts{
		log:      slog.New(slog.DiscardHandler),
		counters: ratelimit.NewMemory(settings.RateLimitMaxClients),
		sessions: sessions,
	})
	if err != nil {
		b.Fatal(err)
	}
	bare := gin.New()
	bare.GET("/api/hello", handlers.Hello)

	for _, tt := range []struct {
		name    string
		handler http.Handler
	}{{"bare Gin", bare}, {"the whole chain", full}} {
		b.Run(tt.name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "http://localhost/api/hello", nil)
			r.Header.Set("Origin", "http://localhost:5173")
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				tt.handler.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
