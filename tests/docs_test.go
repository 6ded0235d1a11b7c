package tests

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages returns the names and the text of the README and of the pages in docs.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{"README.md": readFile(t, "README.md")}
	names, err := filepath.Glob("../docs/*.md")
	if err != nil || len(names) < 5 {
		t.Fatalf("docs has %d pages, error: %v", len(names), err)
	}
	for _, name := range names {
		found["docs/"+filepath.Base(name)] = readFile(t, "docs/"+filepath.Base(name))
	}
	return found
}

// goFiles calls f for each Go file of this module with its path from the top.
func goFiles(t *testing.T, f func(name string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil && name != ".." {
			return filepath.SkipDir // a module of its own
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".") && entry.Name() != "..") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(name, ".go") {
			f(filepath.ToSlash(strings.TrimPrefix(name, ".."+string(filepath.Separator))))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

var (
	testFunc  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	testName  = regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)`")
	threatRow = regexp.MustCompile(`(?m)^\| .*\|$`)
)

// Every test that a page names exists, and each defense in the threat model names
// one.
func TestDocsNameTests(t *testing.T) {
	t.Parallel()
	exists := map[string]bool{}
	goFiles(t, func(name string) {
		if strings.HasSuffix(name, "_test.go") {
			for _, match := range testFunc.FindAllStringSubmatch(readFile(t, name), -1) {
				exists[match[1]] = true
			}
		}
	})
	for name, text := range pages(t) {
		for _, match := range testName.FindAllStringSubmatch(text, -1) {
			if !exists[match[1]] {
				t.Errorf("%s names %s, which does not exist", name, match[1])
			}
		}
	}
	rows := threatRow.FindAllString(section(t, readFile(t, "docs/threat-model.md"), "What is defended"), -1)[2:] // below the heading
	if len(rows) < 10 {
		t.Fatalf("the threat model has %d lines, want at least 10", len(rows))
	}
	for _, row := range rows {
		cells := strings.Split(row, "|")
		if len(cells) != 6 || !testName.MatchString(cells[4]) {
			t.Errorf("this line of the threat model names no test: %s", row)
		}
	}
}

// The threat model explains the headers that every response has.
func TestSecurityHeadersAreDocumented(t *testing.T) {
	t.Parallel()
	page := readFile(t, "docs/threat-model.md")
	for name, value := range securityHeaders {
		if value != absent && !strings.Contains(page, "| `"+name+": "+value+"` |") {
			t.Errorf("docs/threat-model.md does not explain %s: %s", name, value)
		}
	}
}

var (
	docLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	docHeading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notAnchor  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// Links between pages lead to files and headings that exist.
func TestDocsLinks(t *testing.T) {
	t.Parallel()
	anchors := func(text string) []string {
		var all []string
		for _, heading := range docHeading.FindAllStringSubmatch(text, -1) {
			all = append(all, strings.ReplaceAll(notAnchor.ReplaceAllString(strings.ToLower(heading[1]), ""), " ", "-"))
		}
		return all
	}
	for name, text := range pages(t) {
		for _, match := range docLink.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := name
			if target != "" {
				file = path.Join(path.Dir(name), target)
			}
			if _, err := os.Stat(filepath.Join("..", filepath.FromSlash(file))); err != nil {
				t.Errorf("%s links to %s: %v", name, match[1], err)
			} else if anchor != "" && !slices.Contains(anchors(readFile(t, file)), anchor) {
				t.Errorf("%s links to %s, but %s has no such heading", name, match[1], file)
			}
		}
	}
}

var (
	requirement   = regexp.MustCompile(`(?m)^\t?(?:require )?([a-z][\w./-]+) v\S+$`) // without // indirect
	dependencyRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|.*\\|$")
)

// docs/dependencies.md lists the direct dependencies of go.mod, and what it takes
// to replace each. Two that are no longer developed are imported by one package each.
func TestDependenciesAreDocumented(t *testing.T) {
	t.Parallel()
	importers := map[string]map[string]bool{} // by module
	for _, match := range requirement.FindAllStringSubmatch(readFile(t, "go.mod"), -1) {
		importers[match[1]] = map[string]bool{}
	}
	if len(importers) < 10 {
		t.Fatalf("go.mod has %d direct dependencies, want at least 10", len(importers))
	}
	goFiles(t, func(name string) {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "tests/") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", name), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			for module, packages := range importers {
				imported := strings.Trim(spec.Path.Value, `"`)
				if imported == module || strings.HasPrefix(imported, module+"/") {
					packages[path.Dir(name)] = true
				}
			}
		}
	})
	documented := map[string]bool{}
	for _, row := range dependencyRow.FindAllStringSubmatch(readFile(t, "docs/dependencies.md"), -1) {
		cells := strings.Split(row[0], "|")
		if len(cells) != 7 || strings.TrimSpace(cells[5]) == "" {
			t.Fatalf("this row of docs/dependencies.md does not say what it takes to replace it: %s", row[0])
		}
		documented[row[1]] = true
		if importers[row[1]] == nil {
			t.Errorf("docs/dependencies.md has %s, which is not a direct dependency in go.mod", row[1])
		}
	}
	for module := range importers {
		if !documented[module] {
			t.Errorf("docs/dependencies.md lacks %s", module)
		}
	}
	if text := fmt.Sprint(importers["github.com/ulule/limiter/v3"], importers["github.com/kelseyhightower/envconfig"]); text != "map[internal/ratelimit:true] map[config:true]" {
		t.Errorf("ulule/limiter and envconfig are imported by %s, want one package each", text)
	}
}
