package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/database"
)

func TestFailDatabase(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  error
		want int
	}{
		{"the client has disconnected", fmt.Errorf("read: %w", context.Canceled), statusClientGone},
		{"the database is down", database.ErrUnavailable, 503},
		{"the change may have been made", fmt.Errorf("%w; %w", database.ErrUnavailable, database.ErrOutcomeUnknown), 503},
		{"a mistake in the program", errors.New("no such column"), 500},
	} {
		w := httptest.NewRecorder()
		c, _ := gin.CreateTestContext(w)
		c.Request = httptest.NewRequest("GET", "/", nil)
		failDatabase(c, tt.err)
		if got := c.Writer.Status(); got != tt.want || !c.IsAborted() {
			t.Errorf("%s: got %d, aborted: %t, want %d", tt.name, got, c.IsAborted(), tt.want)
		}
	}
}
