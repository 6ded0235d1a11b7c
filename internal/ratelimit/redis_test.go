package ratelimit_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ulule/limiter/v3"

	"example.com/api/internal/processtest"
	"example.com/api/internal/ratelimit"
)

const (
	// bar is the longest that a request may wait for Redis.
	bar = 100 * time.Millisecond
	// recovery is how soon Redis must be used again when it is back.
	recovery = 2 * time.Second
)

// count makes one request and reports whether it was within the limit.
func count(t testing.TB, store limiter.Store, key string, r limiter.Rate) bool {
	t.Helper()
	state, err := store.Increment(context.Background(), key, 1, r)
	if err != nil {
		t.Errorf("Increment: %v", err)
	}
	return !state.Reached
}

// granted returns how many of n requests pass.
func granted(t testing.TB, store limiter.Store, key string, r limiter.Rate, n int) int {
	t.Helper()
	passed := 0
	for range n {
		if count(t, store, key, r) {
			passed++
		}
	}
	return passed
}

// attempt is one run of a test whose stores must not lose Redis.
type attempt struct {
	testing.TB
	name   string // for keys that no other attempt uses
	logs   []*logBuffer
	errors []string
	alone  int64 // requests that stores counted on their own and were closed too soon to log
}

func (a *attempt) Errorf(format string, args ...any) {
	a.errors = append(a.errors, fmt.Sprintf(format, args...))
}

// newRedis returns a store that has connected.
func (a *attempt) newRedis(url string) *ratelimit.Redis {
	a.Helper()
	return a.newRedisOver(url, ratelimit.NewMemory(10_000))
}

func (a *attempt) newRedisOver(url string, local *ratelimit.Memory) *ratelimit.Redis {
	a.Helper()
	store, log := newRedisOver(a.TB, url, local)
	a.logs = append(a.logs, log)
	await(a, store, "up", 5*time.Second)
	return store
}

func (a *attempt) logged() string {
	var text strings.Builder
	for _, log := range a.logs {
		text.WriteString(log.String())
	}
	return text.String()
}

// undisturbed repeats a test that the machine disturbed: when a process pauses
// for longer than a call may take, the store counts on its own for a moment, as
// it should, and logs that. A store that loses a healthy Redis by its own fault
// does so each time.
func undisturbed(t *testing.T, test func(a *attempt)) {
	t.Helper()
	for i := range 20 {
		a := &attempt{TB: t, name: strconv.Itoa(i)}
		test(a)
		if len(a.errors) > 0 && a.alone == 0 { // the log comes with the next connection
			for deadline := time.Now().Add(time.Second); a.logged() == "" && time.Now().Before(deadline); {
				time.Sleep(2 * time.Millisecond)
			}
		}
		if a.logged() == "" && a.alone == 0 {
			for _, err := range a.errors {
				t.Error(err)
			}
			return
		}
		t.Logf("disturbed: %s%s", strings.Join(append(a.errors, ""), "\n"), a.logged())
	}
	t.Fatal("disturbed each time")
}

func TestRedisURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		url string
		ok  bool
	}{
		{"redis://redis", true},
		{"redis://:hunter2@redis:6379/0", true},
		{"rediss://api:hunter2@redis.internal:6380/3", true},
		{"redis://redis?db=2", true},
		{"unix:///run/redis.sock?db=1", true},
		{"unix://:hunter2@/run/redis.sock", true},
		{"redis://:hunter2@a:7000?addr=b:7000&addr=c:7000", true},
		{"http://:hunter2@redis", false},
		{"redis", false},
		{"redis:hunter2", false},
		{"unix://", false},
		{"unix:///run/redis.sock?addr=hunter2", false},
		{"unix:///run/hunter2.sock?addr=b:7000", false},
		{"redis://redis/hunter2", false},
		{"redis://redis?db=hunter2", false},
		{"redis://:hunter2@redis?read_timeout=1s", false},
		{"rediss://:hunter2@redis?skip_verify=true", false},
		{"redis://:hunter2@a/1?addr=b:7000", false},
		{"redis://:hunter2@a:7000?addr=b:7000;addr=c:7000", false},
		// Characters of a password that were not escaped.
		{"redis://:1/hunter2@redis", false},
		{"redis://:1?hunter2@redis", false},
		{"redis://:1#hunter2@redis", false},
		{"redis://:hunter2%@redis", false},
		{"redis://:hunter2\n@redis", false},
	} {
		store, err := ratelimit.NewRedis(tt.url, "ratelimit:", nil, ratelimit.NewMemory(1), slog.New(slog.DiscardHandler))
		if (err == nil) != tt.ok {
			t.Errorf("NewRedis(%q): %v, want ok %t", tt.url, err, tt.ok)
		}
		if err == nil {
			store.Close()
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("NewRedis(%q): %v shows the password", tt.url, err)
		}
	}
}

