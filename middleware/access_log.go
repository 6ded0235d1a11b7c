package middleware

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/forwarded"
	"example.com/api/internal/tracecontext"
)

// AccessLog writes one line per request: server errors at error, health checks
// at debug, and everything else at info, because any client can cause as many
// 4xx responses as it likes. The query is left out: it holds what people search
// for. Names are those of OpenTelemetry's semantic conventions where there is one.
// The duration is a whole number of microseconds, because slog formats a float with
// encoding/json, which would take half of the time of the line.
func AccessLog(routes Routes, proxies forwarded.Proxies, log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		defer func() { // deferred: a panic that aborts the connection is logged too
			level := slog.LevelInfo
			switch {
			case routes.of(c).HealthCheck: // a 503 while draining is not an error
				level = slog.LevelDebug
			case c.Writer.Status() >= http.StatusInternalServerError:
				level = slog.LevelError
			}
			ctx := c.Request.Context()
			if !log.Enabled(ctx, level) {
				return
			}
			end := time.Now()
			// The record goes straight to the handler. A Logger would look up the line
			// of code that calls it, which this log does not show.
			record := slog.NewRecord(end, level, "request", 0)
			record.AddAttrs(
				slog.String("http.request.method", logText(c.Request.Method, 20)),
				slog.String("url.path", logText(c.Request.URL.Path, 200)),
				slog.String("http.route", c.FullPath()),
				slog.Int("http.response.status_code", c.Writer.Status()),
				slog.Int("http.response.body.size", max(c.Writer.Size(), 0)),
				slog.Int64("duration_us", end.Sub(start).Microseconds()),
				slog.String("client.address", proxies.Client(c.Request).String()),
				slog.String("request_id", c.Writer.Header().Get(requestIDKey)),
				tracecontext.Attr(c.Request.Header),
			)
			if err := c.Errors.Last(); err != nil { // why it was rejected or failed
				record.AddAttrs(slog.String("error", logText(err.Error(), 500)))
			}
			_ = log.Handler().Handle(ctx, record) // a line that cannot be written is lost
		}()
		c.Next()
	}
}
