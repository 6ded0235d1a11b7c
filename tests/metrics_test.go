package tests

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// metrics returns the server of the metrics, which has a listener of its own.
func (s *server) metrics(t *testing.T) *server {
	t.Helper()
	return &server{process: s.process, URL: "http://" + s.announced(t, "metrics").Host, client: newClient("")}
}

// startWithMetrics starts a server that serves every metric.
func startWithMetrics(t *testing.T) *server {
	t.Helper()
	s := start(t, "METRICS_ADDR=127.0.0.1:0", "REDIS_URL=redis://127.0.0.1:1")
	s.get(t, "/api/hello")
	return s
}

// labelName matches the names of the labels in braces.
var labelName = regexp.MustCompile(`([a-z_]+)="`)

// metricLabels returns the label names of each metric that the server serves. A
// histogram has three: its name with _bucket, _count and _sum.
func (s *server) metricLabels(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for line := range strings.Lines(s.metrics(t).get(t, "/metrics").body) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(line, " ")
		name, labels, _ := strings.Cut(name, "{")
		if _, ok := found[name]; !ok {
			found[name] = nil // also without labels
		}
		for _, label := range labelName.FindAllStringSubmatch(labels+rest, -1) {
			if !slices.Contains(found[name], label[1]) {
				found[name] = append(found[name], label[1])
			}
		}
	}
	return found
}

// section returns what follows a heading of a page, up to the next heading of the
// same level.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, "\n## "+heading+"\n")
	if !found {
		t.Fatalf("the page has no heading %q", heading)
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	return text
}

// quoted matches a name in backquotes.
var quoted = regexp.MustCompile("`([a-zA-Z0-9_.*]+)`")

// names returns the names in backquotes.
func names(text string) []string {
	var all []string
	for _, match := range quoted.FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	return all
}

// docs/observability.md lists exactly the metrics that the server serves, with
// their labels.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	served := map[string][]string{}
	for name, labels := range startWithMetrics(t).metricLabels(t) {
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		if base, isPart := strings.CutSuffix(name, "_bucket"); isPart {
			name, labels = base, slices.DeleteFunc(labels, func(label string) bool { return label == "le" })
		}
		if name == "http_server_request_duration_seconds_sum" || name == "http_server_request_duration_seconds_count" {
			continue
		}
		served[name] = labels
		slices.Sort(served[name])
	}
	documented := map[string][]string{}
	for row := range strings.Lines(section(t, readFile(t, "docs/observability.md"), "Metrics")) {
		cells := strings.Split(row, "|")
		if len(cells) < 4 || !strings.HasPrefix(cells[1], " `") || strings.HasPrefix(cells[1], " `go_") {
			continue
		}
		labels := names(cells[2])
		slices.Sort(labels)
		documented[names(cells[1])[0]] = labels
	}
	if diff := cmp.Diff(served, documented); diff != "" {
		t.Errorf("docs/observability.md differs from what the server serves (-served +documented):\n%s", diff)
	}
}

// docs/observability.md lists exactly the fields of a request's log line.
func TestLogFieldsAreDocumented(t *testing.T) {
	t.Parallel()
	s := start(t, "LOG_FORMAT=json")
	s.get(t, "/nowhere", "X-Request-ID: last")
	s.waitFor(t, "log line of the request", func() bool { return len(s.linesWith(`"request_id":"last"`)) > 0 })
	logged := logFields(s.linesWith(`"request_id":"last"`)[0])
	for _, own := range []string{"time", "level", "msg"} { // those of every line
		delete(logged, own)
	}
	for row := range strings.Lines(section(t, readFile(t, "docs/observability.md"), "Log")) {
		if cells := strings.Split(row, "|"); len(cells) > 3 && cells[1] == " `request` " {
			if diff := cmp.Diff(slices.Sorted(maps.Keys(logged)), slices.Sorted(slices.Values(names(cells[3])))); diff != "" {
				t.Errorf("docs/observability.md differs from the log (-log +documented):\n%s", diff)
			}
			return
		}
	}
	t.Error("docs/observability.md has no row for the line of a request")
}

// Profiles are served next to the metrics, and never on the public port.
func TestProfiles(t *testing.T) {
	t.Parallel()
	s := start(t, "METRICS_ADDR=127.0.0.1:0")
	metrics := s.metrics(t)
	for path, want := range map[string]string{
		"/debug/pprof/":                  "full goroutine stack dump",
		"/debug/pprof/goroutine?debug=2": "net/http.(*Server).Serve",
		"/debug/pprof/heap?debug=1":      "heap profile:",
		"/debug/pprof/cmdline":           program,
		"/debug/pprof/profile?seconds=1": "\x1f\x8b", // gzip
		"/debug/pprof/trace?seconds=0.1": "go 1.",
	} {
		a := metrics.get(t, path)
		checkStatus(t, a, 200)
		checkContains(t, a.body, want)
		checkProblem(t, s.get(t, path), 404)
	}
	checkStatus(t, metrics.get(t, "/debug/pprof/nothing"), 404)
	checkStatus(t, metrics.do(t, "POST", "/debug/pprof/profile?seconds=1", ""), 405)
}

// A page under a DNS name that was rebound to a developer's machine must not read
// the profiles. In production, Prometheus scrapes by any name.
func TestMetricsHosts(t *testing.T) {
	t.Parallel()
	development := start(t, "METRICS_ADDR=127.0.0.1:0", "ALLOWED_HOSTS=api.example.com").metrics(t)
	production := startProduction(t, "METRICS_ADDR=127.0.0.1:0", "HOST=127.0.0.1", "ALLOWED_HOSTS=api.example.com").metrics(t)
	for host, status := range map[string]int{
		"localhost:9090": 200, "192.168.1.7:9090": 200, "[::1]:9090": 200, "api.example.com:9090": 200,
		"rebind.evil.test:9090": 400, "evil.test/.localhost": 400,
	} {
		for _, path := range []string{"/metrics", "/debug/pprof/heap?debug=1"} {
			a := development.get(t, path, "Host: "+host)
			checkStatus(t, a, status)
			if status != http.StatusOK {
				checkContains(t, a.body, "ALLOWED_HOSTS")
			}
			checkStatus(t, production.get(t, path, "Host: "+host), http.StatusOK)
		}
	}
}
