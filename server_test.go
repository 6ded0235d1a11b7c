package main

import (
	"log/slog"
	"net/http"
	"testing"
	"time"
)

// A connection that does nothing, or hardly anything, is closed in time.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	server := newServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	for name, limit := range map[string]time.Duration{
		"ReadHeaderTimeout": server.ReadHeaderTimeout, "ReadTimeout": server.ReadTimeout,
		"WriteTimeout": server.WriteTimeout,
	} {
		if limit <= 0 || limit > 2*time.Minute {
			t.Errorf("%s: got %s, want more than 0 and at most 2m", name, limit)
		}
	}
}
