package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"os"
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
