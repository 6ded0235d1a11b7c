package ratelimit

import "time"

const (
	// partsPerPeriod sets the precision: a request counts for the period and at most
	// one part longer.
	partsPerPeriod = 10
	// partCount is the number of parts that count: the current one and the ten before
	// it, which together cover at least a period.
	partCount = partsPerPeriod + 1
)

// window counts the requests of one client over the last period. The period is
// cut into ten parts, and the oldest part leaves as a whole, so at most limit
// requests pass in any stretch of time as long as the period, and a client
// waits at most a tenth of it longer than an exact record of its requests
// would make it wait. Times are nanoseconds on any clock that is not set back.
type window struct {
	counts [partCount]int64 // counts[0] is the current part, counts[10] the oldest
	total  int64            // their sum
	start  int64            // when the current part began
	length int64            // of each part; rounded up, so that ten cover the period
	limit  int64
}

func newWindow(rate Rate, now int64) window {
	length := partLength(rate, 1)
	return window{start: now - now%length, length: length, limit: rate.Limit}
}

// usedUpWindow returns a window that is used up until the given time.
func usedUpWindow(rate Rate, until int64) window {
	w := window{length: partLength(rate, 1), limit: rate.Limit}
	w.start = until - partCount*w.length
	w.counts[0], w.total = rate.Limit, rate.Limit
	return w
}

// partLength returns the length of a part in units of a clock, rounded up.
func partLength(rate Rate, unit time.Duration) int64 {
	part := partsPerPeriod * unit
	return max(int64((rate.Period+part-1)/part), 1)
}

// update makes the window that of the rate at the given time. It starts a zero
// window.
func (w *window) update(rate Rate, now int64) {
	if w.length != partLength(rate, 1) {
		*w = newWindow(rate, now)
	}
	w.limit = rate.Limit
	w.advance(now)
}

// advance drops the parts that have left the window. A time before the current
// part, read by a goroutine that was then overtaken, changes nothing.
func (w *window) advance(now int64) {
	if now-w.start < w.length {
		return
	}
	passed := (now - w.start) / w.length
	w.start += passed * w.length
	passed = min(passed, partCount)
	for _, n := range w.counts[partCount-passed:] {
		w.total -= n
	}
	copy(w.counts[passed:], w.counts[:])
	clear(w.counts[:passed])
}

// add counts n requests if all of them are within the limit, and reports
// whether they are. Requests that are rejected do not count.
func (w *window) add(n int64) bool {
	if n > w.limit-w.total { // total+n could overflow
		return false
	}
	w.counts[0] += n
	w.total += n
	return true
}

func (w *window) usedUp() bool { return w.total >= w.limit }

// over reports whether everything that was counted has left the window.
func (w *window) over(now int64) bool { return now-w.start >= partCount*w.length }

// opens returns when the oldest requests leave and at least n more may pass. If n is
// more than the limit, that is when all have left.
func (w *window) opens(n int64) int64 {
	left, at := w.total, w.start
	for i := partCount - 1; i >= 0; i-- {
		if w.counts[i] == 0 {
			continue
		}
		left -= w.counts[i]
		at = w.start + int64(partCount-i)*w.length
		if n <= w.limit-left {
			break
		}
	}
	return at
}

// raise makes the window count at least as much as other, part by part, and for at
// least as long.
func (w *window) raise(other window, now int64) {
	w.advance(now)
	other.advance(now)
	w.start = max(w.start, other.start)
	w.total = 0
	for i, n := range other.counts {
		w.counts[i] = max(w.counts[i], n)
		w.total += w.counts[i]
	}
}

// state describes the window to a caller that asked for n requests.
func (w *window) state(n int64, granted bool, wall time.Time, now int64) State {
	if granted {
		n = 0
	}
	return state(w.limit, w.total, granted, wall, time.Duration(w.opens(n)-now))
}

// state describes a window of which more may pass after wait. Reset is in Unix
// seconds, rounded up, so that more certainly may pass at that time.
func state(limit, total int64, granted bool, wall time.Time, wait time.Duration) State {
	return State{
		Limit:     limit,
		Remaining: max(limit-total, 0),
		Reset:     wall.Add(max(wait, 0) + time.Second - 1).Unix(),
		Reached:   !granted,
	}
}
