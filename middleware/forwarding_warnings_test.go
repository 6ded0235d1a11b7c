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

func TestForwardingWarnings(t *testing.T) {
	t.Parallel()
	const xff, https, plain, std = "X-Forwarded-For: 198.51.100.7", "X-Forwarded-Proto: https", "X-Forwarded-Proto: http", "Forwarded: for=198.51.100.7;proto=https"
	const (
		untrustedFor   = "X-Forwarded-For from an untrusted peer is ignored"
		untrustedProto = "X-Forwarded-Proto: https from an untrusted peer is ignored"
		noProto        = "a trusted proxy sends X-Forwarded-For without X-Forwarded-Proto"
		wrongProto     = "a trusted proxy sends X-Forwarded-Proto: http for a request that the browser sent by https"
		onlyForwarded  = "a trusted proxy sends Forwarded, which is ignored, but no X-Forwarded-For"
	)
	const fetch = "Sec-Fetch-Site: none"
	get := func(headers ...string) *http.Request { return request("GET", "/", headers...) }
	local := get(xff, plain, fetch) // browsers send Sec-Fetch-Site to the own machine by plain http, too
	local.Host = "localhost:8080"
	nobody := forwarded.Proxies{}
	tests := []struct {
		name     string
		proxies  forwarded.Proxies
		requests []*http.Request
		want     []string
	}{
		{"a trusted proxy", trusted(), []*http.Request{get(xff, https)}, nil},
		{"a trusted proxy without headers", trusted(), []*http.Request{get()}, nil},
		{"no header", nobody, []*http.Request{get()}, nil},
		{"an untrusted peer", nobody, []*http.Request{get(xff)}, []string{untrustedFor}},
		{"an untrusted peer, three times", nobody, []*http.Request{get(xff), get(xff), get(xff)}, []string{untrustedFor}},
		{"after a request without the header", nobody, []*http.Request{get(), get(xff)}, []string{untrustedFor}},
		{"an untrusted peer says https", nobody, []*http.Request{get(https), get(https)}, []string{untrustedProto}},
		{"an untrusted peer says http", nobody, []*http.Request{get(plain)}, nil},
		{"an untrusted peer sends both", nobody, []*http.Request{get(xff, https), get(xff, https)}, []string{untrustedFor, untrustedProto}},
		{"one after the other", nobody, []*http.Request{get(xff), get(https)}, []string{untrustedFor, untrustedProto}},
		{"an untrusted peer sends Forwarded", nobody, []*http.Request{get(std)}, nil},
		{"a trusted proxy sends only Forwarded", trusted(), []*http.Request{get(std), get(std)}, []string{onlyForwarded}},
		{"a trusted proxy sends only Forwarded and the scheme", trusted(), []*http.Request{get(std, https)}, []string{onlyForwarded}},
		{"a trusted proxy sends both", trusted(), []*http.Request{get(std, xff, https)}, nil},
		{"a trusted proxy says http", trusted(), []*http.Request{get(xff, plain)}, nil},
		{"a trusted proxy says http for https", trusted(), []*http.Request{get(xff, plain, fetch), get(plain, fetch)}, []string{wrongProto}},
		{"a trusted proxy says https", trusted(), []*http.Request{get(xff, https, fetch)}, nil},
		{"a trusted proxy says http for this machine", trusted(), []*http.Request{local}, nil},
		{"an untrusted peer says http for https", nobody, []*http.Request{get(plain, fetch)}, nil},
		{"a trusted proxy does not tell the scheme", trusted(), []*http.Request{get(xff), get(xff)}, []string{noProto}},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		e := engine(middleware.RequestID(), middleware.ForwardingWarnings(tt.proxies, slog.New(slog.NewTextHandler(&out, nil))))
		for _, r := range tt.requests {
			r.Header.Set("X-Request-ID", "id1")
			r.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
			serve(e, r)
		}
		got := out.String()
		if strings.Count(got, "\n") != len(tt.want) || strings.Count(got, "level=WARN") != len(tt.want) {
			t.Errorf("%s: want %d warnings, got %q", tt.name, len(tt.want), got)
		}
		for _, want := range tt.want {
			for _, want := range []string{`msg="` + want + `"`, "peer=192.0.2.1:1234", "request_id=id1", "trace_id=4bf92f3577b34da6a3ce929d0e0e4736"} {
				if !strings.Contains(got, want) {
					t.Errorf("%s: the log lacks %s: %q", tt.name, want, got)
				}
			}
			if strings.Contains(want, "untrusted") && !strings.Contains(got, "TRUSTED_PROXIES") {
				t.Errorf("%s: the log does not name TRUSTED_PROXIES: %q", tt.name, got)
			}
		}
	}
}

func BenchmarkForwardingWarnings(b *testing.B) {
	benchmark(b, request("GET", "/", "X-Forwarded-For: 198.51.100.7"), middleware.ForwardingWarnings(trusted(), discard()))
}
