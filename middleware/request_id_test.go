package middleware_test

import (
	"strings"
	"testing"

	"example.com/api/middleware"
)

func TestRequestID(t *testing.T) {
	t.Parallel()
	for in, kept := range map[string]bool{
		"a": true, "A-z_0.9": true, strings.Repeat("x", 64): true,
		"": false, strings.Repeat("x", 65): false, "a b": false, "a\"b": false, "é": false, "a/b": false, "a\x00": false,
	} {
		got := serve(engine(middleware.RequestID()), request("GET", "/", "X-Request-ID: "+in)).Header().Get("X-Request-ID")
		if (got == in) != kept || len(got) == 0 {
			t.Errorf("X-Request-ID %q: got %q, want it kept: %v", in, got, kept)
		}
	}
	w := serve(engine(middleware.RequestID()), request("GET", "/", "X-Request-ID: a", "X-Request-ID: b"))
	if got := w.Header().Get("X-Request-ID"); len(got) != 32 {
		t.Errorf("two ids become %q, want a new one of 32 digits", got)
	}
}

func BenchmarkRequestID(b *testing.B) { benchmark(b, request("GET", "/"), middleware.RequestID()) }
