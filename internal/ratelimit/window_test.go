package ratelimit

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ulule/limiter/v3"
)

func TestWindowAgreesWithAnExactLog(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20_000) {
		if err := windowSchedule(seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func windowSchedule(seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 0))
	rate := RandomRate(random)
	log := ExactLog{Rate: rate}
	now := time.Duration(random.Int64N(int64(day)))
	w := newWindow(rate, int64(now))
	for range 100 {
		n := RandomSize(random, rate.Limit)
		w.update(rate, int64(now))
		granted := w.add(n)
		needed := n
		if granted {
			needed = 0
		}
		wait := max(time.Duration(w.opens(needed))-now, 0)
		if err := log.Check(now, n, granted, rate.Limit-w.total, wait); err != nil {
			return fmt.Errorf("at %s: %w", now, err)
		}
		if !granted { // the wait is true, and no longer than it must be
			for _, early := range []time.Duration{0, 1} {
				later := w
				later.advance(int64(now + wait - early))
				if passes := later.add(n); passes != (early == 0) {
					return fmt.Errorf("at %s: %d requests pass: %t, %s from now less %d ns", now, n, passes, wait, early)
				}
			}
		}
		now += RandomPause(random, now, rate.Period, wait)
	}
	return nil
}

// A goroutine that has read the clock and was then overtaken by another does
// not make the window forget, nor count for longer.
func TestWindowOfAnOvertakenGoroutine(t *testing.T) {
	t.Parallel()
	rate := limiter.Rate{Limit: 2, Period: 10 * time.Second}
	w := newWindow(rate, 0)
	for _, tt := range []struct {
		at   time.Duration
		want bool
	}{
		{1000 * time.Millisecond, true}, // the second part
		{999 * time.Millisecond, true},  // overtaken: counts in the second part too
		{999 * time.Millisecond, false},
		{11_999 * time.Millisecond, false},
		{12 * time.Second, true},
		{12 * time.Second, true},
	} {
		w.update(rate, int64(tt.at))
		if got := w.add(1); got != tt.want {
			t.Errorf("at %s: passes: %t, want %t", tt.at, got, tt.want)
		}
	}
}

// A rate with another period starts a new window; with another limit, the
// requests still count.
func TestWindowOfAnotherRate(t *testing.T) {
	t.Parallel()
	w := newWindow(limiter.Rate{Limit: 5, Period: time.Hour}, 0)
	w.add(5)
	w.update(limiter.Rate{Limit: 3, Period: time.Hour}, 0)
	if w.total != 5 || w.add(1) {
		t.Errorf("%d count, want 5 and no more of 3", w.total)
	}
	w.update(limiter.Rate{Limit: 3, Period: time.Minute}, 0)
	if w.total != 0 || !w.add(3) {
		t.Errorf("%d count in a window of another period, want 0", w.total)
	}
}

// Each of the windows that are merged counts for as long as alone, and at most
// one part longer.
func TestRaise(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 1))
		rate := limiter.Rate{Limit: 1 + random.Int64N(5), Period: time.Minute}
		now := int64(day)
		var windows []window
		for range 2 + random.IntN(3) {
			var w window
			if random.IntN(2) == 0 {
				w = usedUpWindow(rate, now+random.Int64N(int64(66*time.Second)))
			} else {
				for at := now - int64(time.Minute); at <= now; at += random.Int64N(int64(20 * time.Second)) {
					w.update(rate, at)
					w.add(1)
				}
			}
			windows = append(windows, w)
		}
		merged := windows[0]
		for _, w := range windows[1:] {
			merged.raise(w, now)
		}
		var sums []int64 // of the windows, by tenths of a second
		for at := now; at < now+int64(70*time.Second); at += int64(100 * time.Millisecond) {
			merged.advance(at)
			sum := int64(0)
			for _, w := range windows {
				w.advance(at)
				sum += w.total
				if merged.total < w.total {
					t.Fatalf("seed %d: after %s the merged window counts %d, one of its windows %d",
						seed, time.Duration(at-now), merged.total, w.total)
				}
			}
			sums = append(sums, sum)
			if earlier := sums[max(len(sums)-61, 0)]; merged.total > earlier {
				t.Fatalf("seed %d: after %s the merged window counts %d, all of its windows %d one part earlier",
					seed, time.Duration(at-now), merged.total, earlier)
			}
		}
		if merged.total != 0 {
			t.Fatalf("seed %d: the merged window counts for more than a period and a tenth", seed)
		}
	}
}
