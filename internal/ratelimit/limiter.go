package ratelimit

import "github.com/ulule/limiter/v3"

// These are ulule's types, so that its stores fit in the place of Memory and Redis.
// Only this file names that module.
type (
	// Rate is a number of requests per period; see ParseRate.
	Rate = limiter.Rate
	// State is a counter as of a request: how many requests are left, and until
	// when.
	State = limiter.Context
	// Store counts requests by key.
	Store = limiter.Store
)

// ParseRate reads N-S, N-M, N-H or N-D: a number of requests per second, minute,
// hour or day.
func ParseRate(text string) (Rate, error) { return limiter.NewRateFromFormatted(text) }
