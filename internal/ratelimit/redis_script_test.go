package ratelimit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/ulule/limiter/v3"

	"example.com/api/internal/ratelimit"
	"example.com/api/tests/simulation"
)

// virtualScript is the script with a clock of the test's own.
type virtualScript struct {
	client rueidis.Client
	lua    *rueidis.Lua
}

func newVirtualScript(t testing.TB, server *redisServer) *virtualScript {
	t.Helper()
	return newVirtualScriptOf(t, server, ratelimit.Script)
}

// newLastingScript returns a script whose keys expire after an hour. They expire
// by the clock of Redis, which goes on while a test on a busy machine waits.
func newLastingScript(t testing.TB, server *redisServer) *virtualScript {
	t.Helper()
	text := strings.Replace(ratelimit.Script, "math.ceil(left / 1000)", "3600000", 1)
	if text == ratelimit.Script {
		t.Fatal("the script does not set the expiry as this test expects")
	}
	return newVirtualScriptOf(t, server, text)
}

func newVirtualScriptOf(t testing.TB, server *redisServer, script string) *virtualScript {
	t.Helper()
	text := strings.Replace(script, "redis.call('TIME')", "{ARGV[4], ARGV[5]}", 1)
	if text == script {
		t.Fatal("the script does not ask for the time as this test expects")
	}
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{server.address()}, ForceSingleClient: true, DisableCache: true, AlwaysPipelining: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &virtualScript{client, rueidis.NewLuaScript(text)}
}

// run counts n requests at a time since 1970.
func (s *virtualScript) run(key string, n int64, rate limiter.Rate, now time.Duration) (granted bool, total int64, wait time.Duration, err error) {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	reply, err := s.lua.Exec(context.Background(), s.client, []string{key}, []string{
		number(n), number(rate.Limit), number((rate.Period.Microseconds() + 9) / 10),
		number(int64(now / time.Second)), number(now.Microseconds() % 1e6),
	}).AsIntSlice()
	if err != nil {
		return false, 0, 0, err
	}
	return reply[0] == 1, reply[1], time.Duration(reply[2]) * time.Microsecond, nil
}

// Whatever requests come, from whichever replica, and whatever Redis' clock
// does, the script agrees with an exact log.
func TestScriptAgreesWithAnExactLog(t *testing.T) {
	t.Parallel()
	script := newLastingScript(t, startRedis(t))
	seeds := make(chan uint64)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for seed := range seeds {
				if err := scriptSchedule(script, seed); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
		})
	}
	for seed := range uint64(600) {
		seeds <- seed
	}
	close(seeds)
	group.Wait()
}

func scriptSchedule(script *virtualScript, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 3))
	rate := ratelimit.RandomRate(random)
	log := ratelimit.ExactLog{Rate: rate}
	key := fmt.Sprint("schedule-", seed)
	now := time.Duration(1.8e18) + time.Duration(random.Int64N(1e17)).Truncate(time.Microsecond)
	promised := int64(0) // requests that must be granted, as nobody has made one since a refusal
	for range 100 {
		n := ratelimit.RandomSize(random, rate.Limit)
		if promised > 0 {
			n = promised
		}
		granted, total, wait, err := script.run(key, n, rate, now)
		if err == nil {
			err = log.Check(now, n, granted, rate.Limit-total, wait)
		}
		if err == nil && promised > 0 && !granted {
			err = fmt.Errorf("%d requests are refused after the wait", n)
		}
		if err != nil {
			return fmt.Errorf("at %s: %w", now, err)
		}
		promised = 0
		switch step := random.IntN(20); {
		case !granted && n <= rate.Limit && step < 10:
			promised = n
			now += wait
		case step == 19: // the clock is set back
			now -= time.Duration(random.Int64N(int64(3 * rate.Period))).Truncate(time.Microsecond)
		case step == 18: // by very little, or by years
			now -= []time.Duration{time.Microsecond, rate.Period / 20, 10_000 * time.Hour}[random.IntN(3)]
		case step == 17: // or forward
			now += time.Duration(random.Int64N(int64(30 * rate.Period))).Truncate(time.Microsecond)
		default:
			now += ratelimit.RandomPause(random, now, rate.Period, wait)
		}
	}
	return nil
}

