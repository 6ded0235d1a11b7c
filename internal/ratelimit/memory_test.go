package ratelimit_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ulule/limiter/v3"

	"example.com/api/internal/ratelimit"
)

func rate(limit int64, period time.Duration) limiter.Rate {
	return limiter.Rate{Formatted: fmt.Sprint(limit), Limit: limit, Period: period}
}

// hit counts one request and reports whether it was within the limit.
func hit(t testing.TB, store *ratelimit.Memory, key string, r limiter.Rate) (limiter.Context, bool) {
	t.Helper()
	state, err := store.Increment(context.Background(), key, 1, r)
	if err != nil {
		t.Fatal(err)
	}
	return state, !state.Reached
}

func TestWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, r := ratelimit.NewMemory(10), rate(2, time.Minute)
		reset := time.Now().Add(66 * time.Second).Unix()
		for i, want := range []limiter.Context{
			{Limit: 2, Remaining: 1, Reset: reset, Reached: false},
			{Limit: 2, Remaining: 0, Reset: reset, Reached: false},
			{Limit: 2, Remaining: 0, Reset: reset, Reached: true},
		} {
			if got, _ := hit(t, store, "a", r); got != want {
				t.Errorf("request %d: %+v, want %+v", i+1, got, want)
			}
		}
		if peeked, _ := store.Peek(context.Background(), "a", r); !peeked.Reached || peeked.Remaining != 0 {
			t.Errorf("Peek: %+v, want it used up", peeked)
		}
		time.Sleep(66*time.Second - time.Nanosecond)
		if _, ok := hit(t, store, "a", r); ok {
			t.Error("passed before the requests left the window")
		}
		time.Sleep(time.Nanosecond)
		if got, ok := hit(t, store, "a", r); !ok || got.Remaining != 1 {
			t.Errorf("after they left: %+v, want a new window", got)
		}
		if peeked, _ := store.Peek(context.Background(), "a", r); peeked.Reached || peeked.Remaining != 1 {
			t.Errorf("Peek: %+v, want 1 remaining", peeked)
		}
		if got, err := store.Reset(context.Background(), "a", r); err != nil || got.Remaining != 2 || store.Len() != 0 {
			t.Errorf("Reset: %+v, %v, %d counters kept", got, err, store.Len())
		}
		if got, err := store.Reset(context.Background(), "a", r); err != nil || got.Remaining != 2 || store.Len() != 0 {
			t.Errorf("Reset again: %+v, %v, %d counters kept", got, err, store.Len())
		}
		if got, _ := hit(t, store, "a", r); got.Remaining != 1 {
			t.Errorf("after Reset: %+v", got)
		}
	})
}

// Reset is when the oldest requests leave, however many more were granted.
func TestResetOfSeveral(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, r := ratelimit.NewMemory(10), rate(5, time.Minute)
		start := time.Now()
		for i, want := range []struct {
			n     int64
			reset time.Duration
		}{{2, 66 * time.Second}, {3, 66 * time.Second}, {1, 66 * time.Second}, {3, 96 * time.Second}, {6, 96 * time.Second}} {
			state, _ := store.Increment(context.Background(), "a", want.n, r)
			if got := time.Unix(state.Reset, 0).Sub(start); got != want.reset {
				t.Errorf("call %d: Reset after %s, want %s", i, got, want.reset)
			}
			if i == 0 {
				time.Sleep(30 * time.Second)
			}
		}
	})
}

// A fixed window lets 199 requests through around its boundary.
func TestBoundaryBurst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, r := ratelimit.NewMemory(10), rate(100, time.Minute)
		time.Sleep(3 * time.Second)
		burst := func(n int) (passed int) {
			for range n {
				if _, ok := hit(t, store, "a", r); ok {
					passed++
				}
			}
			return passed
		}
		first := burst(1)
		time.Sleep(59*time.Second + 800*time.Millisecond)
		second := burst(200)
		time.Sleep(530 * time.Millisecond)
		third := burst(200)
		if first != 1 || second != 99 || third != 0 {
			t.Errorf("%d, %d and %d passed, want 1, 99 and 0", first, second, third)
		}
	})
}

func TestResetIsRoundedUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, r := ratelimit.NewMemory(10), rate(1, time.Second)
		for range 50 {
			time.Sleep(330 * time.Millisecond)
			state, ok := hit(t, store, "a", r)
			if wait := time.Until(time.Unix(state.Reset, 0)); wait > 2100*time.Millisecond {
				t.Errorf("Reset in %s", wait)
			}
			if ok {
				continue
			}
			time.Sleep(time.Until(time.Unix(state.Reset, 0)))
			if _, ok := hit(t, store, "a", r); !ok {
				t.Error("refused at Reset")
			}
		}
	})
}