// A caller sees what Memory would show.
func TestRedisWindow(t *testing.T) {
	server := startRedis(t)
	undisturbed(t, func(a *attempt) {
		store := a.newRedis(server.url())
		r := rate(2, time.Minute)
		ctx := context.Background()
		for i, want := range []limiter.Context{
			{Limit: 2, Remaining: 2, Reached: false},
			{Limit: 2, Remaining: 1, Reached: false},
			{Limit: 2, Remaining: 0, Reached: false},
			{Limit: 2, Remaining: 0, Reached: true},
			{Limit: 2, Remaining: 0, Reached: true},
		} {
			call, least, most := store.Get, 60*time.Second, 67*time.Second
			if i == 0 {
				call, least, most = store.Peek, 0, time.Second
			}
			before := time.Now()
			got, err := call(ctx, a.name, r)
			after := time.Now()
			if err != nil {
				a.Errorf("call %d: %v", i, err)
			}
			reset := time.Unix(got.Reset, 0)
			if got.Reset = 0; got != want {
				a.Errorf("call %d: %+v, want %+v", i, got, want)
			}
			if i <= 1 && reset.Before(before.Add(least)) || reset.After(after.Add(most)) {
				a.Errorf("call %d: Reset in %s", i, reset.Sub(before))
			}
			if i == 0 && server.do(t, "EXISTS", redisKey(a.name, r)) != "0" {
				a.Errorf("Peek wrote")
			}
			if peeked, err := store.Peek(ctx, a.name, r); err != nil || peeked.Remaining != want.Remaining || peeked.Reached != (want.Remaining == 0) {
				a.Errorf("Peek after call %d: %+v, %v", i, peeked, err)
			}
		}
		if got, err := store.Increment(ctx, a.name+"-three", 3, r); err != nil || !got.Reached || got.Remaining != 2 {
			a.Errorf("3 at once of 2: %+v, %v, want them to be refused and to cost nothing", got, err)
		}
		if got, err := store.Reset(ctx, a.name, r); err != nil || got.Remaining != 2 {
			a.Errorf("Reset: %+v, %v", got, err)
		}
		if !count(a, store, a.name, r) {
			a.Errorf("refused after Reset")
		}
	})
}

// A client that waits as long as it is told is not refused, and does not have
// to wait for more than the period and a tenth.
func TestRedisResetIsTrue(t *testing.T) {
	server := startRedis(t)
	r := rate(1, time.Second)
	undisturbed(t, func(a *attempt) {
		store := a.newRedis(server.url())
		for range 2 {
			count(a, store, a.name, r)
			start := time.Now()
			state, err := store.Get(context.Background(), a.name, r)
			if err != nil || !state.Reached {
				a.Errorf("%+v, %v, want it over the limit", state, err)
				return
			}
			reset := time.Unix(state.Reset, 0)
			if wait := reset.Sub(start); wait > 2200*time.Millisecond {
				a.Errorf("Reset in %s", wait)
			}
			eventually(a, 3*time.Second, "it is time", func() bool { return !time.Now().Before(reset) })
			if !count(a, store, a.name, r) {
				a.Errorf("refused %s after Reset", time.Since(reset))
			}
			_, _ = store.Reset(context.Background(), a.name, r)
		}
	})
}

// redisKey returns the key under which a store keeps a counter.
func redisKey(key string, r limiter.Rate) string { return "ratelimit:" + key + "/" + r.Period.String() }

// Values that are not windows count as empty ones, and a counter of an earlier
// version, a number under another key, stays as it is.
func TestRedisForeignValues(t *testing.T) {
	server := startRedis(t)
	r := rate(5, 10*time.Second)
	for _, setup := range [][]string{
		{"SET", "KEY", "7"},
		{"SET", "KEY", "x"},
		{"SET", "KEY", ""},
		{"SET", "KEY", "\x93\xa1x\x01\xff"}, // MessagePack that ends early
		{"SET", "KEY", "\x92\xa1x\xa1y"},    // ["x", "y"]
		{"SET", "KEY", "\x92\x01\xa1y"},     // [1, "y"]
		{"SET", "KEY", "\x80"},              // {}
		{"HSET", "KEY", "a", "b"},
		{"SET", "ratelimit:foreign", "7", "PX", "3600000"},
		{"SET", "ratelimit:foreign", "7"},
	} {
		t.Run(strings.Join(setup, " "), func(t *testing.T) {
			undisturbed(t, func(a *attempt) {
				store := a.newRedis(server.url())
				server.do(t, "FLUSHALL")
				words := slices.Clone(setup)
				if words[1] == "KEY" {
					words[1] = redisKey("foreign", r)
				}
				server.do(t, words...)
				if passed := granted(a, store, "foreign", r, 10); passed != 5 {
					a.Errorf("%d passed, want 5", passed)
				}
				if left, _ := strconv.Atoi(server.do(t, "PTTL", redisKey("foreign", r))); left <= 0 || left > 11_000 {
					a.Errorf("TTL is %d ms, want at most a period and a tenth", left)
				}
			})
		})
	}
}