// The model of Redis in the simulation returns what the script returns on a real
// server, from which the headers are made: for schedules of calls by several
// replicas for several keys, with limits that change, a clock that steps, and a
// server that forgets.
func TestScriptAgreesWithTheSimulation(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	script := newLastingScript(t, server)
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 4))
		model := make(simulation.Windows)
		rates := []limiter.Rate{ratelimit.RandomRate(random), ratelimit.RandomRate(random)}
		period := rates[random.IntN(2)].Period
		now := time.Duration(1.8e18) + time.Duration(random.Int64N(1e17)).Truncate(time.Microsecond)
		for call := range 150 {
			i := random.IntN(2)
			rate, key := rates[i], fmt.Sprintf("simulation-%d-%d", seed, i)
			n := ratelimit.RandomSize(random, rate.Limit)
			granted, total, wait, err := script.run(key, n, rate, now)
			modelGranted, modelTotal, modelWait := model.Count(key, n, rate.Limit, (rate.Period.Microseconds()+9)/10, now.Microseconds())
			if err != nil || granted != (modelGranted == 1) || total != modelTotal || wait.Microseconds() != modelWait {
				t.Fatalf("seed %d, call %d: %d requests at %s, limit %d in %s: Redis granted %t, counts %d, wait %s, %v; the model granted %d, counts %d, wait %d µs",
					seed, call, n, now, rate.Limit, rate.Period, granted, total, wait, err, modelGranted, modelTotal, modelWait)
			}
			switch step := random.IntN(40); {
			case step == 0: // the clock steps back, within the window or by far
				now -= time.Duration(random.Int64N(int64(3 * period))).Truncate(time.Microsecond)
			case step == 1:
				now -= []time.Duration{time.Microsecond, period / 20, 10_000 * time.Hour}[random.IntN(3)]
			case step == 2:
				now += time.Duration(random.Int64N(int64(30 * period))).Truncate(time.Microsecond)
			case step == 3:
				rates[i].Limit = ratelimit.RandomRate(random).Limit
			case step == 4:
				server.do(t, "FLUSHALL")
				clear(model)
			default:
				now += ratelimit.RandomPause(random, now, rate.Period, wait)
			}
		}
	}
}

// A clock that is set back blocks no client for longer than a period and a
// tenth, even if that only asks and is refused.
func TestScriptClockSetBack(t *testing.T) {
	t.Parallel()
	script := newVirtualScript(t, startRedis(t))
	rate := limiter.Rate{Limit: 2, Period: time.Minute}
	now := time.Duration(1.8e18)
	run := func(n int64, want bool) time.Duration {
		t.Helper()
		granted, _, wait, err := script.run("a", n, rate, now)
		if err != nil || granted != want {
			t.Errorf("granted: %t, %v, want %t", granted, err, want)
		}
		return wait
	}
	run(2, true)
	now -= 24 * time.Hour
	back := now
	for range 10 {
		if wait := run(1, false); now+wait > back+66*time.Second {
			t.Errorf("%s after it was set back: wait %s", now-back, wait)
		}
		now += 6 * time.Second
	}
	now = back + 66*time.Second
	run(2, true)
}

