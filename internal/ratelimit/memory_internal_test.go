package ratelimit

import (
	"testing"
	"time"

	"github.com/ulule/limiter/v3"
)

// A clock that is set back does not block a client for longer than its period.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	rate := limiter.Rate{Limit: 1, Period: time.Minute}
	now := time.Now().UnixNano()
	blocked := counter{}.add(2, rate, now)
	for back, want := range map[time.Duration]bool{0: true, -30 * time.Second: true, time.Minute: false, time.Hour: false} {
		if got := blocked.add(1, rate, now-int64(back)).over(); got != want {
			t.Errorf("set back by %s: over its limit: %t, want %t", back, got, want)
		}
		m := NewMemory(1)
		m.keep("a", counter{count: 2, limit: 1, end: blocked.end + int64(back)}) // as Redis said before
		if _, got := m.usedUp("a", rate); got != want {
			t.Errorf("set back by %s: used up: %t, want %t", back, got, want)
		}
	}
}
