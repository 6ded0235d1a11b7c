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
			// Headers that tell of the handler's own body go. All others stay,
			// so that an allowed origin can read this.
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
