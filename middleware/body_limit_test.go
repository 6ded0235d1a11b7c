package middleware_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/problem"
	"example.com/api/middleware"
)

// readBody answers with the size of the body, or with why it cannot be read.
func readBody(c *gin.Context) {
	n, err := io.Copy(io.Discard, c.Request.Body)
	var tooLarge *http.MaxBytesError
	var refused *problem.Problem
	switch {
	case errors.As(err, &tooLarge):
		problem.Abort(c, problem.TooLarge(tooLarge.Limit))
		return
	case errors.As(err, &refused):
		problem.Abort(c, refused)
		return
	}
	c.String(http.StatusOK, "%d", n)
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	limits := middleware.NewBodyLimits(100, 1)
	e := engine()
	e.POST("/small", limits.Route(0, false), readBody)
	e.PUT("/small", limits.Route(1000, true), readBody) // another route of the same path
	e.POST("/large", limits.Route(1000, true), readBody)
	e.POST("/less", limits.Route(50, false), readBody)
	e.POST("/more", limits.Route(1000, false), readBody)
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
		{"/less", 50, false, 200, 50},
		{"/less", 51, false, 413, 51},
		{"/less", 51, true, 413, 0},
		{"/more", 100, false, 200, 100},
		{"/more", 101, false, 413, 101},
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

// stalledBody is a body of which some bytes have arrived, and no more come
// until end is closed.
type stalledBody struct {
	io.Reader
	end chan struct{}
}

func (b stalledBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		<-b.end
	}
	return n, err
}

// Bodies that stall hold what has arrived of them, however large they are
// announced to be, and no small body is refused for their sake.
func TestBodiesShareMemory(t *testing.T) {
	t.Parallel()
	const kib = 1 << 10
	synctest.Test(t, func(t *testing.T) {
		e := engine(
			func(c *gin.Context) {
				defer func() { _ = recover() }()
				c.Next()
			},
		)
		limits := middleware.NewBodyLimits(1000*kib, 100*kib)
		json := limits.Route(0, false)
		e.POST("/json", json, readBody)
		e.POST("/stream", limits.Route(1000*kib, true), readBody)
		e.POST("/panic", json, func(c *gin.Context) { readBody(c); panic("after it was read") })
		post := func(path string, size int) *httptest.ResponseRecorder {
			return serve(e, httptest.NewRequest("POST", path, strings.NewReader(strings.Repeat("x", size))))
		}
		stall := func(arrived int) (end chan struct{}) {
			end = make(chan struct{})
			r := httptest.NewRequest("POST", "/json", stalledBody{strings.NewReader(strings.Repeat("x", arrived)), end})
			r.ContentLength = 900 * kib
			go serve(e, r)
			synctest.Wait()
			return end
		}
		check := func(when, path string, size, want int) {
			t.Helper()
			w := post(path, size)
			if w.Code != want {
				t.Errorf("%s: %d bytes to %s: got %d, want %d", when, size, path, w.Code, want)
			}
			if w.Code == 503 && w.Header().Get("Retry-After") == "" {
				t.Errorf("%s: 503 without Retry-After", when)
			}
		}
		check("alone", "/json", 108*kib, 200)
		check("alone", "/json", 108*kib+1, 503)
		check("after one that was refused", "/json", 108*kib, 200)
		check("after one that panics", "/panic", 108*kib, 200)

		refused := make(chan struct{})
		e.POST("/refused", json, func(c *gin.Context) { readBody(c); <-refused })
		go post("/refused", 108*kib+1)
		synctest.Wait()
		check("while one is refused", "/json", 8*kib, 200)
		close(refused)
		synctest.Wait()

		for range 100 {
			defer close(stall(8 * kib)) // the free part of each
		}
		check("while 100 have just begun", "/json", 108*kib, 200)
		first, second := stall(58*kib), stall(58*kib)
		check("while two hold all", "/json", 8*kib, 200)
		check("while two hold all", "/json", 8*kib+1, 503)
		check("while two hold all", "/stream", 900*kib, 200)
		close(first)
		synctest.Wait()
		check("after one of them has ended", "/json", 58*kib, 200)
		check("after one of them has ended", "/json", 58*kib+1, 503)
		close(second)
		synctest.Wait()
		check("after both have ended", "/json", 108*kib, 200)
	})
}

func BenchmarkBodyLimit(b *testing.B) {
	r := request("POST", "/")
	r.Body = http.NoBody
	benchmark(b, r, middleware.NewBodyLimits(1<<20, 1<<20).Route(0, false))
}
