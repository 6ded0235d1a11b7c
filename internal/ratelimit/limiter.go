package ratelimit

import "github.com/ulule/limiter/v3"

// These are ulule's types, so that its stores can replace Memory and Redis. Only this
// file imports that module.
type (
	// Rate is a number of requests per period; see ParseRate.
	Rate = limiter.Rate
	// State is the state of a counter after a request: how many requests are left, and
	// until when.
	State = limiter.Context
	// Store counts requests by key.
	Store = limiter.Store
)

// ParseRate parses N-S, N-M, N-H or N-D: a number of requests per second, minute,
// hour or day.
func ParseRate(text string) (Rate, error) { return limiter.NewRateFromFormatted(text) }
