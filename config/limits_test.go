package config_test

import (
	"fmt"
	"testing"

	"example.com/api/config"
)

func TestLimitsAccepts(t *testing.T) {
	checkAccepts(t, []accepted{
		{[]string{"RATE_LIMIT_DEFAULT=off"}, func(s config.Settings) any { return s.Limits.Default.String() }, "default off"},
		{[]string{"RATE_LIMIT_DEFAULT=7-D"}, func(s config.Settings) any { return s.Limits.Default.String() }, "default 7-D"},
		{[]string{"RATE_LIMIT_DOCS=1-h"}, func(s config.Settings) any {
			rate, limited := s.Limits.Docs.Rate()
			return fmt.Sprint(rate.Limit, rate.Period, limited)
		}, "1 1h0m0s true"},
		{[]string{"RATE_LIMIT_UPLOAD=off"}, func(s config.Settings) any { _, limited := s.Limits.Upload.Rate(); return limited }, "false"},
	})
}

func TestLimitsRejects(t *testing.T) {
	checkRejects(t, []rejected{
		{[]string{"RATE_LIMIT_DEFAULT=0-M"}, []string{`RATE_LIMIT_DEFAULT="0-M"`, "off"}},
		{[]string{"RATE_LIMIT_UPLOAD=-5-S"}, []string{"RATE_LIMIT_UPLOAD"}},
		{[]string{"RATE_LIMIT_UPLOAD=+5-S"}, []string{"RATE_LIMIT_UPLOAD"}},
		{[]string{"RATE_LIMIT_SESSION=10/m"}, []string{"RATE_LIMIT_SESSION"}},
		{[]string{"RATE_LIMIT_DEFAULT=99999999999999999999-M"}, []string{"RATE_LIMIT_DEFAULT"}},
		{[]string{"RATE_LIMIT_MAX_CLIENTS=0"}, []string{"RATE_LIMIT_MAX_CLIENTS"}},
		{[]string{"RATE_LIMIT_DOCS=60"}, []string{`RATE_LIMIT_DOCS="60"`}},
		{[]string{"RATE_LIMIT_DEFAULT=999999999999999-S", "RATE_LIMIT_UPLOAD=1000000000000000-S"}, []string{"1 setting is invalid", `RATE_LIMIT_UPLOAD="1000000000000000-S" is not a rate`}},
		{[]string{"RATE_LIMIT_DEFAULT=5-M-M"}, []string{"is not a rate; write N-S, N-M, N-H or N-D", "100-M allows 100 requests a minute"}},
	})
}

// A policy is named after its variable, and Unlimited has a name too: only the
// zero Policy has none.
func TestPolicyNames(t *testing.T) {
	t.Chdir(t.TempDir())
	s, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	if all := s.Limits.All(); len(all) < 4 || all[0].Name() != "default" || s.Limits.Docs.Name() != "docs" {
		t.Errorf("got the policies %v", all)
	}
	if _, limited := config.Unlimited().Rate(); limited || config.Unlimited().Name() == "" || (config.Policy{}).Name() != "" {
		t.Errorf("Unlimited is %s, limited: %t; the zero Policy is named %q", config.Unlimited(), limited, config.Policy{}.Name())
	}
}
