package middleware_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/forwarded"
	"example.com/api/internal/problem"
	"example.com/api/middleware"
)

func TestAccessLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		e := engine(middleware.RequestID(), middleware.AccessLog(health, trusted(), log), middleware.Recovery(discard()))
		e.GET("/refused", func(c *gin.Context) { problem.Abort(c, problem.BadRequest("why it was refused")) })
		e.GET("/failed", func(c *gin.Context) { problem.Abort(c, problem.Internal(errors.New("the cause"))) })
		e.GET("/verbose", func(c *gin.Context) { problem.Abort(c, problem.BadRequest(strings.Repeat("e", 1000))) })
		e.GET("/abort", func(*gin.Context) { panic(http.ErrAbortHandler) })
		e.GET("/empty", func(c *gin.Context) { c.Status(204) })
		e.GET("/slow/:id", func(*gin.Context) { time.Sleep(1234567 * time.Microsecond) })
		tests := []struct {
			request *http.Request
			want    []string // nil: no line
		}{
			{request("GET", "/?q=private", "X-Forwarded-For: 198.51.100.7", "X-Request-ID: id1"),
				[]string{"level=INFO msg=request http.request.method=GET url.path=/ http.route=/ http.response.status_code=200 http.response.body.size=6 duration_us=0 client.address=198.51.100.7 request_id=id1\n"}},
			{request("GET", "/", "X-Request-ID: id1", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), []string{"request_id=id1 trace_id=4bf92f3577b34da6a3ce929d0e0e4736\n"}},
			{request("GET", "/slow/7"), []string{"url.path=/slow/7", "http.route=/slow/:id", "duration_us=1234567"}},
			{request("GET", "/empty"), []string{"http.response.status_code=204", "http.response.body.size=0"}},
			{request("GET", "/none"), []string{"level=INFO", "url.path=/none", `http.route=""`, "http.response.status_code=404"}},
			{request("GET", "/refused"), []string{"level=INFO", "http.response.status_code=400", `error="why it was refused"`}},
			{request("GET", "/failed"), []string{"level=ERROR", "http.response.status_code=500", `error="the cause"`}},
			{request("GET", "/verbose"), []string{" error=" + strings.Repeat("e", 500) + "..."}},
			{request("GET", "/"+strings.Repeat("p", 1000)), []string{" url.path=/" + strings.Repeat("p", 199) + "... "}},
			{request(strings.Repeat("M", 1000), "/"), []string{" http.request.method=" + strings.Repeat("M", 20) + "... "}},
			{request("GET", "/%1b%5b31m"), []string{` url.path=/\x1b[31m `}},
			{request("GET", "/healthz"), nil},
			{request("GET", "/abort"), []string{"url.path=/abort"}},
		}
		for _, tt := range tests {
			out.Reset()
			func() {
				defer func() { _ = recover() }() // as net/http does
				serve(e, tt.request)
			}()
			line := out.String()
			for _, want := range tt.want {
				if !strings.Contains(line, want) {
					t.Errorf("%.40s: %q lacks %q", tt.request.URL, line, want)
				}
			}
			if strings.Contains(line, "private") || strings.Count(line, "\n") != min(len(tt.want), 1) {
				t.Errorf("%.40s: %q", tt.request.URL, line)
			}
		}
	})
}

// A health check is logged at debug, even if it fails while draining.
func TestAccessLogOfHealthChecks(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	e := engine(middleware.AccessLog(health, trusted(), log))
	e.GET("/readyz", func(c *gin.Context) { c.Status(http.StatusServiceUnavailable) })
	serve(e, request("GET", "/readyz"))
	if got := out.String(); !strings.Contains(got, "level=DEBUG") || !strings.Contains(got, "http.response.status_code=503") {
		t.Errorf("got %q, want status 503 at debug", got)
	}
}

func BenchmarkAccessLog(b *testing.B) {
	log := slog.New(slog.NewJSONHandler(io.Discard, nil)) //nolint:sloglint // slog.DiscardHandler formats nothing, and the benchmark measures that
	benchmark(b, request("GET", "/"), middleware.AccessLog(health, forwarded.Proxies{}, log))
}
