package tests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every test that docs/reliability.md names exists, and each row names one.
func TestReliabilityNamesTests(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\[(Test\w+)\]\(\.\./([\w/]+_test\.go)\)`)
	rows := 0
	for line := range strings.Lines(readFile(t, "docs/reliability.md")) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || strings.HasPrefix(line, "| fault |") || strings.HasPrefix(line, "| --- |") {
			continue
		}
		rows++
		links := link.FindAllStringSubmatch(cells[3], -1)
		if len(links) == 0 || len(links) != strings.Count(cells[3], "](") {
			t.Errorf("%s: got the tests %q, want links such as [TestName](../tests/name_test.go)", cells[1], cells[3])
		}
		for _, l := range links {
			source, _ := os.ReadFile(filepath.Join("..", l[2]))
			if !strings.Contains(string(source), "\nfunc "+l[1]+"(t *testing.T) {") {
				t.Errorf("%s: %s has no test %s; delete it from the table", cells[1], l[2], l[1])
			}
		}
		if strings.TrimSpace(cells[4]) == "" {
			t.Errorf("%s: the last column is empty; write when it last failed and why, or none recorded", cells[1])
		}
	}
	if rows < 10 {
		t.Errorf("got %d rows, want at least 10", rows)
	}
}
