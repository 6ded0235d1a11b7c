package middleware_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/problem"
	"example.com/api/middleware"
)

// slowClient is both ends of a connection: its body comes at a byte each pause,
// until the read deadline.
type slowClient struct {
	*httptest.ResponseRecorder
	pause               time.Duration
	deadline, writeTill time.Time
}

func (s *slowClient) SetReadDeadline(t time.Time) error  { s.deadline = t; return nil }
func (s *slowClient) SetWriteDeadline(t time.Time) error { s.writeTill = t; return nil }

func (s *slowClient) Read([]byte) (int, error) {
	if left := time.Until(s.deadline); left < s.pause {
		time.Sleep(left)
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(s.pause)
	return 1, nil
}

// The rest of a refused body is waited for as long as it comes, and not for
// ever; a body that has stalled is not waited for again.
func TestBodyLimitWaits(t *testing.T) {
	t.Parallel()
	refuse := func(c *gin.Context) { problem.Abort(c, problem.Forbidden("unread")) }
	read := func(c *gin.Context) {
		_, _ = c.Request.Body.Read(make([]byte, 10))
		problem.Abort(c, problem.Timeout())
	}
	tests := []struct {
		name    string
		handler gin.HandlerFunc
		pause   time.Duration
		want    time.Duration // after which it is answered
	}{
		{"silent", refuse, time.Hour, 5 * time.Second},
		{"slow", refuse, 4 * time.Second, 30 * time.Second},
		{"slow, to its end", refuse, 10 * time.Millisecond, 2 * time.Second},
		{"stalled before", read, time.Hour, 15 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := gin.New()
				e.Use(middleware.BodyLimit(100, nil))
				e.POST("/", tt.handler)
				start := time.Now()
				client := &slowClient{httptest.NewRecorder(), tt.pause, start.Add(15 * time.Second), start.Add(30 * time.Second)}
				e.ServeHTTP(client, httptest.NewRequest(http.MethodPost, "/", client))
				if got := time.Since(start); got != tt.want {
					t.Errorf("answered after %s, want %s", got, tt.want)
				}
				if !client.writeTill.After(time.Now()) {
					t.Error("answered too late to be written")
				}
			})
		})
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	e := engine(middleware.BodyLimit(100, middleware.Routes{"/large": {MaxBody: 1000}}))
	read := func(c *gin.Context) {
		n, err := io.Copy(io.Discard, c.Request.Body)
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			problem.Abort(c, problem.TooLarge(tooLarge.Limit))
			return
		}
		c.String(http.StatusOK, "%d", n)
	}
	e.POST("/small", read)
	e.POST("/large", read)
	e.POST("/refuse", func(c *gin.Context) { problem.Abort(c, problem.Forbidden("unread")) })
	tests := []struct {
		path     string
		size     int
		declared bool
		status   int
		left     int // of the body, unread after the answer
	}{
		{"/small", 100, true, 200, 0},
		{"/small", 101, true, 413, 0},
		{"/small", 101, false, 413, 0},
		{"/small", 200, true, 413, 0},
		{"/small", 5000, true, 413, 4800},
		{"/large", 1000, true, 200, 0},
		{"/large", 1001, true, 413, 0},
		{"/refuse", 150, true, 403, 0},
		{"/refuse", 5000, true, 403, 4800},
		{"/nowhere", 150, true, 404, 0},
	}
	for _, tt := range tests {
		body := strings.NewReader(strings.Repeat("x", tt.size))
		r := httptest.NewRequest("POST", tt.path, struct{ io.Reader }{body})
		r.ContentLength = -1
		if tt.declared {
			r.ContentLength = int64(tt.size)
		}
		if got := serve(e, r).Code; got != tt.status || body.Len() != tt.left {
			t.Errorf("%s with %d bytes (declared: %v): %d, %d left, want %d, %d left", tt.path, tt.size, tt.declared, got, body.Len(), tt.status, tt.left)
		}
	}
	body := strings.NewReader(strings.Repeat("x", 150))
	waiting := httptest.NewRequest("POST", "/small", body)
	waiting.Header.Set("Expect", "100-continue")
	if got := serve(e, waiting).Code; got != 413 {
		t.Errorf("a client that waits for 100 Continue gets %d", got)
	}
	if body.Len() != 150 {
		t.Errorf("%d bytes were read of a body that was not sent yet", 150-body.Len())
	}
}

func BenchmarkBodyLimit(b *testing.B) {
	r := request("POST", "/")
	r.Body = http.NoBody
	benchmark(b, r, middleware.BodyLimit(1<<20, nil))
}
