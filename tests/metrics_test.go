package tests

import (
	"regexp"
	"strings"
	"testing"
)

// metricRow matches the names in the first column of the table of metrics.
var metricRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|")

// metrics returns the server of the metrics, which has a listener of its own.
func (s *server) metrics(t *testing.T) *server {
	t.Helper()
	return &server{process: s.process, URL: "http://" + s.announced(t, "metrics").Host, client: newClient("")}
}

// metricNames returns the names of the metrics that the server serves.
func (s *server) metricNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for line := range strings.Lines(s.metrics(t).get(t, "/metrics").body) {
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, _, _ := strings.Cut(rest, " ")
			names[name] = true
		}
	}
	return names
}

// docs/observability.md lists exactly the metrics that the server serves.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	s := start(t, "METRICS_ADDR=127.0.0.1:0", "REDIS_URL=redis://127.0.0.1:1")
	s.get(t, "/api/hello")
	served := s.metricNames(t)
	documented := map[string]bool{}
	for _, row := range metricRow.FindAllStringSubmatch(readFile(t, "docs/observability.md"), -1) {
		documented[row[1]] = true
		if !served[row[1]] {
			t.Errorf("docs/observability.md has the metric %s, which the server does not serve", row[1])
		}
	}
	for name := range served {
		if !documented[name] && !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			t.Errorf("docs/observability.md lacks the metric %s", name)
		}
	}
	if len(documented) < 10 {
		t.Errorf("docs/observability.md has %d metrics, want at least 10", len(documented))
	}
}
