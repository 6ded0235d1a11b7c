package tests

import (
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// startRedis runs a real Redis on the port; stop ends it at once.
func startRedis(t *testing.T, port string) (stop func()) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		without(t, "redis-server is missing; apt-get install --no-install-recommends redis-server")
	}
	cmd := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// Three replicas grant one limit together; without Redis each grants its own
// and nobody gets an error; the changes are logged, not the requests.
func TestReplicasShareLimits(t *testing.T) {
	t.Parallel()
	const limit, requests = 40, 300
	port := freePort(t)
	stop := startRedis(t, port)
	var replicas []*server
	for range 3 {
		replicas = append(replicas, start(t, "REDIS_URL=redis://127.0.0.1:"+port, "RATE_LIMIT_DEFAULT=40-H", "TRUSTED_PROXIES=127.0.0.1"))
	}
	state := func(want string) {
		t.Helper()
		for _, s := range replicas {
			s.waitFor(t, "redis "+want, func() bool {
				return strings.Contains(s.get(t, "/readyz").body, `"redis":"`+want+`"`)
			})
		}
	}
	// passed sends requests of one client to all replicas, many at a time.
	passed := func(client string) int64 {
		var passed atomic.Int64
		var group sync.WaitGroup
		for worker := range 12 {
			group.Go(func() {
				for i := range requests / 12 {
					a, err := replicas[(worker+i)%3].try("GET", "/api/hello", "", "X-Forwarded-For: "+client)
					switch {
					case err != nil || a.status != http.StatusOK && a.status != http.StatusTooManyRequests:
						t.Errorf("got %d, %v, want 200 or 429", a.status, err)
					case a.status == http.StatusOK:
						passed.Add(1)
					}
				}
			})
		}
		group.Wait()
		return passed.Load()
	}
	state("up")
	if got := passed("198.51.100.1"); got != limit {
		t.Errorf("with Redis: %d passed, want %d of all replicas together", got, limit)
	}
	stop()
	if got := passed("198.51.100.2"); got < limit || got > 3*limit {
		t.Errorf("without Redis: %d passed, want %d to %d, a limit for each replica", got, limit, 3*limit)
	}
	state("down")
	startRedis(t, port)
	state("up")
	if got := passed("198.51.100.3"); got != limit {
		t.Errorf("with Redis again: %d passed, want %d", got, limit)
	}
	for i, s := range replicas {
		if lost, found := len(s.linesWith("Redis is not available")), len(s.linesWith("Redis is available")); lost < 1 || lost > 3 || found != lost {
			// One each, but a machine that stands still for 50 ms makes another.
			t.Errorf("replica %d logged %d losses and %d returns, want one each; log:\n%s", i, lost, found, s.stderr)
		}
	}
}

func TestWrongRedisURLIsRefused(t *testing.T) {
	t.Parallel()
	p := launch(t, t.TempDir(), "PORT=0", "REDIS_URL=redis://:hunter2@127.0.0.1:6379?skip_verify=true")
	if status := p.wait(t); status != 2 {
		t.Errorf("exit status %d, want 2", status)
	}
	if text := p.stderr.String(); !strings.Contains(text, "REDIS_URL") || strings.Contains(text, "hunter2") {
		t.Errorf("the message is %q", text)
	}
}
