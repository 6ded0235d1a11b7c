package middleware

import (
	"log/slog"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/forwarded"
)

// UntrustedForwarding warns once if X-Forwarded-For comes from a peer that is
// not a trusted proxy. The header is ignored then. If the peer is a proxy of
// the operator's, all its users share one rate limit.
func UntrustedForwarding(proxies forwarded.Proxies, log *slog.Logger) gin.HandlerFunc {
	var warned atomic.Bool
	return func(c *gin.Context) {
		if c.Request.Header["X-Forwarded-For"] == nil || warned.Load() || proxies.TrustsPeer(c.Request) || warned.Swap(true) {
			return
		}
		log.LogAttrs(c.Request.Context(), slog.LevelWarn, "X-Forwarded-For from an untrusted peer is ignored",
			slog.String("peer", c.Request.RemoteAddr),
			slog.String("request_id", c.Writer.Header().Get(requestIDKey)),
			slog.String("remedy", "if the peer is your proxy, add its address to TRUSTED_PROXIES; otherwise its clients share one rate limit"))
	}
}
