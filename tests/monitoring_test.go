package tests

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// The files of Prometheus and Grafana in deploy/monitoring.
type (
	ruleFile struct {
		Groups []ruleGroup `yaml:"groups"`
	}
	ruleGroup struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	}
	rule struct {
		Alert       string            `yaml:"alert,omitempty"`
		Record      string            `yaml:"record,omitempty"`
		Expr        string            `yaml:"expr"`
		For         string            `yaml:"for,omitempty"`
		Labels      map[string]string `yaml:"labels,omitempty"`
		Annotations map[string]string `yaml:"annotations,omitempty"`
	}
	dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ H, W, X, Y int }
			Targets []struct{ Expr string }
		}
	}
)

const alertsFile, dashboardFile = "deploy/monitoring/alerts.yaml", "deploy/monitoring/dashboard.json"

func readAlerts(t *testing.T) []rule {
	t.Helper()
	var file ruleFile
	if err := yaml.UnmarshalWithOptions([]byte(readFile(t, alertsFile)), &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	var rules []rule
	for _, group := range file.Groups {
		rules = append(rules, group.Rules...)
	}
	if len(rules) < 10 {
		t.Fatalf("%s has %d rules, want at least 10", alertsFile, len(rules))
	}
	return rules
}

// readDashboard returns the panels that show something.
func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var board dashboard
	if err := json.Unmarshal([]byte(readFile(t, dashboardFile)), &board); err != nil {
		t.Fatal(err)
	}
	if len(board.Panels) < 10 {
		t.Fatalf("%s has %d panels, want at least 10", dashboardFile, len(board.Panels))
	}
	return board
}

// fixed replaces what Grafana replaces.
func fixed(expr string) string {
	return strings.NewReplacer("$__rate_interval", "5m", "$job", ".*").Replace(expr)
}

var (
	promString   = regexp.MustCompile(`"[^"]*"`)
	promGrouping = regexp.MustCompile(`\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)`)
	promSelector = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^}]*\})?\s*(\[[^\]]*\])?(\(?)`)
	promLabel    = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
)

// selectors returns the metrics of an expression with the labels that it compares.
func selectors(expr string) map[string][]string {
	found := map[string][]string{}
	text := promGrouping.ReplaceAllString(promString.ReplaceAllString(expr, ""), "")
	for _, match := range promSelector.FindAllStringSubmatch(text, -1) {
		if match[4] != "" || slices.Contains([]string{"and", "or", "unless", "bool"}, match[1]) {
			continue // a function or an operator
		}
		if _, ok := found[match[1]]; !ok {
			found[match[1]] = nil
		}
		for _, label := range promLabel.FindAllStringSubmatch(match[2], -1) {
			found[match[1]] = append(found[match[1]], label[1])
		}
	}
	return found
}

// The alert rules and the dashboard use metrics and labels that the server serves.
func TestMonitoringUsesServedMetrics(t *testing.T) {
	t.Parallel()
	served := startWithMetrics(t).metricLabels(t)
	used := map[string]bool{}
	check := func(where, expr string) {
		found := selectors(expr)
		if len(found) == 0 {
			t.Errorf("%s: no metric in %q", where, expr)
		}
		for name, labels := range found {
			used[name] = true
			known, ok := served[name]
			if !ok {
				t.Errorf("%s: the server does not serve the metric %s", where, name)
			}
			for _, label := range labels {
				if label != "job" && label != "instance" && !slices.Contains(known, label) {
					t.Errorf("%s: the metric %s has no label %s", where, name, label)
				}
			}
		}
	}
	for _, r := range readAlerts(t) {
		check("alert "+r.Alert, r.Expr)
		if r.Alert == "" || r.Annotations["summary"] == "" || r.Labels["severity"] != "page" && r.Labels["severity"] != "ticket" {
			t.Errorf("alert %s: want a name, a summary and the severity page or ticket", r.Alert)
		}
		if strings.Contains(r.Expr, "process_") && !strings.Contains(r.Expr, "and on (job, instance)") {
			t.Errorf("alert %s: %q is true of any program, because the job has any name", r.Alert, r.Expr)
		}
	}
	ids := map[int]bool{}
	for _, panel := range readDashboard(t).Panels {
		if ids[panel.ID] || panel.Title == "" || panel.GridPos.X+panel.GridPos.W > 24 {
			t.Errorf("panel %d (%q): want an id of its own, a title and a place in the 24 columns", panel.ID, panel.Title)
		}
		ids[panel.ID] = true
		for _, target := range panel.Targets {
			check("panel "+panel.Title, fixed(target.Expr))
		}
	}
	for name := range served {
		own := !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") && !strings.HasSuffix(name, "_sum")
		if own && !used[name] {
			t.Errorf("neither an alert nor the dashboard uses the metric %s", name)
		}
	}
}

func TestSelectors(t *testing.T) {
	t.Parallel()
	got := selectors(`sum by (le, a_b) (rate(x_bucket{job=~"$job", code!="5{x}"}[5m])) / on (a_b) y > 0.5 and absent(z)`)
	if len(got) != 3 || got["x_bucket"] == nil || !slices.Equal(got["x_bucket"], []string{"job", "code"}) {
		t.Errorf("got %v, want x_bucket with job and code, y and z", got)
	}
}

// promtool accepts the alert rules and every expression of the dashboard.
func TestPromtool(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		without(t, "promtool is missing; install prometheus to check deploy/monitoring")
	}
	recorded := ruleGroup{Name: "dashboard"}
	for _, panel := range readDashboard(t).Panels {
		for _, target := range panel.Targets {
			recorded.Rules = append(recorded.Rules, rule{Record: "panel", Expr: fixed(target.Expr)})
		}
	}
	text, err := yaml.Marshal(ruleFile{Groups: []ruleGroup{recorded}})
	if err != nil {
		t.Fatal(err)
	}
	panels := writeFile(t, t.TempDir(), "panels.yaml", string(text))
	out, err := exec.Command(promtool, "check", "rules", "--lint=none", "../"+alertsFile, panels).CombinedOutput()
	if err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}