// Only requests that are granted are written, for as long as the newest of them
// counts. The wait after them is until the oldest leave.
func TestScriptWrites(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	script := newVirtualScript(t, server)
	rate := limiter.Rate{Limit: 3, Period: 24 * time.Hour}
	part := rate.Period / 10
	first := time.Duration(1.8e18).Truncate(part) + 20*time.Minute
	for i, step := range []struct {
		n       int64
		now     time.Duration
		granted bool
		wait    time.Duration // 0: not checked
		sets    int
	}{
		{0, first, true, 0, 0},
		{1, first, true, 11*part - 20*time.Minute, 1},
		{2, first + part, true, 10*part - 20*time.Minute, 2},
		{0, first + part, true, 10*part - 20*time.Minute, 2},
		{1, first + part, false, 10*part - 20*time.Minute, 2},
		{2, first + part, false, 11*part - 20*time.Minute, 2},
	} {
		granted, _, wait, err := script.run("a", step.n, rate, step.now)
		if err != nil || granted != step.granted || step.wait != 0 && wait != step.wait {
			t.Errorf("step %d: granted: %t, wait %s, %v, want %t, %s", i, granted, wait, err, step.granted, step.wait)
		}
		if sets := server.commands(t)["set"]; sets != step.sets {
			t.Errorf("step %d: written %d times, want %d", i, sets, step.sets)
		}
		if step.sets == 0 {
			continue
		}
		const slack = 10 * time.Minute // the key expires by the real clock
		left, _ := strconv.Atoi(server.do(t, "PTTL", "a"))
		if ttl, want := time.Duration(left)*time.Millisecond, 11*part-20*time.Minute; ttl > want || ttl < want-slack {
			t.Errorf("step %d: TTL is %s, want %s", i, ttl, want)
		}
	}
}

// The key of a client takes less than 200 bytes of Redis' memory, with the
// longest prefix that is likely, and is gone after its window.
func TestScriptMemory(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	script := newVirtualScript(t, server)
	for name, sizes := range map[string][]int64{
		"one request":         {1},
		"100 in each part":    slices.Repeat([]int64{100}, 11),
		"a million in each":   slices.Repeat([]int64{1_000_000}, 11),
		"billions in each":    slices.Repeat([]int64{90_000_000_000_000}, 11),
		"one in each of many": slices.Repeat([]int64{1}, 50),
	} {
		rate := limiter.Rate{Limit: 999_999_999_999_999, Period: 24 * time.Hour}
		key := "ratelimit:" + ratelimit.Key("session", netip.MustParseAddr("2001:db8:1234:5678::1")) + "/" + rate.Period.String()
		server.do(t, "DEL", key)
		now := time.Duration(1.8e18)
		for _, n := range sizes {
			if granted, _, _, err := script.run(key, n, rate, now); err != nil || !granted {
				t.Fatalf("granted: %t, %v", granted, err)
			}
			now += rate.Period / 10
		}
		bytes, err := strconv.Atoi(server.do(t, "MEMORY", "USAGE", key))
		t.Logf("%s: %d bytes", name, bytes)
		if err != nil || bytes > 200 {
			t.Errorf("%s: %d bytes, %v, want at most 200", name, bytes, err)
		}
		if left, _ := strconv.Atoi(server.do(t, "PTTL", key)); left <= 0 || left > 95_040_000 {
			t.Errorf("%s: TTL is %d ms, want at most a period and a tenth", name, left)
		}
	}
}

// Three replicas together grant what one would, and no more than the limit in
// any second: of the requests that pass, each is at least a period later than
// the one that came a limit before it.
func TestReplicasTogether(t *testing.T) {
	server := startRedis(t)
	const limit = 20
	r := rate(limit, time.Second)
	undisturbed(t, func(a *attempt) {
		replicas := []*ratelimit.Redis{a.newRedis(server.url()), a.newRedis(server.url()), a.newRedis(server.url())}
		type grant struct{ before, after time.Time }
		var mu sync.Mutex
		var grants []grant
		var group sync.WaitGroup
		end := time.Now().Add(3300 * time.Millisecond)
		for i := range 12 {
			group.Go(func() {
				for time.Now().Before(end) {
					before := time.Now()
					if count(t, replicas[i%3], a.name, r) {
						mu.Lock()
						grants = append(grants, grant{before, time.Now()})
						mu.Unlock()
					}
					time.Sleep(time.Millisecond)
				}
			})
		}
		group.Wait()
		slices.SortFunc(grants, func(a, b grant) int { return a.before.Compare(b.before) })
		for i := limit; i < len(grants); i++ {
			if grants[i].after.Sub(grants[i-limit].before) < r.Period {
				a.Errorf("%d passed in %s", limit+1, grants[i].after.Sub(grants[i-limit].before))
			}
		}
		if len(grants) < 3*limit || len(grants) > 4*limit {
			a.Errorf("%d passed in 3.3 s, want 3 to 4 times %d", len(grants), limit)
		}
	})
}
