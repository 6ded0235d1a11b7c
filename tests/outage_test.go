package tests

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Under load, whatever happens to Redis and PostgreSQL, each request gets its
// usual answer, but for the 503 of those that need a database that is away.
// Each change is logged once, limits hold, and nothing acknowledged is lost.
func TestOutagesUnderLoad(t *testing.T) {
	t.Parallel()
	postgres := startPostgres(t)
	port := freePort(t)
	redis := &redisProcess{port: port}
	redis.start(t)
	s := start(t, "REDIS_URL=redis://127.0.0.1:"+port, "DATABASE_URL="+postgres.newDatabase(t, "outages"),
		"RATE_LIMIT_DEFAULT=1000000-H", "RATE_LIMIT_SEARCH=20-H", "TRUSTED_PROXIES=127.0.0.1", "LOG_LEVEL=info")
	await := func(state string) {
		t.Helper()
		s.waitFor(t, state, func() bool { return strings.Contains(s.get(t, "/readyz").body, state) })
	}
	await(`"redis":"up","database":"up"`)

	l := &load{server: s}
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	stop := sync.OnceFunc(func() { cancel(); clients.Wait() })
	t.Cleanup(stop)
	for client := range 4 {
		clients.Go(func() { l.run(ctx, client) })
	}
	for n, outage := range []struct {
		name       string
		begin, end func()
		down       string // the part that is down meanwhile
	}{
		{"Redis is killed", redis.kill, func() { redis.start(t) }, "redis"},
		{"Redis hangs", func() { syscall.Kill(redis.pid, syscall.SIGSTOP) }, func() { syscall.Kill(redis.pid, syscall.SIGCONT) }, "redis"},
		{"Redis is out of memory", func() { redis.cli("config", "set", "maxmemory", "1") }, func() { redis.cli("config", "set", "maxmemory", "0") }, "redis"},
		{"Redis is read-only", func() { redis.cli("replicaof", "127.0.0.1", "1") }, func() { redis.cli("replicaof", "no", "one") }, "redis"},
		{"Redis forgets the scripts", func() { redis.cli("script", "flush") }, func() {}, ""},
		{"PostgreSQL is stopped", func() { postgres.stop(t) }, func() { postgres.start(t) }, "database"},
		{"PostgreSQL is stopped again", func() { postgres.stop(t) }, func() { postgres.start(t) }, "database"},
	} {
		l.withoutDatabase.Store(outage.down == "database")
		outage.begin()
		if outage.down != "" {
			await(`"` + outage.down + `":"down"`)
		}
		// Another client a phase: what was counted elsewhere does not count.
		passed := 0
		for range 30 {
			if a := s.get(t, "/api/search?q=x", fmt.Sprintf("X-Forwarded-For: 203.0.113.%d", n+1)); a.status != http.StatusTooManyRequests {
				passed++
			}
		}
		if passed != 20 {
			t.Errorf("%s: %d searches passed the limit of 20", outage.name, passed)
		}
		l.answers(t, 200)
		outage.end()
		back := time.Now()
		await(`"redis":"up","database":"up"`)
		t.Logf("%s: in use %s after its end", outage.name, time.Since(back).Round(time.Millisecond))
		l.withoutDatabase.Store(false)
		l.answers(t, 200)
	}
	stop()
	if len(l.wrong) > 0 {
		t.Errorf("%d wrong answers, such as %q", len(l.wrong), l.wrong[:min(len(l.wrong), 5)])
	}
	t.Logf("%d answers, %d of them 503, the slowest after %s", l.answered.Load(), l.unavailable, l.slowest.Round(time.Millisecond))
	for _, change := range []struct {
		lost, found string
		want        int
	}{
		{"Redis is not available", "Redis is available", 4},
		{"PostgreSQL was lost", "PostgreSQL is available", 2},
	} {
		// A machine that stands still for a moment makes one more.
		lost, found := len(s.linesWith(change.lost)), len(s.linesWith(change.found))
		if lost < change.want || lost > change.want+2 || found != lost {
			t.Errorf("%q %d times, %q %d times, want %d each; log:\n%s", change.lost, lost, change.found, found, change.want,
				strings.Join(append(s.linesWith(change.lost), s.linesWith(change.found)...), "\n"))
		}
	}
	for _, path := range l.created {
		if a := s.get(t, path); a.status != http.StatusOK {
			t.Errorf("%s was acknowledged: got %d, want 200", path, a.status)
		}
	}
}

// redisProcess is a Redis that can be hurt in several ways.
type redisProcess struct {
	port string
	pid  int
	kill func()
}

func (r *redisProcess) start(t *testing.T) {
	t.Helper()
	r.kill = startRedis(t, r.port)
	eventually(t, func() error {
		id := regexp.MustCompile(`process_id:(\d+)`).FindStringSubmatch(r.cli("info", "server"))
		if id == nil {
			return errors.New("Redis does not answer")
		}
		var err error
		r.pid, err = strconv.Atoi(id[1])
		return err
	})
}

func (r *redisProcess) cli(args ...string) string {
	text, _ := exec.Command("redis-cli", append([]string{"-p", r.port}, args...)...).Output() // none while it starts
	return string(text)
}

// load are clients that call without a pause and judge each answer.
type load struct {
	server          *server
	withoutDatabase atomic.Bool // 503 is right where items are asked for
	answered        atomic.Int64

	mu          sync.Mutex
	created     []string // Location of each
	wrong       []string
	unavailable int
	slowest     time.Duration
}

func (l *load) run(ctx context.Context, client int) {
	for n := 0; ctx.Err() == nil; n++ {
		method, path, body, want := "GET", "/api/hello", "", http.StatusOK
		switch n % 3 {
		case 1:
			path = "/api/items"
		case 2:
			method, path, body, want = "POST", "/api/items", `{"name":"x"}`, http.StatusCreated
		}
		mayFail := l.withoutDatabase.Load()
		began := time.Now()
		a, err := l.server.try(method, path, body, jsonType, fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", client))
		took := time.Since(began)
		mayFail = mayFail || l.withoutDatabase.Load()
		l.answered.Add(1)
		l.mu.Lock()
		l.slowest = max(l.slowest, took)
		switch {
		case err == nil && a.status == http.StatusServiceUnavailable && mayFail && path == "/api/items" && a.header.Get("Retry-After") != "":
			l.unavailable++
		case err != nil || a.status != want:
			l.wrong = append(l.wrong, fmt.Sprintf("%s %s: %d %.100s %v", method, path, a.status, a.body, err))
		case want == http.StatusCreated:
			l.created = append(l.created, a.header.Get("Location"))
		}
		l.mu.Unlock()
	}
}

// answers waits for so many more.
func (l *load) answers(t *testing.T, n int64) {
	t.Helper()
	n += l.answered.Load()
	l.server.waitFor(t, "answers", func() bool { return l.answered.Load() >= n })
}
