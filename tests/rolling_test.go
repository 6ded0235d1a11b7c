package tests

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const rollingClients = 8

// Restarting replicas one after another under load loses no request. Without
// SHUTDOWN_DELAY some requests fail, which shows that the load is sufficient.
func TestRollingRestarts(t *testing.T) {
	t.Parallel()
	const restarts, posts, attempts = 10, 12_500, 40
	eachEdge(t, func(t *testing.T, e *edge, startEdge func([2]string)) {
		r, stop := startRolling(t, e, startEdge, "/api/session", "file:app.db")
		r.restarts(t, restarts, posts)
		failed := len(r.failed())
		n := 0
		for ; n < attempts && len(r.failed()) == failed; n++ {
			r.restart(t, n%2, "0s")
		}
		stop()
		lost := r.failed()[failed:]
		if len(lost) == 0 {
			t.Errorf("no request failed in %d restarts without SHUTDOWN_DELAY; the load is too small to show anything", n)
		}
		t.Logf("without SHUTDOWN_DELAY: %d restarts, %d requests failed: %.120q", n, len(lost), lost)
	})
}

// rolling runs two replicas behind a proxy and restarts them in turn while
// clients send POST requests to a path.
type rolling struct {
	*edge
	path     string
	env      []string
	ports    [2]string
	replicas [2]*process

	posts        atomic.Int64
	mu           sync.Mutex
	acknowledged []string // the names that received 201
	failures     []string
	slow         []time.Time // when requests failed with errSlowDatabase
}

// launch starts replica i and returns when it is ready.
func (r *rolling) launch(t *testing.T, i int, delay string) {
	t.Helper()
	p := launch(t, t.TempDir(), append(r.env, "PORT="+r.ports[i], "SHUTDOWN_DELAY="+delay)...)
	p.announced(t, "listening")
	r.replicas[i] = p
	s := &server{process: p, URL: "http://127.0.0.1:" + r.ports[i], client: newClient("")}
	defer s.client.CloseIdleConnections()
	p.waitFor(t, "readiness", func() bool {
		a, err := s.try("GET", "/readyz", "")
		return err == nil && strings.Contains(a.body, `"redis":"up","database":"up"`)
	})
}

// restart stops replica i, starts it again, and waits until it has responded to
// every client. Each nginx worker finds out on its own that a replica is back,
// and the next restart stops the other replica.
func (r *rolling) restart(t *testing.T, i int, delay string) {
	t.Helper()
	old := r.replicas[i]
	old.signal(t, syscall.SIGTERM)
	if status := old.wait(t); status != 0 {
		t.Fatalf("exit status: got %d, want 0; last log line: %s", status, old.stderr.lines()[len(old.stderr.lines())-1])
	}
	if strings.Contains(old.stderr.String(), "DATA RACE") {
		t.Errorf("data race in the server:\n%s", old.stderr)
	}
	if strings.Contains(old.stderr.String(), "database is closed") {
		t.Error("the database was closed before the last request was answered")
	}
	r.launch(t, i, delay)
	r.replicas[i].waitFor(t, "response to each client", func() bool {
		log := r.replicas[i].stderr.String()
		for client := range rollingClients {
			if !strings.Contains(log, fmt.Sprintf(`"request_id":"%d-`, client)) {
				return false
			}
		}
		return true
	})
}

// write posts names one after another until ctx is done. It uses its own
// connections and never retries a request.
func (r *rolling) write(ctx context.Context, client int) {
	s := r.from(fmt.Sprintf("127.0.3.%d", client+1), client%2 == 0)
	defer s.client.CloseIdleConnections()
	// The pace leaves time for other tests.
	for pace := time.Tick(4 * time.Millisecond); ctx.Err() == nil; <-pace {
		name := fmt.Sprintf("%d-%d", client, r.posts.Add(1))
		err := post(s, r.path, name)
		r.mu.Lock()
		switch {
		case err == nil:
			r.acknowledged = append(r.acknowledged, name)
		case errors.Is(err, errSlowDatabase):
			r.slow = append(r.slow, time.Now())
		default:
			r.failures = append(r.failures, fmt.Sprintf("%s: %s: %v", time.Now().Format(time.TimeOnly), name, err))
		}
		r.mu.Unlock()
	}
}

// failed returns the failures so far.
func (r *rolling) failed() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures
}