// Two programs that share a Redis each have their own prefix.
func TestRedisPrefix(t *testing.T) {
	server := startRedis(t)
	undisturbed(t, func(a *attempt) {
		store := a.newRedis(server.url())
		other, log := newRedisWithPrefix(t, server.url(), "other:", ratelimit.NewMemory(10))
		a.logs = append(a.logs, log)
		await(t, other, "up", 5*time.Second)
		r := rate(3, time.Hour)
		if one, two := granted(a, store, a.name, r, 5), granted(a, other, a.name, r, 5); one != 3 || two != 3 {
			a.Errorf("%d and %d passed, want 3 each", one, two)
		}
		for line := range strings.Lines(server.keys(t)) {
			if !strings.HasPrefix(line, "ratelimit:") && !strings.HasPrefix(line, "other:") {
				a.Errorf("a key without a prefix: %s", line)
			}
		}
	})
}

// Replicas together grant exactly the limit.
func TestRedisExactTogether(t *testing.T) {
	server := startRedis(t)
	const limit = 1000
	undisturbed(t, func(a *attempt) {
		replicas := []*ratelimit.Redis{a.newRedis(server.url()), a.newRedis(server.url()), a.newRedis(server.url())}
		var passed atomic.Int64
		var group sync.WaitGroup
		for i := range 64 {
			group.Go(func() {
				passed.Add(int64(granted(t, replicas[i%3], a.name, rate(limit, time.Hour), 2*limit/64)))
			})
		}
		group.Wait()
		if passed.Load() != limit {
			a.Errorf("%d passed, want %d", passed.Load(), limit)
		}
	})
}

// Redis counts what it is sent: one script per request, and nothing for a
// client that has used up its limit.
func TestRedisOneRoundTrip(t *testing.T) {
	server := startRedis(t)
	const limit, more = 200, 300
	inScript := map[string]bool{"time": true, "get": true, "set": true}
	undisturbed(t, func(a *attempt) {
		store := a.newRedis(server.url())
		before := server.commands(t)
		granted(a, store, a.name, rate(limit, time.Hour), limit+more)
		for name, calls := range server.commands(t) {
			want := before[name]
			switch {
			case name == "evalsha":
				want += limit // the last one used it up
			case name == "info", name == "hello", name == "client|setinfo":
				continue // of this test's own client
			case inScript[name], name == "ping":
				continue
			}
			if calls != want {
				a.Errorf("%s: %d calls, want %d", name, calls-before[name], want-before[name])
			}
		}
	})
}

