package middleware

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/problem"
)

// Recovery turns a panic into a 500 problem without internals and logs it
// with its stack. Once bytes are out, only an aborted connection tells the
// client that the answer is not whole.
func Recovery(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			recovered := recover()
			if recovered == nil {
				return
			}
			if recovered == http.ErrAbortHandler {
				panic(recovered) // a handler's own way to abort: net/http stays silent
			}
			log.LogAttrs(c.Request.Context(), slog.LevelError, "panic",
				slog.String("request_id", c.Writer.Header().Get(requestIDKey)),
				slog.String("panic", fmt.Sprint(recovered)),
				slog.String("stack", string(debug.Stack())))
			if c.Writer.Written() {
				panic(http.ErrAbortHandler)
			}
			// Headers that the handler meant for its own answer go; those of
			// the middleware stay, so that an allowed origin can read this.
			c.Writer.Header().Del("Content-Length")
			problem.Abort(c, problem.Internal(fmt.Errorf("panic: %v", recovered)))
		}()
		c.Next()
	}
}