// errSlowDatabase is the 503 that the server returns while the database is not
// available, or if it has not confirmed a change. In this test, PostgreSQL is only slow, because the machine stalls for
// a while. Stopping a replica causes it only by closing the database too early,
// which restart checks for.
var errSlowDatabase = errors.New("PostgreSQL was too slow")

// post sends one request and returns an error unless the status is 201.
func post(s *server, path, name string) error {
	body := fmt.Sprintf(`{"name":%q}`, name)
	request, err := http.NewRequest("POST", s.URL+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.GetBody = nil // otherwise the transport might retry the request
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Request-ID", name)
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if response.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(text), `"detail":"The database `) {
		return errSlowDatabase
	}
	if err == nil && response.StatusCode != http.StatusCreated {
		err = fmt.Errorf("status %d: %.80q", response.StatusCode, text)
	}
	return err
}

// waitForPosts waits for that many requests, with time enough for a slow machine.
func (r *rolling) waitForPosts(t *testing.T, want int64) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); r.posts.Load() < want; time.Sleep(tick) {
		if time.Now().After(deadline) {
			t.Fatalf("got %d requests, want %d", r.posts.Load(), want)
		}
	}
}

// startRolling starts two replicas behind the edge, and the clients. The clients
// run until stop is called or the test ends.
func startRolling(t *testing.T, e *edge, startEdge func([2]string), path, database string) (r *rolling, stop func()) {
	t.Helper()
	redis := freePort(t)
	startRedis(t, redis)
	r = &rolling{edge: e, path: path, ports: [2]string{fixedPort(t), fixedPort(t)}, env: append(slices.Clone(unlimited),
		"APP_ENV=production", "HOST=127.0.0.1", "SESSION_SECRET="+secret,
		"ALLOWED_ORIGINS="+e.pageOrigin(), "ALLOWED_HOSTS=localhost", "TRUSTED_PROXIES=127.0.0.1",
		"REDIS_URL=redis://127.0.0.1:"+redis, "DATABASE_URL="+database, "RATE_LIMIT_DEFAULT=1000000-H", "RATE_LIMIT_SESSION=1000000-H",
	)}
	for i := range r.replicas {
		r.launch(t, i, "1s")
	}
	startEdge(r.ports)
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	for client := range rollingClients {
		clients.Go(func() { r.write(ctx, client) })
	}
	stop = sync.OnceFunc(func() { cancel(); clients.Wait() })
	t.Cleanup(stop) // runs before the replicas are stopped
	return r, stop
}

// restarts restarts the replicas in turn, n times, while clients send at least
// the given number of requests. Every request must succeed.
func (r *rolling) restarts(t *testing.T, n int, posts int64) {
	t.Helper()
	began := time.Now()
	before := r.posts.Load()
	for i := range n {
		delay := "1s"
		if i >= n-2 {
			delay = "0s" // for the restarts without a delay that follow
		}
		r.restart(t, i%2, delay)
		r.waitForPosts(t, before+int64(i+1)*posts/int64(n))
	}
	if failed := r.failed(); len(failed) > 0 {
		log := r.linesWith("error")
		t.Errorf("%d requests failed, want none, such as:\n%s\nlast errors of the proxy:\n%s", len(failed),
			strings.Join(failed[:min(len(failed), 5)], "\n"), strings.Join(log[max(0, len(log)-5):], "\n"))
	}
	r.mu.Lock()
	slow := slices.Clone(r.slow)
	r.mu.Unlock()
	if at := moments(slow); len(at) > n/4 { // a fault of the server would show at every restart
		t.Errorf("PostgreSQL was too slow for %d requests at %v; the machine is overloaded, or there is a fault", len(slow), at)
	}
	t.Logf("%d restarts, %d requests, %d failed, PostgreSQL too slow for %d, in %s",
		n, r.posts.Load()-before, len(r.failed()), len(slow), time.Since(began).Round(time.Second))
}

// moments returns the first of each run of times that are less than 5 seconds apart:
// while the machine stalls, all requests of those seconds fail.
func moments(times []time.Time) []string {
	var first []string
	var last time.Time
	for _, at := range times {
		if at.Sub(last) > 5*time.Second {
			first = append(first, at.Format(time.TimeOnly))
		}
		last = at
	}
	return first
}
