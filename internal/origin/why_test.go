package origin_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// People look the words of the log up in docs/refusals.md, so each reason must
// begin as the table there does, and the table must have each.
func TestReasonsAreDocumented(t *testing.T) {
	t.Parallel()
	const own = "api.example.com"
	http, https := policy(t, "", "http://localhost:5173"), policy(t, "", "https://app.example.com", "https://*.example.net")
	reasons := []string{
		http.Why([]string{"http://localhost:4200"}, own),
		https.Why([]string{"http://app.example.com"}, own),
		http.Why([]string{"http://127.0.0.1:5173"}, own),
		https.Why([]string{"https://a.app.example.com"}, own),
		https.Why([]string{"https://example.com"}, own),
		https.Why([]string{"https://example.net"}, own),
		https.Why([]string{"null"}, own),
		https.Why([]string{"https://app.example.com/"}, own),
		https.Why([]string{"https://APP.example.com"}, own),
		https.Why([]string{"https://app.example.com:x"}, own),
		https.Why([]string{"https://é.example.com"}, own),
		https.Why([]string{"https://" + own}, own),
		https.Why([]string{"https://a.test", "https://b.test"}, own),
		https.Why([]string{"https://other.test"}, own),
		policy(t, "").Why([]string{"https://other.test"}, own),
	}
	text, err := os.ReadFile("../../docs/refusals.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| reason | remedy |")
	table, _, _ = strings.Cut(table, "\n\n")
	var documented []string
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		if len(cells) < 3 {
			continue
		}
		for _, quoted := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
			documented = append(documented, strings.TrimSuffix(quoted[1], " …"))
		}
	}
	for _, reason := range reasons {
		if !slices.ContainsFunc(documented, func(begin string) bool { return strings.HasPrefix(reason, begin) }) {
			t.Errorf("docs/refusals.md has no row for the reason %q", reason)
		}
	}
	for _, begin := range documented {
		if !slices.ContainsFunc(reasons, func(reason string) bool { return strings.HasPrefix(reason, begin) }) {
			t.Errorf("docs/refusals.md has a row for %q, which is not the beginning of any reason", begin)
		}
	}
	// The log escapes what is not printable ASCII, as a stranger may have sent it.
	for _, reason := range reasons {
		if i := strings.IndexFunc(reason, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
			t.Errorf("the reason %q is not plain ASCII", reason)
		}
	}
}