// The caller's context does not matter: a cancelled request was still made.
func TestRedisCancelledRequest(t *testing.T) {
	server := startRedis(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	undisturbed(t, func(a *attempt) {
		store := a.newRedis(server.url())
		for range 100 {
			if _, err := store.Increment(ctx, a.name, 1, rate(10, time.Hour)); err != nil {
				a.Errorf("%v", err)
			}
		}
		if passed := granted(a, a.newRedis(server.url()), a.name, rate(100, time.Hour), 200); passed != 90 {
			a.Errorf("%d of 100 passed, want the 90 that were not counted before", passed)
		}
	})
}

// Memory bounds the counters of blocked clients as well. For those without
// room there, the store asks Redis.
func TestRedisBound(t *testing.T) {
	server := startRedis(t)
	undisturbed(t, func(a *attempt) {
		local := ratelimit.NewMemory(10)
		store := a.newRedisOver(server.url(), local)
		r := rate(1, time.Hour)
		client := func(i int) string { return fmt.Sprintf("%s-%d", a.name, i) }
		for i := range 100 {
			count(a, store, client(i), r)
		}
		if local.Len() > 10 {
			a.Errorf("%d counters, want at most 10", local.Len())
		}
		for i := range 100 {
			if count(a, store, client(i), r) {
				a.Errorf("client %d is over its limit and passed", i)
			}
		}
	})
}

// load makes requests, each for a client of its own so that all ask Redis, and
// records how long the slowest took. A goroutine that only sleeps shows for how
// long the machine itself paused meanwhile.
type load struct {
	stop    atomic.Bool
	group   sync.WaitGroup
	slowest atomic.Int64
	stalled atomic.Int64
	made    atomic.Int64
}

func startLoad(t *testing.T, store limiter.Store, workers int, pause time.Duration) *load {
	l := new(load)
	record := func(longest *atomic.Int64, d time.Duration) {
		for {
			old := longest.Load()
			if int64(d) <= old || longest.CompareAndSwap(old, int64(d)) {
				return
			}
		}
	}
	l.group.Go(func() {
		for !l.stop.Load() {
			start := time.Now()
			time.Sleep(time.Millisecond)
			record(&l.stalled, time.Since(start)-time.Millisecond)
		}
	})
	for worker := range workers {
		l.group.Go(func() {
			for i := 0; !l.stop.Load(); i++ {
				start := time.Now()
				if !count(t, store, fmt.Sprintf("load-%d-%d", worker, i%1000), rate(1<<40, time.Hour)) {
					t.Error("refused within the limit")
				}
				record(&l.slowest, time.Since(start))
				l.made.Add(1)
				time.Sleep(pause)
			}
		})
	}
	return l
}

// end checks that the slowest request stayed within the bar, apart from the
// machine's own pauses.
func (l *load) end(t *testing.T) {
	t.Helper()
	if l.late(t) {
		t.Errorf("a request took too long, want at most %s and the pause", bar)
	}
}

func (l *load) late(t *testing.T) bool {
	t.Helper()
	l.stop.Store(true)
	l.group.Wait()
	slowest, stalled := time.Duration(l.slowest.Load()), time.Duration(l.stalled.Load())
	t.Logf("%d requests, slowest %s, the machine paused for up to %s", l.made.Load(), slowest.Round(100*time.Microsecond), stalled.Round(100*time.Microsecond))
	// It may wait for the processor three times: in this process, in Redis, and in
	// the goroutine that reads the response.
	return slowest > bar+3*stalled
}

// logged checks that the log has one line for each change. A machine that
// pauses for as long as calls may take causes more changes than the test.
func logged(t *testing.T, log *logBuffer) {
	t.Helper()
	if lost, found := log.lines(); lost != found || lost == 0 {
		t.Errorf("logged %d times that it was lost, %d that it was found:\n%s", lost, found, log)
	}
}

// checkAlone checks that a process grants its limit on its own, and that a
// client that was blocked before stays blocked.
func checkAlone(t *testing.T, store limiter.Store) {
	t.Helper()
	if passed := granted(t, store, "alone", rate(20, time.Hour), 100); passed != 20 {
		t.Errorf("alone: %d passed, want 20", passed)
	}
	if count(t, store, "blocked", rate(5, time.Hour)) {
		t.Error("a client that was over its limit passed")
	}
}

func TestRedisFails(t *testing.T) {
	for _, tt := range []struct {
		name       string
		fail, mend func(t *testing.T, s *redisServer)
		noticed    bool // without a request
	}{
		{"killed", func(_ *testing.T, s *redisServer) { s.kill() }, func(t *testing.T, s *redisServer) { s.start(t) }, true},
		{"hangs",
			func(_ *testing.T, s *redisServer) { s.signal(processtest.Pause) },
			func(_ *testing.T, s *redisServer) { s.signal(processtest.Resume) }, true},
		{"out of memory",
			func(t *testing.T, s *redisServer) {
				s.do(t, "CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1")
			},
			func(t *testing.T, s *redisServer) { s.do(t, "CONFIG", "SET", "maxmemory", "0") }, false},
		{"read-only replica",
			func(t *testing.T, s *redisServer) { s.do(t, "REPLICAOF", "127.0.0.1", "1") },
			func(t *testing.T, s *redisServer) { s.do(t, "REPLICAOF", "NO", "ONE") }, false},
		{"writes are slow",
			func(t *testing.T, s *redisServer) { s.do(t, "CLIENT", "PAUSE", "1000000", "WRITE") },
			func(t *testing.T, s *redisServer) { s.do(t, "CLIENT", "UNPAUSE") }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := startRedis(t)
			store, log := newRedis(t, server.url())
			await(t, store, "up", 5*time.Second)
			granted(t, store, "blocked", rate(5, time.Hour), 6)

			load := startLoad(t, store, 32, 2*time.Millisecond)
			eventually(t, 5*time.Second, "requests are made", func() bool { return load.made.Load() > 200 })
			tt.fail(t, server)
			down := await(t, store, "down", recovery)
			checkAlone(t, store)
			_, found := log.lines()
			at := load.made.Load()
			eventually(t, 5*time.Second, "requests are made", func() bool { return load.made.Load() > at+15_000 }) // for some probes
			if _, again := log.lines(); again > found {
				t.Errorf("found %d times while it was away:\n%s", again-found, log)
			}
			tt.mend(t, server)
			up := await(t, store, "up", recovery)
			before := server.commands(t)["evalsha"]
			eventually(t, recovery, "Redis is asked", func() bool { return server.commands(t)["evalsha"] > before+10 })
			load.end(t)
			t.Logf("down after %s, up again after %s", down.Round(time.Millisecond), up.Round(time.Millisecond))
			logged(t, log)

			if !tt.noticed {
				return
			}
			tt.fail(t, server) // and nobody makes a request
			t.Logf("noticed after %s without a request", await(t, store, "down", 3*time.Second).Round(time.Millisecond))
			tt.mend(t, server)
			await(t, store, "up", recovery)
		})
	}
}

