package middleware_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/problem"
	"example.com/api/middleware"
)

// readBody answers with the size of the body, or 413.
func readBody(c *gin.Context) {
	n, err := io.Copy(io.Discard, c.Request.Body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		problem.Abort(c, problem.TooLarge(tooLarge.Limit))
		return
	}
	c.String(http.StatusOK, "%d", n)
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	e := engine(middleware.BodyLimit(100, middleware.Routes{"/large": {MaxBody: 1000}}))
	e.POST("/small", readBody)
	e.POST("/large", readBody)
	tests := []struct {
		path     string
		size     int
		declared bool
		status   int
		read     int // bytes of the body
	}{
		{"/small", 100, true, 200, 100},
		{"/small", 101, true, 413, 0},
		{"/small", 101, false, 413, 101},
		{"/small", 5000, false, 413, 101},
		{"/large", 1000, true, 200, 1000},
		{"/large", 1001, true, 413, 0},
		{"/large", 1001, false, 413, 1001},
		{"/nowhere", 150, true, 404, 0},
	}
	for _, tt := range tests {
		body := strings.NewReader(strings.Repeat("x", tt.size))
		r := httptest.NewRequest("POST", tt.path, struct{ io.Reader }{body})
		r.ContentLength = -1
		if tt.declared {
			r.ContentLength = int64(tt.size)
		}
		if got := serve(e, r).Code; got != tt.status || tt.size-body.Len() != tt.read {
			t.Errorf("%s with %d bytes (declared: %v): %d, %d read; want %d, %d read", tt.path, tt.size, tt.declared, got, tt.size-body.Len(), tt.status, tt.read)
		}
	}
}
