package ratelimit_test

import (
	"context"
	"fmt"
	"net/netip"
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

func TestKey(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"203.0.113.7":             "search:203.0.113.7",
		"2001:db8:1:2:3:4:5:6":    "search:2001:db8:1:2::",
		"2001:db8:1:2:ffff::1":    "search:2001:db8:1:2::",
		"2001:db8:1:3::1":         "search:2001:db8:1:3::",
		"::1":                     "search:::",
		"":                        "search:",
		"2001:db8:1:2:3:4:5:ffff": "search:2001:db8:1:2::",
	} {
		addr, _ := netip.ParseAddr(in)
		if got := ratelimit.Key("search", addr); got != want {
			t.Errorf("Key(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, r := ratelimit.NewMemory(10), rate(2, time.Minute)
		start := time.Now()
		for i, want := range []limiter.Context{
			{Limit: 2, Remaining: 1, Reset: start.Add(time.Minute).Unix(), Reached: false},
			{Limit: 2, Remaining: 0, Reset: start.Add(time.Minute).Unix(), Reached: false},
			{Limit: 2, Remaining: 0, Reset: start.Add(time.Minute).Unix(), Reached: true},
		} {
			if got, _ := hit(t, store, "a", r); got != want {
				t.Errorf("request %d: %+v, want %+v", i+1, got, want)
			}
		}
		if peeked, _ := store.Peek(context.Background(), "a", r); !peeked.Reached {
			t.Error("Peek forgot the count")
		}
		time.Sleep(time.Minute - time.Nanosecond)
		if _, ok := hit(t, store, "a", r); ok {
			t.Error("passed before the window ended")
		}
		time.Sleep(time.Nanosecond)
		if got, ok := hit(t, store, "a", r); !ok || got.Remaining != 1 {
			t.Errorf("after the window: %+v, want a new one", got)
		}
		if _, err := store.Reset(context.Background(), "a", r); err != nil {
			t.Error(err)
		}
		if got, _ := hit(t, store, "a", r); got.Remaining != 1 {
			t.Errorf("after Reset: %+v", got)
		}
	})
}

func TestResetIsRoundedUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, r := ratelimit.NewMemory(10), rate(1, time.Second)
		time.Sleep(300 * time.Millisecond)
		start := time.Now()
		state, _ := hit(t, store, "a", r)
		if end := time.Unix(state.Reset, 0); end.Before(start.Add(time.Second)) {
			t.Errorf("Reset is %s before the window ends", start.Add(time.Second).Sub(end))
		}
	})
}

func TestExactUnderConcurrency(t *testing.T) {
	t.Parallel()
	store, r := ratelimit.NewMemory(1000), rate(500, time.Hour)
	var passed atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 1000 {
				if _, ok := hit(t, store, "a", r); ok {
					passed.Add(1)
				}
			}
		})
	}
	group.Wait()
	if passed.Load() != 500 {
		t.Errorf("%d passed, want 500", passed.Load())
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
				for range 4 {
					hit(t, store, fmt.Sprintf("blocked-%d", i), r)
				}
			}
			for i := range 5 * size {
				hit(t, store, fmt.Sprintf("stranger-%d", i), r)
			}
			if got := store.Len(); got > size {
				t.Errorf("%d counters, want at most %d", got, size)
			}
			for i := range blocked {
				if _, ok := hit(t, store, fmt.Sprintf("blocked-%d", i), r); ok {
					t.Errorf("client %d is over its limit and passed after the flood", i)
				}
			}
		})
	}
}

// While every counter kept is over its limit, newcomers share one: more than
// the limit cannot pass, and nobody who is blocked is set free.
func TestFullOfBlockedClients(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, r := ratelimit.NewMemory(4), rate(2, time.Minute)
		for i := range 4 {
			for range 3 {
				hit(t, store, strconv.Itoa(i), r)
			}
		}
		passed := 0
		for i := range 100 {
			if _, ok := hit(t, store, fmt.Sprintf("p:new-%d", i), r); ok {
				passed++
			}
		}
		if passed != 2 {
			t.Errorf("%d newcomers passed, want 2", passed)
		}
		if _, ok := hit(t, store, "q:new", r); !ok {
			t.Error("a newcomer is refused for what was counted under another policy")
		}
		time.Sleep(time.Minute)
		for i := range 8 {
			if _, ok := hit(t, store, fmt.Sprintf("later-%d", i), r); !ok {
				t.Errorf("newcomer %d is refused although all windows have ended", i)
			}
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
			keys[i] = "default:" + strconv.Itoa(i)
		}
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			_, _ = store.Increment(ctx, keys[i%len(keys)], 1, r)
		}
	})
}