// While Redis is down for long, requests take no longer than in Memory.
func TestRedisDownCostsNothing(t *testing.T) {
	server := startRedis(t)
	store, _ := newRedis(t, server.url())
	await(t, store, "up", 5*time.Second)
	server.signal(processtest.Pause)
	count(t, store, "a", rate(1, time.Hour)) // waits for callTimeout
	start := time.Now()
	granted(t, store, "b", rate(1, time.Hour), 10_000)
	if took := time.Since(start); took > time.Second { // 10,000 timeouts are 500 s
		t.Errorf("10,000 requests took %s", took)
	}
	if n := store.Fallbacks(); n != 10_001 {
		t.Errorf("requests counted in this process: got %d, want 10,001", n)
	}
	server.signal(processtest.Resume)
}

// When Redis hangs, more requests come than the client's queue has room for. A
// busy machine wakes that many goroutines one after another, and the pause of a
// single one does not show this, so the test fails only if it is late each time.
func TestRedisHangsUnderManyRequests(t *testing.T) {
	server := startRedis(t)
	for range 5 {
		store, log := newRedis(t, server.url())
		await(t, store, "up", 5*time.Second)
		server.signal(processtest.Pause)
		load := startLoad(t, store, 1500, time.Second) // all at once; the queue has room for 1024
		await(t, store, "down", recovery)
		late := load.late(t)
		server.signal(processtest.Resume)
		await(t, store, "up", recovery)
		logged(t, log)
		store.Close()
		if !late {
			return
		}
	}
	t.Errorf("a request took too long each time, want at most %s and the pause", bar)
}

// When Redis has forgotten the script, the next request loads it again.
func TestRedisForgetsScripts(t *testing.T) {
	server := startRedis(t)
	undisturbed(t, func(a *attempt) {
		store := a.newRedis(server.url())
		r, passed := rate(50, time.Hour), 0
		for range 10 {
			passed += granted(a, store, a.name, r, 10)
			server.do(t, "SCRIPT", "FLUSH")
		}
		if passed != 50 {
			a.Errorf("%d passed, want 50", passed)
		}
	})
}

// When Redis restarts without its data, it starts new windows. A client that
// had used up its limit stays blocked by the process that knows.
func TestRedisRestartsEmpty(t *testing.T) {
	server := startRedis(t)
	r := rate(5, time.Hour)
	var store *ratelimit.Redis
	undisturbed(t, func(a *attempt) {
		store = a.newRedis(server.url())
		granted(a, store, "blocked", r, 6)
		granted(a, store, "half", r, 3)
	})
	server.kill()
	server.start(t)
	eventually(t, recovery, "Redis counts again", func() bool {
		count(t, store, "other", rate(1<<40, time.Hour))
		return server.do(t, "EXISTS", redisKey("other", rate(1, time.Hour))) == "1"
	})
	if count(t, store, "blocked", r) {
		t.Error("a client that was over its limit passed")
	}
	undisturbed(t, func(a *attempt) { // through a store that knows nothing of before
		if passed := granted(a, a.newRedis(server.url()), "half", r, 10); passed != 5 {
			a.Errorf("%d passed, want the 5 of a new window", passed)
		}
		server.do(t, "DEL", redisKey("half", r))
	})
}

func TestRedisAppearsLater(t *testing.T) {
	server := newRedisServer(t)
	start := time.Now()
	store, log := newRedis(t, server.url())
	if took := time.Since(start); took > bar {
		t.Errorf("NewRedis took %s", took)
	}
	load := startLoad(t, store, 4, 2*time.Millisecond)
	await(t, store, "down", recovery)
	if passed := granted(t, store, "alone", rate(20, time.Hour), 100); passed != 20 {
		t.Errorf("%d passed, want 20", passed)
	}
	eventually(t, recovery, "it is logged", func() bool { lost, _ := log.lines(); return lost == 1 })
	server.start(t)
	t.Logf("up after %s", await(t, store, "up", recovery))
	load.end(t)
	logged(t, log)
}

