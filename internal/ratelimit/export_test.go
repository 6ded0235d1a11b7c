package ratelimit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ulule/limiter/v3"
)

// Script is the script that Redis runs.
const Script = script

const (
	maxLimit = 999_999_999_999_999
	day      = 24 * time.Hour
)

// ExactLog is an exact record of the requests that were granted, which every
// store must agree with.
type ExactLog struct {
	Rate    limiter.Rate
	granted []logged
	last    time.Duration
	strict  time.Duration // until then, more may count, as the clock has been set back
}

type logged struct {
	at   time.Duration
	n    int64
	left bool // was more than a period ago, even if the clock has been set back since
}

// Check judges the answer to n requests. If the clock has been set back,
// earlier requests count as made now: they were not made later. Those that had
// left the window may be in it again.
func (l *ExactLog) Check(now time.Duration, n int64, granted bool, remaining int64, wait time.Duration) error {
	if granted && n > 0 {
		l.granted = append(l.granted, logged{at: now, n: n})
	}
	longest := l.Rate.Period + l.Rate.Period/10
	if now < l.last {
		l.strict = now + longest
	}
	l.last = now
	least, most := int64(0), int64(0) // what may count
	l.granted = slices.DeleteFunc(l.granted, func(r logged) bool { return r.at <= now-longest })
	for i := range l.granted {
		r := &l.granted[i]
		r.at = min(r.at, now)
		r.left = r.left || r.at <= now-l.Rate.Period
		most += r.n
		if !r.left {
			least += r.n
		}
	}
	if now < l.strict {
		most = l.Rate.Limit
	}
	switch {
	case least > l.Rate.Limit:
		return fmt.Errorf("%d requests in one period of %v", least, l.Rate)
	case !granted && n <= l.Rate.Limit-most:
		return fmt.Errorf("%d refused of %v after %d in a period and a tenth", n, l.Rate, most)
	case remaining < max(l.Rate.Limit-most, 0) || remaining > l.Rate.Limit-least:
		return fmt.Errorf("%d remain of %v after %d in a period and %d in a period and a tenth", remaining, l.Rate, least, most)
	case wait < 0 || wait > longest:
		return fmt.Errorf("more may pass in %s, want at most the period of %v and a tenth", wait, l.Rate)
	}
	return nil
}

// RandomRate favours small limits, which are reached, and has extreme ones.
func RandomRate(random *rand.Rand) limiter.Rate {
	anyPeriod := time.Second + time.Duration(random.Int64N(int64(day-time.Second)))
	periods := []time.Duration{time.Second, time.Minute, time.Hour, day, anyPeriod.Truncate(10 * time.Microsecond)}
	limits := []int64{1, 2, 1 + random.Int64N(20), 1 + random.Int64N(1000), maxLimit}
	return limiter.Rate{Period: periods[random.IntN(len(periods))], Limit: limits[random.IntN(len(limits))]}
}

// RandomPause is often none, or ends at or near a boundary of parts.
func RandomPause(random *rand.Rand, now, period, wait time.Duration) time.Duration {
	part := period / 10
	switch random.IntN(7) {
	case 0, 1:
		return 0
	case 2: // exactly at a boundary, or next to it
		return max(part-now%part+time.Duration(random.IntN(3)-1)*time.Microsecond, 0)
	case 3:
		return wait
	case 4:
		return max(wait-time.Microsecond, 0)
	case 5:
		return time.Duration(random.Int64N(int64(part))).Truncate(time.Microsecond)
	}
	return time.Duration(random.Int64N(int64(2 * period))).Truncate(time.Microsecond)
}

// RandomSize is mostly one request, and sometimes as many as there may be.
func RandomSize(random *rand.Rand, limit int64) int64 {
	switch random.IntN(8) {
	case 0:
		return 0
	case 1:
		return 1 + random.Int64N(limit)
	case 2:
		return limit / 2
	}
	return 1
}