func TestExactUnderConcurrency(t *testing.T) {
	t.Parallel()
	store, r := ratelimit.NewMemory(100), rate(500, time.Hour)
	var passed atomic.Int64
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 1000 {
				if _, ok := hit(t, store, "p:192.0.2.1", r); ok {
					passed.Add(1)
				}
				hit(t, store, fmt.Sprintf("p:198.51.100.%d", 1000*worker+i), r) // a flood
				if n := store.Len(); n > 100 {
					t.Errorf("%d counters, want at most 100", n)
				}
			}
		})
	}
	group.Wait()
	if passed.Load() != 500 {
		t.Errorf("%d passed, want 500", passed.Load())
	}
}

// New clients, each in a network of its own, that come at the same time do
// not overcome the bound, nor does a client get a counter twice.
func TestNewClientsUnderConcurrency(t *testing.T) {
	t.Parallel()
	store, r := ratelimit.NewMemory(1000), rate(3, time.Hour)
	var passed atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range 3000 {
				if _, ok := hit(t, store, fmt.Sprint("p:", i%1000), r); ok {
					passed.Add(1)
				}
				if n := store.Len(); n > 1000 {
					t.Errorf("%d counters, want at most 1000", n)
				}
			}
		})
	}
	group.Wait()
	if passed.Load() != 3000 || store.Len() != 1000 {
		t.Errorf("%d passed in %d counters, want 3000 in 1000", passed.Load(), store.Len())
	}
}

func TestBoundUnderFlood(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 10, 255, 256, 1000, 20_000} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			t.Parallel()
			store, r := ratelimit.NewMemory(size), rate(3, time.Hour)
			blocked := min(size, 100)
			for i := range blocked {
				for range 3 {
					hit(t, store, fmt.Sprintf("blocked-%d", i), r)
				}
			}
			for i := range 5 * size {
				hit(t, store, fmt.Sprintf("new-%d", i), r)
			}
			if got := store.Len(); got > size {
				t.Errorf("%d counters, want at most %d", got, size)
			}
			for i := range blocked {
				if _, ok := hit(t, store, fmt.Sprintf("blocked-%d", i), r); ok {
					t.Errorf("client %d has used up its limit and passed after the flood", i)
				}
			}
		})
	}
}

// While each counter is used up and the only one of its network, new clients
// share one: no more than the limit pass, and nobody is set free.
func TestFullOfBlockedClients(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, r := ratelimit.NewMemory(4), rate(2, time.Minute)
		blocked := func(i int) string { return fmt.Sprintf("p:192.0.%d.1", i) }
		for i := range 4 {
			for range 2 {
				hit(t, store, blocked(i), r)
			}
		}
		newClients := func() (passed int) {
			for i := range 100 {
				if _, ok := hit(t, store, fmt.Sprintf("p:198.51.%d.1", i), r); ok {
					passed++
				}
			}
			return passed
		}
		if passed := newClients(); passed != 2 {
			t.Errorf("%d new clients passed, want 2", passed)
		}
		for i := range 4 {
			if _, ok := hit(t, store, blocked(i), r); ok {
				t.Errorf("blocked client %d passed", i)
			}
		}
		if _, ok := hit(t, store, "q:198.51.100.1", r); !ok {
			t.Error("a new client is refused for what was counted under another policy")
		}
		time.Sleep(66 * time.Second)
		if passed := newClients(); passed != 100 {
			t.Errorf("%d new clients passed although all windows are over, want 100", passed)
		}
	})
}

func BenchmarkIncrement(b *testing.B) {
	ctx, r := context.Background(), rate(1<<40, time.Hour)
	b.Run("one client", func(b *testing.B) {
		store := ratelimit.NewMemory(100_000)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, _ = store.Increment(ctx, "default:203.0.113.7", 1, r)
			}
		})
	})
	b.Run("flood", func(b *testing.B) {
		store := ratelimit.NewMemory(100_000)
		keys := make([]string, 1<<20)
		for i := range keys {
			keys[i] = fmt.Sprintf("default:2001:db8:%x:%x", i>>16, i&0xffff)
		}
		var n atomic.Int64
		b.ReportAllocs()
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, _ = store.Increment(ctx, keys[int(n.Add(1))%len(keys)], 1, r)
			}
		})
	})
}
