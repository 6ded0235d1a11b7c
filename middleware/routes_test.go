package middleware

import (
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
)

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		template, path string
		want           bool
	}{
		{"/", "/", true},
		{"/a", "/a", true},
		{"/a", "/a/", false},
		{"/a", "/b", false},
		{"/a/:id", "/a/1", true},
		{"/a/:id", "/a/", false},
		{"/a/:id", "/a", false},
		{"/a/:id", "/a/1/", false},
		{"/a/:id", "/a/1/b", false},
		{"/a/:id/b", "/a/1/b", true},
		{"/a/:id/b", "/a/1/c", false},
		{"/a/:id/:part", "/a/1/2", true},
		{"/a/:id/:part", "/a/1", false},
		{"/a/v:id", "/a/v1", true},
		{"/a/v:id", "/a/1", false},
		{"/a/*path", "/a/", true},
		{"/a/*path", "/a/b/c", true},
		{"/a/*path", "/b", false},
		{"/a/:id/*path", "/a/1/b/c", true},
	} {
		if got := matches(tt.template, tt.path); got != tt.want {
			t.Errorf("%s and %s: got %v, want %v", tt.template, tt.path, got, tt.want)
		}
		// Gin is the reference.
		e := gin.New()
		e.RedirectTrailingSlash, e.RedirectFixedPath = false, false
		e.GET(tt.template, func(c *gin.Context) { c.Status(204) })
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", tt.path, nil))
		if got := w.Code == 204; got != tt.want {
			t.Errorf("%s and %s: Gin matches: %v, want %v", tt.template, tt.path, got, tt.want)
		}
	}
}