// A server that closes each connection is not asked in a tight loop.
func TestRedisIsTriedCalmly(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	start := time.Now()
	newRedis(t, "redis://"+listener.Addr().String())
	for range 4 {
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	if took := time.Since(start); took < 750*time.Millisecond {
		t.Errorf("tried 4 times in %s, want 250 ms between", took)
	}
}

// Requests that come before a new replica has connected are not granted a limit
// of their own.
func TestRedisFirstRequest(t *testing.T) {
	server := startRedis(t)
	r := rate(5, time.Hour)
	undisturbed(t, func(a *attempt) {
		passed := 0
		for range 10 {
			store, log := newRedis(t, server.url()) // not awaited
			a.logs = append(a.logs, log)
			passed += granted(a, store, a.name, r, 2)
			a.alone += store.Fallbacks()
			store.Close()
		}
		if passed != 5 {
			a.Errorf("10 new replicas granted %d, want 5", passed)
		}
	})
}

// refused returns what a store logs about a server that it cannot use. If the
// machine pauses, the log gives another reason, and a new store is tried.
func refused(t *testing.T, url, reason string) string {
	t.Helper()
	for range 5 {
		store, log := newRedis(t, url)
		eventually(t, recovery, "it is logged", func() bool { return log.String() != "" })
		if store.State() != "down" {
			t.Error("up")
		}
		if text := log.String(); strings.Contains(text, reason) || !strings.Contains(text, "deadline exceeded") {
			if !strings.Contains(text, reason) {
				t.Errorf("logged %s, want %s", text, reason)
			}
			return text
		}
	}
	t.Fatal("disturbed each time")
	return ""
}

// With a wrong password, Redis is down, and the log says why without the
// password, even if a proxy repeats what it was sent.
func TestRedisPasswordIsNotLogged(t *testing.T) {
	server := startRedis(t, "--requirepass", "right")
	parrot, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer parrot.Close()
	go func() {
		for {
			conn, err := parrot.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "-ERR what is AUTH default hunter2\r\n")
			defer conn.Close()
		}
	}()
	for address, reason := range map[string]string{server.address(): "WRONGPASS", parrot.Addr().String(): "what is AUTH"} {
		if text := refused(t, "redis://:hunter2@"+address, reason); strings.Contains(text, "hunter2") {
			t.Errorf("logged the password: %s", text)
		}
	}
	store, _ := newRedis(t, "redis://:right@"+server.address())
	await(t, store, "up", recovery)
}

func TestRedisTLSAndSockets(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "redis.sock")
	secure := freePort(t)
	server := startRedis(t, "--unixsocket", socket, "--tls-port", strconv.Itoa(secure), "--tls-auth-clients", "no",
		"--tls-ca-cert-file", filepath.Join(certificates, "ca.pem"),
		"--tls-cert-file", filepath.Join(certificates, "server.pem"),
		"--tls-key-file", filepath.Join(certificates, "server.key"))
	undisturbed(t, func(a *attempt) {
		passed := 0
		for _, address := range []string{
			fmt.Sprintf("rediss://127.0.0.1:%d", secure),
			fmt.Sprintf("rediss://localhost:%d/0", secure),
			(&url.URL{Scheme: "unix", Path: socket}).String(),
		} {
			passed += granted(a, a.newRedis(address), a.name, rate(10, time.Hour), 6)
		}
		if passed != 10 {
			a.Errorf("%d passed by three ways, want 10 together", passed)
		}
	})
	server.do(t, "CONFIG", "SET", "bind", "127.0.0.1 127.0.0.2")
	refused(t, fmt.Sprintf("rediss://127.0.0.2:%d", secure), "x509") // the certificate does not name it
}

// startClusterNode returns a server that belongs to no cluster yet.
func startClusterNode(t *testing.T, args ...string) *redisServer {
	t.Helper()
	return startRedis(t, append([]string{
		"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(freePort(t)),
		"--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0",
	}, args...)...)
}

// startCluster returns three masters that form a cluster.
func startCluster(t *testing.T, args ...string) []*redisServer {
	t.Helper()
	nodes := []*redisServer{startClusterNode(t, args...), startClusterNode(t), startClusterNode(t)}
	create := []string{"--cluster", "create", nodes[0].address(), nodes[1].address(), nodes[2].address(), "--cluster-yes"}
	if out, err := exec.Command("redis-cli", create...).CombinedOutput(); err != nil {
		t.Fatalf("redis-cli: %v\n%s", err, out)
	}
	know(t, nodes)
	return nodes
}

// know waits until all nodes know all others.
func know(t *testing.T, nodes []*redisServer) {
	t.Helper()
	all := fmt.Sprintf("cluster_known_nodes:%d", len(nodes))
	eventually(t, 20*time.Second, "all nodes know all", func() bool {
		for _, node := range nodes {
			if info := node.do(t, "CLUSTER", "INFO"); !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, all) {
				return false
			}
		}
		return true
	})
}

