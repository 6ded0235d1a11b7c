package middleware

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/problem"
	"example.com/api/internal/tracecontext"
)

// Recovery turns a panic into a 500 problem that shows no internals, and logs it
// with its stack. If part of the response has been sent, it aborts the connection,
// because nothing else tells the client that the response is incomplete.
func Recovery(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			recovered := recover()
			if recovered == nil {
				return
			}
			if recovered == http.ErrAbortHandler { //nolint:errorlint // net/http compares it in this way too
				panic(recovered) // a handler's way to abort the connection; net/http logs nothing
			}
			log.LogAttrs(c.Request.Context(), slog.LevelError, "panic",
				slog.String("request_id", c.Writer.Header().Get(requestIDKey)),
				tracecontext.Attr(c.Request.Header),
				slog.String("exception.message", fmt.Sprint(recovered)),
				slog.String("exception.stacktrace", string(debug.Stack())))
			if c.Writer.Written() {
				panic(http.ErrAbortHandler)
			}
			// Headers that describe the handler's own body must go. The others
			// stay, so that an allowed origin can read this response.
			for _, name := range []string{
				"Content-Type", "Content-Length", "Content-Encoding", "Content-Disposition",
				"Content-Language", "Content-Range", "Etag", "Last-Modified",
			} {
				c.Writer.Header().Del(name)
			}
			problem.Abort(c, problem.Internal(fmt.Errorf("panic: %v", recovered)))
		}()
		c.Next()
	}
}
