package main

import (
	"log/slog"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"sync/atomic"
	"testing"

	"example.com/api/config"
	"example.com/api/handlers"
	"example.com/api/internal/openapi/openapitest"
	"example.com/api/internal/ratelimit"
)

// TestDescriptionHasEveryRoute holds the router to the description, both ways.
func TestDescriptionHasEveryRoute(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range config.Names() {
		t.Setenv(name, "") // set back when the test ends
		os.Unsetenv(name)
	}
	settings, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	router, err := newRouter(settings, parts{
		log:      slog.New(slog.DiscardHandler),
		counters: ratelimit.NewMemory(settings.RateLimitMaxClients),
		sessions: new(handlers.Sessions),
		draining: new(atomic.Bool),
	})
	if err != nil {
		t.Fatal(err)
	}
	description, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	routed := make(map[string]bool)
	for _, route := range router.Routes() {
		if route.Method != http.MethodHead { // the description says once that HEAD goes where GET does
			routed[route.Method+" "+regexp.MustCompile(`:(\w+)`).ReplaceAllString(route.Path, "{$1}")] = true
		}
	}
	described := make(map[string]bool)
	for path, item := range description.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(routed)) {
		if !described[name] {
			t.Errorf("%s is a route, but openapi.yaml does not describe it", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(described)) {
		if !routed[name] {
			t.Errorf("openapi.yaml describes %s, which is no route", name)
		}
	}
}