// A cluster of three masters on loopback, one of which has a replica that
// takes over when its master is killed.
func TestRedisCluster(t *testing.T) {
	nodes := append(startCluster(t), startClusterNode(t))
	add := []string{"--cluster", "add-node", nodes[3].address(), nodes[0].address(), "--cluster-slave",
		"--cluster-master-id", strings.TrimSpace(nodes[0].do(t, "CLUSTER", "MYID"))}
	if out, err := exec.Command("redis-cli", add...).CombinedOutput(); err != nil {
		t.Fatalf("redis-cli: %v\n%s", err, out)
	}
	replicates(t, nodes[3])
	know(t, nodes)

	address := fmt.Sprintf("redis://%s?addr=%s&addr=%s", nodes[0].address(), nodes[1].address(), nodes[2].address())
	var store, other *ratelimit.Redis
	var log *logBuffer
	together := func(key string) int {
		return granted(t, store, key, rate(10, time.Hour), 8) + granted(t, other, key, rate(10, time.Hour), 8)
	}
	undisturbed(t, func(a *attempt) {
		store, other = a.newRedis(address), a.newRedis(address)
		log = a.logs[0]
		for i := range 30 { // over all nodes
			if passed := together(fmt.Sprint(a.name, "-client-", i)); passed != 10 {
				a.Errorf("client %d: %d passed, want 10", i, passed)
			}
		}
	})
	for _, node := range nodes[:3] {
		if node.commands(t)["evalsha"] == 0 {
			t.Errorf("%s was not asked", node.address())
		}
	}
	granted(t, store, "blocked", rate(5, time.Hour), 6)

	load := startLoad(t, store, 32, 2*time.Millisecond)
	eventually(t, 5*time.Second, "requests are made", func() bool { return load.made.Load() > 200 })
	nodes[0].kill()
	down := await(t, store, "down", recovery)
	checkAlone(t, store)
	eventually(t, 20*time.Second, "the replica takes over", func() bool {
		return strings.Contains(nodes[3].do(t, "INFO", "replication"), "role:master") &&
			strings.Contains(nodes[1].do(t, "CLUSTER", "INFO"), "cluster_state:ok") &&
			strings.Contains(nodes[2].do(t, "CLUSTER", "INFO"), "cluster_state:ok")
	})
	up := await(t, store, "up", recovery)
	load.end(t)
	t.Logf("down after %s, up %s after the failover", down.Round(time.Millisecond), up.Round(time.Millisecond))
	logged(t, log)
	n := 0
	eventually(t, recovery, "both count in the cluster again", func() bool {
		for range 30 {
			n++
			if together(fmt.Sprint("later-", n)) != 10 { // the other store has met the dead master only now
				return false
			}
		}
		return true
	})
}

// A URL that names one node of a cluster is enough, by TCP or by a socket. If
// a server that is not in a cluster takes the node's place, it is used as well.
func TestRedisIsACluster(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "redis.sock")
	nodes := startCluster(t, "--unixsocket", socket)
	var store *ratelimit.Redis
	commands := func() (evalsha [3]int) {
		for i, node := range nodes {
			evalsha[i] = node.commands(t)["evalsha"]
		}
		return evalsha
	}
	requests := 0
	request := func() {
		requests++
		count(t, store, fmt.Sprint("client-", requests), rate(1, time.Hour))
	}
	for _, url := range []string{nodes[1].url(), nodes[2].url(), "unix://" + socket, nodes[0].url()} { // one has the key of the first probe
		before := commands()
		store, _ = newRedis(t, url)
		await(t, store, "up", 5*time.Second)
		eventually(t, 5*time.Second, "all nodes count", func() bool {
			for range 10 {
				request()
			}
			after := commands()
			return after[0] > before[0]+10 && after[1] > before[1]+10 && after[2] > before[2]+10
		})
	}
	nodes[0].kill()
	eventually(t, recovery, "Redis is down", func() bool { request(); return store.State() == "down" })
	alone := newRedisServer(t)
	alone.args[slices.Index(alone.args, "--port")+1] = strconv.Itoa(nodes[0].port)
	alone.port = nodes[0].port
	alone.start(t)
	await(t, store, "up", recovery)
	if alone.commands(t)["evalsha"] == 0 {
		t.Error("the server was not asked")
	}
}

