package middleware

import (
	"fmt"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/forwarded"
	"example.com/api/internal/problem"
	"example.com/api/internal/ratelimit"
)

// RateLimit counts the requests of a client under the policy's name. Routes
// that share a policy share its bucket, and two policies never do. Every
// response says how many requests remain, in the usual X-RateLimit headers and
// in those of draft-ietf-httpapi-ratelimit-headers; a client over the limit
// gets a 429 problem.
//
// The store must handle an outage of its service by itself: if it returns an
// error, the response is a 500, so that nothing passes uncounted.
func RateLimit(policy string, rate ratelimit.Rate, store ratelimit.Store, proxies forwarded.Proxies) gin.HandlerFunc {
	limit := []string{strconv.FormatInt(rate.Limit, 10)}
	period := int64(rate.Period / time.Second)
	longest := (11*period + 9) / 10 // a window counts for 1.1 times the period
	policyHeader := []string{fmt.Sprintf("%q;q=%d;w=%d", policy, rate.Limit, period)}
	name := strconv.Quote(policy)

	return func(c *gin.Context) {
		key := ratelimit.Key(policy, proxies.Client(c.Request))
		state, err := store.Increment(c.Request.Context(), key, 1, rate)
		if err != nil {
			problem.Abort(c, problem.Internal(fmt.Errorf("count a request: %w", err)))
			return
		}
		wait := secondsUntil(state.Reset, time.Now(), longest)
		header := c.Writer.Header()
		header["X-Ratelimit-Limit"] = limit
		header["Ratelimit-Policy"] = policyHeader
		setCounts(header, name, state, wait)
		if state.Reached {
			header["Retry-After"] = []string{strconv.FormatInt(wait, 10)}
			problem.Abort(c, problem.QuotaExceeded(policy, rate.Limit, period, wait))
		}
	}
}

// setCounts sets the three values that change with each request. They share one
// string and one array, which takes two allocations instead of six.
func setCounts(header map[string][]string, name string, state ratelimit.State, wait int64) {
	text := make([]byte, 0, 96)
	text = append(text, name...)
	text = append(text, ";r="...)
	remainingAt := len(text)
	text = strconv.AppendInt(text, state.Remaining, 10)
	remainingEnd := len(text)
	text = append(text, ";t="...)
	text = strconv.AppendInt(text, wait, 10)
	resetAt := len(text)
	text = strconv.AppendInt(text, state.Reset, 10)
	all := string(text)

	values := &[3]string{all[:resetAt], all[remainingAt:remainingEnd], all[resetAt:]}
	header["Ratelimit"] = values[0:1:1] // capacity 1: a later Add copies
	header["X-Ratelimit-Remaining"] = values[1:2:2]
	header["X-Ratelimit-Reset"] = values[2:3:3]
}

// secondsUntil returns the wait until reset in whole seconds: at least 1, at
// most longest, and never too short. Stores round reset up, to Unix seconds.
func secondsUntil(reset int64, now time.Time, longest int64) int64 {
	wait := time.Unix(reset, 0).Sub(now)
	seconds := int64((wait + time.Second - 1) / time.Second)
	return min(max(seconds, 1), longest)
}
