package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"example.com/api/internal/ratelimit"
)

// Limits are the rate limit policies. To add one, add a field here and give it
// to the routes that it limits. The name of a policy is that of its variable,
// without RATE_LIMIT_ and in lower case.
type Limits struct {
	Default Policy `envconfig:"RATE_LIMIT_DEFAULT" default:"100-M"`
	Search  Policy `envconfig:"RATE_LIMIT_SEARCH" default:"30-M"`
	Upload  Policy `envconfig:"RATE_LIMIT_UPLOAD" default:"5-M"`
	Session Policy `envconfig:"RATE_LIMIT_SESSION" default:"10-M"`
	Docs    Policy `envconfig:"RATE_LIMIT_DOCS" default:"60-M"`
}

// All returns the policies in the order of the fields.
func (l Limits) All() []Policy {
	var all []Policy
	for _, policy := range reflect.ValueOf(l).Fields() {
		all = append(all, policy.Interface().(Policy))
	}
	return all
}

// Policy limits the requests of one client per period. Routes with the same policy
// share its count. The zero Policy is not valid, so that the server does not start
// if a route's limit was forgotten. A route without a limit has Unlimited.
type Policy struct {
	name string
	text string // as it is written in the settings
	rate ratelimit.Rate
}

// Unlimited is the policy of routes whose requests are not counted.
func Unlimited() Policy { return Policy{name: "unlimited", text: "off"} }

// Name identifies the policy in response headers and in the keys of counters.
// It is empty for the zero Policy.
func (p Policy) Name() string { return p.name }

// Rate returns the limit, and reports whether there is one.
func (p Policy) Rate() (rate ratelimit.Rate, limited bool) { return p.rate, p.rate.Limit > 0 }

// String returns the policy as the log line at startup shows it.
func (p Policy) String() string { return p.name + " " + p.text }

// Decode keeps the text for limits, which parses it later, so that all mistakes are
// reported together. envconfig calls Decode.
func (p *Policy) Decode(text string) error {
	p.text = text
	return nil
}

// limits gives each policy its name and its rate.
func (m *mistakes) limits(l Limits) Limits {
	fields := reflect.ValueOf(&l).Elem()
	for field, value := range fields.Fields() {
		policy := value.Addr().Interface().(*Policy)
		variable := field.Tag.Get("envconfig")
		policy.name = strings.ToLower(strings.TrimPrefix(variable, "RATE_LIMIT_"))
		policy.rate = m.rate(variable, policy.text)
	}
	return l
}

// maxRate is the largest integer in a structured header field (RFC 9651, 3.3.1).
const maxRate = 999_999_999_999_999

// rateForm excludes what ratelimit.ParseRate accepts beyond the documented form,
// such as "+5-S".
var rateForm = regexp.MustCompile(`^([0-9]+)-([SMHDsmhd])$`)

// rate returns the zero Rate for "off".
func (m *mistakes) rate(name, value string) ratelimit.Rate {
	if value == "off" {
		return ratelimit.Rate{}
	}
	if rateForm.MatchString(value) {
		rate, err := ratelimit.ParseRate(strings.ToUpper(value))
		if err == nil && rate.Limit >= 1 && rate.Limit <= maxRate {
			return rate
		}
	}
	m.add(name, value, fmt.Sprintf("is not a rate; write N-S, N-M, N-H or N-D with N from 1 to %d (100-M allows 100 requests a minute), or off", int64(maxRate)))
	return ratelimit.Rate{}
}
