package tests

import (
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Three replicas share one limit. Without Redis each has its own limit and no
// request fails. The log reports each change, not each request.
func TestReplicasShareLimits(t *testing.T) {
	t.Parallel()
	const limit, requests = 40, 300
	port := freePort(t)
	stop := startRedis(t, port)
	var replicas []*server
	for range 3 {
		replicas = append(replicas, start(t, "REDIS_URL=redis://127.0.0.1:"+port, "RATE_LIMIT_DEFAULT=40-H", "TRUSTED_PROXIES=127.0.0.1"))
	}
	awaitState := func(want string) {
		t.Helper()
		for _, s := range replicas {
			s.waitFor(t, "redis "+want, func() bool {
				return strings.Contains(s.get(t, "/readyz").body, `"redis":"`+want+`"`)
			})
		}
	}
	// passed sends requests of one client to all replicas concurrently and
	// returns how many passed the limit.
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
	// passedTogether expects the limit of all replicas together. If the machine stalls
	// for 50 ms, a replica counts by itself for a moment, so one client of several is
	// enough.
	passedTogether := func(network string) {
		t.Helper()
		var got []int64
		for n := range 10 {
			got = append(got, passed(fmt.Sprint(network, n)))
			if got[n] == limit {
				return
			}
		}
		t.Errorf("%d requests of these clients passed, want %d on all replicas together", got, limit)
	}
	awaitState("up")
	passedTogether("198.51.100.1")
	stop()
	if got := passed("198.51.100.2"); got < limit || got > 3*limit {
		t.Errorf("without Redis: %d passed, want %d to %d, because each replica has its own limit", got, limit, 3*limit)
	}
	awaitState("down")
	startRedis(t, port)
	awaitState("up")
	passedTogether("198.51.100.3")
	for i, s := range replicas {
		if lost, found := len(s.linesWith("Redis is not available")), len(s.linesWith("Redis is available")); lost < 1 || lost > 3 || found != lost {
			// A machine that stalls for 50 ms causes an additional loss.
			t.Errorf("replica %d logged %d losses and %d recoveries, want one of each; log:\n%s", i, lost, found, s.stderr)
		}
	}
}

// startRedis runs Redis on the port. stop kills it.
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

// redisProcess is a Redis that tests can kill, pause and reconfigure.
type redisProcess struct {
	port string
	pid  int
	kill func() // ends it at once
}

// start runs Redis and waits until it responds.
func (r *redisProcess) start(t *testing.T) {
	t.Helper()
	r.kill = startRedis(t, r.port)
	eventually(t, func() error {
		id := regexp.MustCompile(`process_id:(\d+)`).FindStringSubmatch(r.cli("info", "server"))
		if id == nil {
			return errors.New("Redis does not respond")
		}
		var err error
		r.pid, err = strconv.Atoi(id[1])
		return err
	})
}

// cli runs redis-cli and returns its output, which is empty if Redis does not
// respond.
func (r *redisProcess) cli(args ...string) string {
	text, _ := exec.Command("redis-cli", append([]string{"-p", r.port}, args...)...).Output()
	return string(text)
}
