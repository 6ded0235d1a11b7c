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

// outage is one fault under load.
type outage struct {
	name       string
	begin, end func()
	down       string // the part that /readyz calls down meanwhile; "" for none
}

// TestRedisOutagesUnderLoad hurts Redis while clients call: each request gets
// its usual answer, limits hold, and each change is logged once.
func TestRedisOutagesUnderLoad(t *testing.T) {
	t.Parallel()
	redis := &redisProcess{port: freePort(t)}
	redis.start(t)
	s := start(t, "REDIS_URL=redis://127.0.0.1:"+redis.port, "RATE_LIMIT_DEFAULT=1000000-H", "RATE_LIMIT_SESSION=20-H", "TRUSTED_PROXIES=127.0.0.1")
	l := startLoad(t, s, request{method: "GET", path: "/api/hello", want: http.StatusOK},
		request{method: "DELETE", path: "/api/session", want: http.StatusNoContent})
	for n, o := range []outage{
		{"Redis is killed", redis.kill, func() { redis.start(t) }, "redis"},
		{"Redis hangs", func() { syscall.Kill(redis.pid, syscall.SIGSTOP) }, func() { syscall.Kill(redis.pid, syscall.SIGCONT) }, "redis"},
		{"Redis is out of memory", func() { redis.cli("config", "set", "maxmemory", "1") }, func() { redis.cli("config", "set", "maxmemory", "0") }, "redis"},
		{"Redis is read-only", func() { redis.cli("replicaof", "127.0.0.1", "1") }, func() { redis.cli("replicaof", "no", "one") }, "redis"},
		{"Redis forgets the scripts", func() { redis.cli("script", "flush") }, func() {}, ""},
	} {
		l.survive(t, o, func() {
			// Each phase has a client of its own: what one store has counted,
			// the other has not.
			passed := 0
			for range 30 {
				a := s.do(t, "POST", "/api/session", `{"name":"a"}`, jsonType, fmt.Sprintf("X-Forwarded-For: 203.0.113.%d", n+1))
				if a.status != http.StatusTooManyRequests {
					passed++
				}
			}
			if passed != 20 {
				t.Errorf("%s: %d requests passed the limit of 20", o.name, passed)
			}
		})
	}
	l.finish(t)
	s.checkChanges(t, "Redis is not available", "Redis is available", 4)
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

// request is what a load sends again and again.
type request struct {
	method, path, body string
	want               int
	needsDatabase      bool // 503 is right while the database is away
}

// load is a number of clients that send requests without a pause and judge
// each answer.
type load struct {
	server          *server
	requests        []request
	withoutDatabase atomic.Bool
	answered        atomic.Int64
	stop            func() // ends the clients and waits for them

	mu          sync.Mutex
	created     []string // Location of each
	wrong       []string
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

func (l *load) run(ctx context.Context, client int) {
	for n := 0; ctx.Err() == nil; n++ {
		r := l.requests[n%len(l.requests)]
		mayFail := l.withoutDatabase.Load()
		began := time.Now()
		a, err := l.server.try(r.method, r.path, r.body, jsonType, fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", client))
		took := time.Since(began)
		mayFail = r.needsDatabase && (mayFail || l.withoutDatabase.Load())
		l.answered.Add(1)
		l.mu.Lock()
		l.slowest = max(l.slowest, took)
		switch {
		case err == nil && a.status == http.StatusServiceUnavailable && mayFail && a.header.Get("Retry-After") != "":
			l.unavailable++
		case err != nil || a.status != r.want:
			l.wrong = append(l.wrong, fmt.Sprintf("%s %s: %d %.100s %v", r.method, r.path, a.status, a.body, err))
		case r.want == http.StatusCreated:
			l.created = append(l.created, a.header.Get("Location"))
		}
		l.mu.Unlock()
	}
}

// survive begins the outage, waits until /readyz shows it, calls during, ends
// it, and waits until all is up again.
func (l *load) survive(t *testing.T, o outage, during func()) {
	t.Helper()
	l.withoutDatabase.Store(o.down == "database")
	o.begin()
	if o.down != "" {
		l.awaitReady(t, `"`+o.down+`":"down"`)
	}
	during()
	l.awaitAnswers(t, 200)
	o.end()
	ended := time.Now()
	l.awaitReady(t, `"redis":"up"`)
	l.awaitReady(t, `"database":"up"`)
	t.Logf("%s: in use %s after its end", o.name, time.Since(ended).Round(time.Millisecond))
	l.withoutDatabase.Store(false)
	l.awaitAnswers(t, 200)
}

func (l *load) awaitReady(t *testing.T, state string) {
	t.Helper()
	l.server.waitFor(t, state, func() bool { return strings.Contains(l.server.get(t, "/readyz").body, state) })
}

// awaitAnswers waits for n more answers.
func (l *load) awaitAnswers(t *testing.T, n int64) {
	t.Helper()
	n += l.answered.Load()
	l.server.waitFor(t, "answers", func() bool { return l.answered.Load() >= n })
}

// finish ends the clients and reports wrong answers.
func (l *load) finish(t *testing.T) {
	t.Helper()
	l.stop()
	if len(l.wrong) > 0 {
		t.Errorf("%d wrong answers, such as %q", len(l.wrong), l.wrong[:min(len(l.wrong), 5)])
	}
	t.Logf("%d answers, %d of them 503, the slowest after %s", l.answered.Load(), l.unavailable, l.slowest.Round(time.Millisecond))
}

// checkChanges asserts that each loss and each return was logged once. A
// machine that stands still for a moment makes one or two more.
func (s *server) checkChanges(t *testing.T, lost, found string, want int) {
	t.Helper()
	losses, returns := s.linesWith(lost), s.linesWith(found)
	if len(losses) < want || len(losses) > want+2 || len(returns) != len(losses) {
		t.Errorf("%q %d times, %q %d times, want %d each; log:\n%s", lost, len(losses), found, len(returns), want,
			strings.Join(append(losses, returns...), "\n"))
	}
}