// The log names the permission that is missing.
func TestRedisClusterPermission(t *testing.T) {
	nodes := startCluster(t)
	for _, node := range nodes {
		node.do(t, "ACL", "SETUSER", "api", "on", ">right", "~ratelimit:*", "+@all", "-cluster")
	}
	eventually(t, 20*time.Second, "the node is asked for a key of another", func() bool {
		for _, node := range nodes { // of which two or three do not have the key of the first probe
			store, log := newRedis(t, "redis://api:right@"+node.address())
			eventually(t, recovery, "it is known", func() bool { return log.String() != "" || store.State() == "up" })
			if strings.Contains(log.String(), "needs the permission +cluster") {
				return true
			}
		}
		return false
	})
}

// Several servers that are not a cluster would each count on their own.
func TestRedisIsNotACluster(t *testing.T) {
	one, two := startRedis(t), startRedis(t)
	refused(t, one.url()+"?addr="+two.address(), "does not describe a Redis Cluster")
}

// A failure that is over at the first attempt to connect again is logged once a
// minute, and the state stays up. Here, each request fails, and each probe succeeds.
func TestRedisInterruptions(t *testing.T) {
	server := startRedis(t)
	server.do(t, "ACL", "SETUSER", "api", "on", ">right", "~ratelimit:probe:*", "+@all")
	for range 5 {
		store, log := newRedis(t, "redis://api:right@"+server.address())
		eventually(t, 5*time.Second, "it is logged", func() bool {
			count(t, store, "a", rate(1<<40, time.Hour))
			return log.String() != ""
		})
		for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			count(t, store, "a", rate(1<<40, time.Hour)) // some interruptions more
		}
		store.Close()
		if lost, _ := log.lines(); lost > 0 {
			t.Logf("disturbed: %s", log)
			continue
		}
		if text := log.String(); strings.Count(text, "failed for a moment") != 1 || !strings.Contains(text, "times=1 ") || !strings.Contains(text, "NOPERM") {
			t.Errorf("logged %s, want the first interruption", text)
		}
		if store.State() != "up" {
			t.Error("down")
		}
		return
	}
	t.Fatal("disturbed each time")
}

// An attempt to connect that Close ends is not logged as a failure of Redis.
func TestRedisCloseIsNotLogged(t *testing.T) {
	hung := newTap(t, nil)
	store, log := newRedis(t, "redis://"+hung.Addr().String())
	eventually(t, 5*time.Second, "it connects", func() bool { return hung.made.Load() > 0 })
	store.Close()
	if text := log.String(); strings.Contains(text, "cancel") || strings.Contains(text, "closed network connection") {
		t.Errorf("logged %s", text)
	}
}

func TestRedisCloseEndsAll(t *testing.T) {
	server := startRedis(t)
	absent := newRedisServer(t)
	before := runtime.NumGoroutine()
	for _, address := range []string{server.url(), absent.url()} {
		for range 5 {
			store, _ := newRedis(t, address)
			count(t, store, "a", rate(1, time.Hour))
			store.Close()
			store.Close() // twice does no harm
			count(t, store, "a", rate(1, time.Hour))
		}
	}
	hung, _ := newRedis(t, server.url())
	await(t, hung, "up", recovery)
	server.signal(processtest.Pause)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() { count(t, hung, "b", rate(1, time.Hour)) })
	}
	start := time.Now()
	hung.Close()
	group.Wait()
	if took := time.Since(start); took > recovery {
		t.Errorf("Close of a hung Redis took %s", took)
	}
	server.signal(processtest.Resume)
	eventually(t, 5*time.Second, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

// 64 requests at a time. cpu-µs/op is that of this process, without Redis.
func BenchmarkIncrementBy64(b *testing.B) {
	run := func(b *testing.B, store limiter.Store) {
		keys := make([]string, 1000)
		for i := range keys {
			keys[i] = "default:203.0.113." + strconv.Itoa(i)
		}
		r := rate(1<<40, time.Hour)
		b.ReportAllocs()
		b.ResetTimer()
		before := cpu(b)
		var group sync.WaitGroup
		for worker := range 64 {
			group.Go(func() {
				for i := worker; i < b.N; i += 64 {
					_, _ = store.Increment(context.Background(), keys[i%len(keys)], 1, r)
				}
			})
		}
		group.Wait()
		b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
	}
	b.Run("memory", func(b *testing.B) { run(b, ratelimit.NewMemory(100_000)) })
	b.Run("redis", func(b *testing.B) {
		store, log := newRedis(b, startRedis(b).url())
		await(b, store, "up", 5*time.Second)
		run(b, store)
		if log.String() != "" { // then Memory was measured instead, in part
			b.Errorf("not steady: %s", log)
		}
	})
}

// cpu returns the CPU time of this process.
func cpu(b *testing.B) time.Duration {
	used, err := processtest.CPU()
	if err != nil {
		b.Fatal(err)
	}
	return used
}
