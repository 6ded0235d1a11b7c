package middleware

import (
	"log/slog"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/forwarded"
	"example.com/api/internal/origin"
	"example.com/api/internal/tracecontext"
)

// ForwardingWarnings warns once about each sign that TRUSTED_PROXIES or the proxy is
// configured wrongly. It only warns: package forwarded ignores these headers.
func ForwardingWarnings(proxies forwarded.Proxies, log *slog.Logger) gin.HandlerFunc {
	untrustedFor := onceWarning{
		message: "X-Forwarded-For from an untrusted peer is ignored",
		remedy:  "if the peer is your proxy, add its address to TRUSTED_PROXIES; otherwise its clients share one rate limit",
	}
	untrustedProto := onceWarning{
		message: "X-Forwarded-Proto: https from an untrusted peer is ignored",
		remedy:  "if the peer is your proxy, add its address to TRUSTED_PROXIES; otherwise its https requests count as plain http, which HTTPS_REDIRECT redirects forever",
	}
	onlyForwarded := onceWarning{
		message: "a trusted proxy sends Forwarded, which is ignored, but no X-Forwarded-For",
		remedy:  "let the proxy send X-Forwarded-For and X-Forwarded-Proto; otherwise its clients share one rate limit",
	}
	noProto := onceWarning{
		message: "a trusted proxy sends X-Forwarded-For without X-Forwarded-Proto",
		remedy:  "let the proxy send X-Forwarded-Proto; otherwise its https requests count as plain http, which HTTPS_REDIRECT redirects forever",
	}
	wrongProto := onceWarning{
		message: "a trusted proxy sends X-Forwarded-Proto: http for a request that the browser sent by https",
		remedy:  "let the proxy that ends TLS send X-Forwarded-Proto: https, and the proxies behind it pass that on; otherwise https requests count as plain http, which HTTPS_REDIRECT redirects forever",
	}
	return func(c *gin.Context) {
		header := c.Request.Header
		hasFor, hasForwarded := header["X-Forwarded-For"] != nil, header["Forwarded"] != nil
		if proxies.TrustsPeer(c.Request) {
			if hasForwarded && !hasFor {
				onlyForwarded.write(c, log)
			}
			scheme := proxies.Scheme(c.Request)
			if hasFor && scheme == "" {
				noProto.write(c, log)
			}
			// Over plain http, browsers send Sec-Fetch-Site only to their own machine
			// (Fetch Metadata, 3).
			if scheme == "http" && header["Sec-Fetch-Site"] != nil && !(origin.Origin{Host: HostName(c.Request.Host)}).IsLoopback() {
				wrongProto.write(c, log)
			}
			return
		}
		if hasFor {
			untrustedFor.write(c, log)
		}
		if forwarded.ClaimedScheme(c.Request) == "https" {
			untrustedProto.write(c, log)
		}
	}
}

// onceWarning is a log line that is written once.
type onceWarning struct {
	message, remedy string
	written         atomic.Bool
}

func (w *onceWarning) write(c *gin.Context, log *slog.Logger) {
	if w.written.Load() || w.written.Swap(true) { // Load alone does not contend
		return
	}
	log.LogAttrs(c.Request.Context(), slog.LevelWarn, w.message,
		slog.String("peer", c.Request.RemoteAddr),
		slog.String("request_id", c.Writer.Header().Get(requestIDKey)),
		tracecontext.Attr(c.Request.Header),
		slog.String("remedy", w.remedy))
}
