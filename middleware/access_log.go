package middleware

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/forwarded"
)

// AccessLog writes one line a request: server errors at error, the rest at
// info, because strangers can make as many 4xx as they like, and health
// checks at debug. Queries are left out: they hold what people search for. The
// duration is a number, in milliseconds, for programs that add them up.
func AccessLog(routes Routes, proxies forwarded.Proxies, log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		defer func() { // a panic that ends the connection is logged too
			level := slog.LevelInfo
			switch {
			case routes.of(c).HealthCheck: // its 503 while draining is no failure
				level = slog.LevelDebug
			case c.Writer.Status() >= http.StatusInternalServerError:
				level = slog.LevelError
			}
			ctx := c.Request.Context()
			if !log.Enabled(ctx, level) {
				return
			}
			attrs := [9]slog.Attr{
				slog.String("method", cut(c.Request.Method, 20)),
				slog.String("path", cut(c.Request.URL.Path, 200)),
				slog.String("route", c.FullPath()),
				slog.Int("status", c.Writer.Status()),
				slog.Int("bytes", max(c.Writer.Size(), 0)),
				slog.Float64("duration_ms", float64(time.Since(start).Microseconds())/1000),
				slog.String("client_ip", proxies.Client(c.Request).String()),
				slog.String("request_id", c.Writer.Header().Get(requestIDKey)),
			}
			n := 8
			if err := c.Errors.Last(); err != nil { // why it was refused or failed
				attrs[n] = slog.String("error", cut(err.Error(), 500))
				n++
			}
			log.LogAttrs(ctx, level, "request", attrs[:n]...)
		}()
		c.Next()
	}
}
