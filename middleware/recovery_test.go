package middleware_test

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"example.com/api/internal/problem"
	"example.com/api/middleware"
)

// A handler that panics may have described the body that it did not write.
func TestRecoveryDropsTheHandlersBody(t *testing.T) {
	t.Parallel()
	e := engine(middleware.RequestID, middleware.Recovery(discard()))
	e.GET("/panic", func(c *gin.Context) {
		for name, value := range map[string]string{
			"Content-Type": "text/csv", "Content-Length": "7", "Content-Encoding": "gzip", "Content-Disposition": "attachment",
			"Content-Language": "de", "Content-Range": "bytes 0-6/7", "Etag": `"7"`, "Last-Modified": "Mon, 02 Jan 2006 15:04:05 GMT",
			"X-Ratelimit-Limit": "7",
		} {
			c.Header(name, value)
		}
		panic("before the first byte")
	})
	w := serve(e, request("GET", "/panic", "X-Request-ID: id1"))
	want := http.Header{
		"Content-Type": {problem.ContentType}, "Content-Length": {strconv.Itoa(w.Body.Len())},
		"X-Request-Id": {"id1"}, "X-Ratelimit-Limit": {"7"},
	}
	if diff := cmp.Diff(want, w.Header()); w.Code != 500 || diff != "" {
		t.Errorf("%d (-want +got):\n%s", w.Code, diff)
	}
}
