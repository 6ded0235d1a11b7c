package config

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"
)

// Every name above a suffix of the list is known, and no other is taken for
// one. The list's text is in the tests of golang.org/x/net.
func TestSuffixParentsAreThoseOfTheList(t *testing.T) {
	t.Parallel()
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/net").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(module)), "publicsuffix", "table_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(source), "var rules = ")
	list, _, _ := strings.Cut(rest, "\n}")
	rules := regexp.MustCompile(`(?m)^\t"([^!].*)",$`).FindAllStringSubmatch(list, -1)
	if len(rules) < 9000 {
		t.Fatalf("read %d rules", len(rules))
	}
	parents := map[string]bool{}
	for _, rule := range rules {
		for _, parent, found := strings.Cut(rule[1], "."); found; _, parent, found = strings.Cut(parent, ".") {
			parents[parent] = true
			if !coversPublicSuffix(parent) {
				t.Errorf("%s is not known to be above the suffix %s", parent, rule[1])
			}
		}
	}
	for _, name := range slices.Concat(providers, suffixParents) {
		if suffix, _ := publicsuffix.PublicSuffix(name); !parents[name] || suffix == name {
			t.Errorf("%s is above no suffix, or is one itself", name)
		}
	}
}
