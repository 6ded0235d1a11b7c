package ratelimit_test

import (
	"strings"
	"testing"

	"example.com/api/internal/ratelimit"
)

// Further nodes of a cluster are host:port. Instead of anything else, the client
// would use the first node's host, and so hide the mistake.
func TestCheckURLOfCluster(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"redis://:hunter2@a:7000?addr=b:7000":               true,
		"redis://a:7000?addr=redis_b:7000&addr=[fd00::1]:1": true,
		"redis://[::1]:7000?addr=10.0.0.1:65535":            true,
		"redis://a:7000/?addr=b:7000":                       true,
		"redis://u:hunter2%2F@h:6379/":                      true,
		"redis://hunter2//":                                 false,
		"redis://hunter2/x":                                 false,
		"unix:///":                                          false,
		"redis://h?addr=user:hunter2@h:2":                   false,
		"redis://h?addr=:::hunter2":                         false,
		"redis://h?addr=hunter2":                            false,
		"redis://h?addr=:7000":                              false,
		"redis://h?addr=":                                   false,
		"redis://h?addr=hunter2:":                           false,
		"redis://h?addr=hunter2:0":                          false,
		"redis://h?addr=hunter2:65536":                      false,
		"redis://h?addr=hunter2/x:7000":                     false,
		"redis://h?addr=b:7000,hunter2:7000":                false,
		"redis://h?addr=b:7000&addr=redis://hunter2:7000":   false,
		"redis://hunter2:65536":                             false,
		"redis://hunter2:0":                                 false,
	} {
		err := ratelimit.CheckURL(url)
		if (err == nil) != ok {
			t.Errorf("CheckURL(%q): %v, want ok %t", url, err, ok)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("CheckURL(%q): %v shows the secret", url, err)
		}
	}
}
