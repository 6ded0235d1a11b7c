package tests

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/api/internal/processtest"
)

// While Redis fails in several ways, each request receives its usual response
// and limits still apply. Each outage and recovery is logged once.
func TestRedisOutagesUnderLoad(t *testing.T) {
	t.Parallel()
	redis := &redisProcess{port: freePort(t)}
	redis.start(t)
	s := start(t, "REDIS_URL=redis://127.0.0.1:"+redis.port, "RATE_LIMIT_DEFAULT=1000000-H", "RATE_LIMIT_SESSION=20-H", "TRUSTED_PROXIES=127.0.0.1")
	l := startLoad(t, s, request{method: "GET", path: "/api/hello", want: http.StatusOK},
		request{method: "DELETE", path: "/api/session", want: http.StatusNoContent})
	for n, o := range []outage{
		{"Redis is killed", redis.kill, func() { redis.start(t) }, "redis"},
		{"Redis hangs", func() { processtest.Signal(redis.pid, processtest.Pause) }, func() { processtest.Signal(redis.pid, processtest.Resume) }, "redis"},
		{"Redis is out of memory", func() { redis.cli("config", "set", "maxmemory", "1") }, func() { redis.cli("config", "set", "maxmemory", "0") }, "redis"},
		{"Redis is read-only", func() { redis.cli("replicaof", "127.0.0.1", "1") }, func() { redis.cli("replicaof", "no", "one") }, "redis"},
		{"Redis loses its scripts", func() { redis.cli("script", "flush") }, func() {}, ""},
	} {
		l.survive(t, o, func() {
			// Each attempt has its own client, because one store does not know what the
			// other has counted. If the machine stalls for 50 ms, the store changes
			// meanwhile, so one attempt of several is enough.
			var passed []int
			for attempt := 0; attempt < 5 && (attempt == 0 || passed[attempt-1] != 20); attempt++ {
				passed = append(passed, 0)
				for range 30 {
					a := s.do(t, "POST", "/api/session", `{"name":"a"}`, jsonType, fmt.Sprintf("X-Forwarded-For: 203.0.%d.%d", n+1, attempt))
					if a.status != http.StatusTooManyRequests {
						passed[attempt]++
					}
				}
			}
			if !slices.Contains(passed, 20) {
				t.Errorf("%s: %d requests of these clients passed, want the limit of 20", o.name, passed)
			}
		})
	}
	l.finish(t)
	s.checkChanges(t, "Redis is not available", "Redis is available", 4)
}

// outage is a fault that happens under load.
type outage struct {
	name       string
	begin, end func()
	down       string // the field of /readyz that is "down" meanwhile, or "" for none
}

// request is a request that the clients of a load repeat.
type request struct {
	method, path, body string
	want               int
	needsDatabase      bool // while the database is down, it receives 503
}

// load runs clients that send requests without a pause and check each response.
type load struct {
	server          *server
	requests        []request
	withoutDatabase atomic.Bool
	responses       atomic.Int64
	stop            func() // ends the clients and waits for them

	mu          sync.Mutex
	created     []string // the Location of each created resource
	failures    []string
	unavailable int
	slowest     time.Duration
}

func startLoad(t *testing.T, s *server, requests ...request) *load {
	t.Helper()
	l := &load{server: s, requests: requests}
	l.awaitReady(t, `"redis":"up"`)
	l.awaitReady(t, `"database":"up"`)
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	l.stop = sync.OnceFunc(func() { cancel(); clients.Wait() })
	t.Cleanup(l.stop)
	for client := range 4 {
		clients.Go(func() { l.run(ctx, client) })
	}
	return l
}

// run sends requests until ctx is done.
func (l *load) run(ctx context.Context, client int) {
	for n := 0; ctx.Err() == nil; n++ {
		r := l.requests[n%len(l.requests)]
		mayFail := l.withoutDatabase.Load()
		began := time.Now()
		a, err := l.server.try(r.method, r.path, r.body, jsonType, fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", client))
		took := time.Since(began)
		mayFail = r.needsDatabase && (mayFail || l.withoutDatabase.Load())
		l.responses.Add(1)
		l.mu.Lock()
		l.slowest = max(l.slowest, took)
		switch {
		case err == nil && a.status == http.StatusServiceUnavailable && mayFail && a.header.Get("Retry-After") != "":
			l.unavailable++
		case err != nil || a.status != r.want:
			l.failures = append(l.failures, fmt.Sprintf("%s %s: %d %.100s %v", r.method, r.path, a.status, a.body, err))
		case r.want == http.StatusCreated:
			l.created = append(l.created, a.header.Get("Location"))
		}
		l.mu.Unlock()
	}
}

// survive begins the outage, waits until /readyz reports it, and calls during.
// Then it ends the outage and waits until everything is up again.
func (l *load) survive(t *testing.T, o outage, during func()) {
	t.Helper()
	l.withoutDatabase.Store(o.down == "database")
	o.begin()
	if o.down != "" {
		l.awaitReady(t, `"`+o.down+`":"down"`)
	}
	during()
	l.awaitResponses(t, 200)
	o.end()
	ended := time.Now()
	l.awaitReady(t, `"redis":"up"`)
	l.awaitReady(t, `"database":"up"`)
	t.Logf("%s: recovered %s after its end", o.name, time.Since(ended).Round(time.Millisecond))
	l.withoutDatabase.Store(false)
	l.awaitResponses(t, 200)
}

// awaitReady waits until the body of /readyz contains state.
func (l *load) awaitReady(t *testing.T, state string) {
	t.Helper()
	l.server.waitFor(t, state, func() bool { return strings.Contains(l.server.get(t, "/readyz").body, state) })
}

// awaitResponses waits for n more responses.
func (l *load) awaitResponses(t *testing.T, n int64) {
	t.Helper()
	n += l.responses.Load()
	l.server.waitFor(t, "responses", func() bool { return l.responses.Load() >= n })
}

// finish stops the clients and reports failures.
func (l *load) finish(t *testing.T) {
	t.Helper()
	l.stop()
	if len(l.failures) > 0 {
		t.Errorf("%d failures, such as %q", len(l.failures), l.failures[:min(len(l.failures), 5)])
	}
	t.Logf("%d responses, %d of them 503, the slowest after %s", l.responses.Load(), l.unavailable, l.slowest.Round(time.Millisecond))
}

// checkChanges checks that each loss and each recovery was logged once. It
// tolerates two more, because a machine may stall for a moment.
func (s *server) checkChanges(t *testing.T, lost, found string, want int) {
	t.Helper()
	losses, recoveries := s.linesWith(lost), s.linesWith(found)
	if len(losses) < want || len(losses) > want+2 || len(recoveries) != len(losses) {
		t.Errorf("%q logged %d times, %q %d times, want %d each; log:\n%s", lost, len(losses), found, len(recoveries), want,
			strings.Join(append(losses, recoveries...), "\n"))
	}
}
