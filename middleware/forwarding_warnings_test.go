package middleware_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"example.com/api/internal/forwarded"
	"example.com/api/middleware"
)

func TestUntrustedForwarding(t *testing.T) {
	t.Parallel()
	const header = "X-Forwarded-For: 198.51.100.7"
	tests := []struct {
		name     string
		proxies  forwarded.Proxies
		requests []*http.Request
		warnings int
	}{
		{"a trusted proxy", trusted(), []*http.Request{request("GET", "/", header)}, 0},
		{"no header", forwarded.Proxies{}, []*http.Request{request("GET", "/")}, 0},
		{"an untrusted peer", forwarded.Proxies{}, []*http.Request{request("GET", "/", header)}, 1},
		{"an untrusted peer, three times", forwarded.Proxies{}, []*http.Request{request("GET", "/", header), request("GET", "/", header), request("GET", "/", header)}, 1},
		{"after a request without the header", forwarded.Proxies{}, []*http.Request{request("GET", "/"), request("GET", "/", header)}, 1},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		e := engine(middleware.RequestID(), middleware.UntrustedForwarding(tt.proxies, slog.New(slog.NewTextHandler(&out, nil))))
		for _, r := range tt.requests {
			r.Header.Set("X-Request-ID", "id1")
			serve(e, r)
		}
		got := out.String()
		if strings.Count(got, "\n") != tt.warnings {
			t.Errorf("%s: want %d warnings, got %q", tt.name, tt.warnings, got)
		}
		for _, want := range []string{"level=WARN", "TRUSTED_PROXIES", "peer=192.0.2.1:1234", "request_id=id1"} {
			if tt.warnings > 0 && !strings.Contains(got, want) {
				t.Errorf("%s: the warning lacks %q: %q", tt.name, want, got)
			}
		}
	}
}

func BenchmarkUntrustedForwarding(b *testing.B) {
	benchmark(b, request("GET", "/", "X-Forwarded-For: 198.51.100.7"), middleware.UntrustedForwarding(trusted(), discard()))
}
