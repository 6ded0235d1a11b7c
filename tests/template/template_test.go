// Package template follows docs/make-it-yours.md to the letter in copies of the
// repository. The tests of each modified copy must pass.
package template

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestShop names the project, adds a resource, and then removes the sample.
func TestShop(t *testing.T) {
	t.Parallel()
	c := copyRepository(t)
	c.removeTest(t)
	guide := c.read(t, "docs/make-it-yours.md")
	c.rename(t, guide)
	guide = c.read(t, "docs/make-it-yours.md") // its imports have the new name, too
	c.addOrders(t, guide)
	c.run(t, ".", "go", "vet", "./...")
	c.run(t, ".", "go", "test", "./config", "./internal/openapi", ".")
	c.removeSample(t, guide)
	c.check(t)
}

// TestWithoutResources removes the sample, which leaves no resource, and adds one
// afterwards.
func TestWithoutResources(t *testing.T) {
	t.Parallel()
	c := copyRepository(t)
	guide := c.read(t, "docs/make-it-yours.md")
	c.removeSample(t, guide)
	c.check(t)
	c.addOrders(t, guide)
	c.run(t, ".", "go", "vet", "./...")
	c.run(t, ".", "go", "test", "./config", "./internal/openapi", ".")
	c.run(t, ".", "go", "test", "./tests", "-run", "^TestOrders$")
}

// oneAtATime is locked while all tests in Go of a copy run, because they use every
// core. What npm runs uses one, so it runs beside them.
var oneAtATime sync.Mutex

// clone is a copy of the repository.
type clone struct{ dir string }

// copyRepository copies what a clone would contain, except for this package.
func copyRepository(t *testing.T) clone {
	t.Helper()
	const top = "../.."
	c := clone{emptyDirectory(t, top)}
	generated := []string{".git", "node_modules", "dist", "bin", "template", "secrets", "observations"}
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		name, relErr := filepath.Rel(top, path)
		switch {
		case err != nil || relErr != nil:
			return fmt.Errorf("%w %w", err, relErr)
		case entry.IsDir() && slices.Contains(generated, entry.Name()):
			return filepath.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(c.dir, name), 0o755)
		// In a linked worktree, .git is a file, which would lead Git back to this repository.
		case !entry.Type().IsRegular() || entry.Name() == ".git" || strings.Contains(name, ".db"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(c.dir, name), text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// emptyDirectory returns a directory that has the same path in every run, because
// the objects that Go's cache holds depend on it. Each checkout has its own.
func emptyDirectory(t *testing.T, top string) string {
	t.Helper()
	top, err := filepath.Abs(top)
	cache, cacheErr := os.UserCacheDir()
	if err := errors.Join(err, cacheErr); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, fmt.Sprintf("template-%.4x", sha256.Sum256([]byte(top))), t.Name())
	remove := func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	remove()
	t.Cleanup(remove)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (c clone) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (c clone) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// try runs a command in a directory of the copy and returns its output.
func (c clone) try(dir, program string, args ...string) (string, error) {
	command := exec.Command(program, args...)
	command.Dir = filepath.Join(c.dir, dir)
	command.Env = append(os.Environ(), "SEEDS=50") // of the simulation, which test-go runs in full
	text, err := command.CombinedOutput()
	return string(text), err
}

// run is like try but fails the test if the command fails.
func (c clone) run(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	if text, err := c.try(dir, program, args...); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, text)
	}
}

// commit makes the copy a Git repository, which its tests clone. Neither the user's
// configuration nor the repository of a hook that runs this test has a part in it.
func (c clone) commit(t *testing.T) {
	t.Helper()
	const script = `git init --quiet --template= && git add --all &&
		git -c user.name=Tester -c user.email=tester@example.com commit --quiet --message="Start from the template"`
	command := exec.Command("sh", "-ec", script)
	command.Dir = c.dir
	command.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "GIT_") })
	command.Env = append(command.Env, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	if text, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, text)
	}
}

// check runs the tests of the copy. It leaves out those that take minutes, many of
// which docs/reliability.md names, and which depend neither on the sample nor on
// the name of the module; go vet compiles them.
func (c clone) check(t *testing.T) {
	t.Helper()
	unformatted, err := c.try(".", "gofmt", "-l", ".")
	if err != nil || strings.TrimSpace(unformatted) != "" {
		t.Errorf("gofmt: %v, unformatted files:\n%s", err, unformatted)
	}
	c.commit(t)
	c.run(t, ".", "go", "mod", "tidy", "-diff")
	c.run(t, ".", "go", "vet", "./...")
	listed, err := c.try(".", "go", "list", "-f", "./{{.Dir}}", "./...")
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, listed)
	}
	slow := []string{"./internal/database", "./internal/ratelimit"}
	packages := slices.DeleteFunc(strings.Fields(strings.ReplaceAll(listed, "./"+c.dir, ".")), func(name string) bool {
		return slices.Contains(slow, name)
	})
	var names []string
	for _, link := range reliabilityLink.FindAllStringSubmatch(c.read(t, reliability), -1) {
		names = append(names, link[1])
	}
	c.testAlone(t, append([]string{"-skip", "^(" + strings.Join(names, "|") + ")$"}, packages...)...)
	if _, err := exec.LookPath("node"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("Node.js is missing; install version 20.19 or later")
		}
		fmt.Println("SKIP the page in", t.Name()+": Node.js is missing; install version 20.19 or later")
		return
	}
	c.run(t, ".", "make", "test-openapi")
	for _, script := range []string{"check-generated", "build", "test"} { // build checks the types first
		c.run(t, "frontend-dev", "npm", "run", script)
	}
}

// testAlone runs go test while no other copy does.
func (c clone) testAlone(t *testing.T, args ...string) {
	t.Helper()
	oneAtATime.Lock()
	defer oneAtATime.Unlock()
	c.run(t, ".", "go", append([]string{"test"}, args...)...)
}

// removeTest deletes what calls this package, which the copy does not have.
func (c clone) removeTest(t *testing.T) {
	t.Helper()
	makefile := regexp.MustCompile(`(?m)(?:^#.*\n)*^test-template:.*\n\t.*\n\n`).ReplaceAllString(c.read(t, "Makefile"), "")
	c.write(t, "Makefile", strings.ReplaceAll(makefile, " test-template", ""))
	const workflow = ".github/workflows/ci.yml"
	c.write(t, workflow, regexp.MustCompile(`(?m)^ *- name:.*\n.*\btest-template\n`).ReplaceAllString(c.read(t, workflow), ""))
}

// shell returns the commands of the first sh block below a heading of the guide.
func shell(t *testing.T, guide, heading string) string {
	t.Helper()
	_, rest, _ := strings.Cut(guide, "\n## "+heading+"\n")
	_, rest, _ = strings.Cut(rest, "```sh\n")
	commands, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatalf("the guide has no sh block below the heading %q", heading)
	}
	return commands
}

// rename runs the guide's command that names the project. Nothing of the name of
// the template may remain.
func (c clone) rename(t *testing.T, guide string) {
	t.Helper()
	c.run(t, ".", "sh", "-ec", shell(t, guide, "Name the project"))
	// In pieces, so that a rename of the repository leaves them as they are.
	const old = `(^|[^.])\bexample.com` + `/api\b|\breference` + `[- ]api\b`
	if text, err := c.try(".", "grep", "-rIiE", "--exclude-dir=node_modules", old, "."); err == nil {
		t.Fatalf("the name of the template remains in\n%s", text)
	}
}

// addOrders creates the files and inserts the lines that the guide shows.
func (c clone) addOrders(t *testing.T, guide string) {
	t.Helper()
	if n := c.follow(t, guide); n < 10 {
		t.Fatalf("the guide has %d files and insertions, want at least 10", n)
	}
	c.run(t, ".", "gofmt", "-w", ".")
	c.generate(t)
}

// follow does what the code blocks of a guide say and returns their number. After
// the language, a block names its file, which it is, or the line of the file
// after, before or instead of which it stands. The line is named by its beginning.
func (c clone) follow(t *testing.T, guide string) int {
	t.Helper()
	blocks := regexp.MustCompile("(?ms)^```\\w+ (\\S+)(?: (after|before|instead of) (.*?))?\n(.*?)^```$").FindAllStringSubmatch(guide, -1)
	for _, block := range blocks {
		name, where, beginning, text := block[1], block[2], block[3], block[4]
		if where == "" {
			c.write(t, name, text)
			continue
		}
		if strings.HasSuffix(name, ".go") && strings.Contains(beginning, "//") {
			t.Fatalf("the guide names a line of %s by a comment, %q; name it by its code, because tools/inputs does not count comments", name, beginning)
		}
		lines := strings.SplitAfter(c.read(t, name), "\n")
		at := slices.IndexFunc(lines, func(line string) bool {
			return strings.HasPrefix(strings.Join(strings.Fields(line), " "), beginning) // gofmt may have aligned it with more spaces
		})
		if at < 0 {
			t.Fatalf("the guide puts lines in %s %s a line that begins with %q, but there is no such line", name, where, beginning)
		}
		switch where {
		case "after":
			lines = slices.Insert(lines, at+1, text)
		case "before":
			lines = slices.Insert(lines, at, text)
		case "instead of":
			lines[at] = text
		}
		c.write(t, name, strings.Join(lines, ""))
	}
	return len(blocks)
}

// generate generates the types of the page from the description.
func (c clone) generate(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		return // check reports that Node.js is missing
	}
	c.install(t, "internal/openapi")
	c.install(t, "frontend-dev")
	c.run(t, "frontend-dev", "npm", "run", "generate")
}

// install makes the folder's npm packages those that are installed in this
// repository, which takes less time than npm ci. If they are missing or out
// of date there, make installs them in the copy.
func (c clone) install(t *testing.T, folder string) {
	t.Helper()
	installed := filepath.Join("../..", folder, "node_modules")
	copied := filepath.Join(c.dir, folder, "node_modules")
	if _, err := os.Stat(copied); err != nil && exec.Command("make", "-C", "../..", "-q", filepath.Join(folder, "node_modules")).Run() == nil {
		if text, err := exec.Command("cp", "-R", "-P", installed, copied).CombinedOutput(); err != nil {
			t.Fatalf("cp: %v\n%s", err, text)
		}
	}
	c.run(t, ".", "make", filepath.Join(folder, "node_modules"))
}

// removeSample follows the guide's instructions for removing the sample.
func (c clone) removeSample(t *testing.T, guide string) {
	t.Helper()
	c.run(t, ".", "sh", "-ec", shell(t, guide, "Remove the sample"))
	c.removeUndefined(t, regexp.MustCompile(`(?m)^(?:\./)?(\S+\.go):(\d+):\d+: undefined: `), ".", "go", "build", "-o", os.DevNull, ".")
	for _, name := range []string{"config/limits.go", ".env.example", "README.md"} {
		c.removeSearchLimit(t, name)
	}
	c.removePaths(t, "/api/items", "/api/items/{id}", "/api/search")
	c.removeSeed(t)
	c.removeReliability(t)
	c.run(t, ".", "go", "mod", "tidy")
	const dependencies = "docs/dependencies.md"
	c.write(t, dependencies, regexp.MustCompile("(?m)^\\| `golang.org/x/text` \\|.*\n").ReplaceAllString(c.read(t, dependencies), ""))
	c.generate(t)
	if _, err := exec.LookPath("npm"); err == nil {
		missing := regexp.MustCompile(`(?m)^(\S+\.tsx?)\((\d+),\d+\): error TS(?:2304|2307|2552): `)
		c.removeUndefined(t, missing, "frontend-dev", "npx", "tsc", "--incremental", "--tsBuildInfoFile", "node_modules/.tsbuildinfo")
	}
}

// removeUndefined runs the compiler and deletes the lines that it reports, until
// it reports none. The groups of the pattern are the file and the line number.
func (c clone) removeUndefined(t *testing.T, pattern *regexp.Regexp, dir, program string, args ...string) {
	t.Helper()
	for range 20 {
		text, _ := c.try(dir, program, args...)
		undefined := map[string][]int{} // the lines of each file
		for _, found := range pattern.FindAllStringSubmatch(text, -1) {
			n, _ := strconv.Atoi(found[2]) // the pattern matches only digits
			undefined[found[1]] = append(undefined[found[1]], n)
		}
		if len(undefined) == 0 {
			return
		}
		for name, numbers := range undefined {
			name := filepath.Join(dir, name)
			slices.Sort(numbers)
			lines := strings.SplitAfter(c.read(t, name), "\n")
			for _, n := range slices.Backward(slices.Compact(numbers)) {
				t.Logf("%s: deleting %q", name, strings.TrimSpace(lines[n-1]))
				lines = slices.Delete(lines, n-1, n)
			}
			c.write(t, name, strings.Join(lines, ""))
		}
	}
	t.Fatalf("%s still reports missing parts of the sample after its lines were deleted 20 times", program)
}

// removeSearchLimit deletes the rate limit of the search. It deletes whole lines,
// except in a table, where it deletes only the name of the setting.
func (c clone) removeSearchLimit(t *testing.T, name string) {
	t.Helper()
	var kept []string
	for line := range strings.Lines(c.read(t, name)) {
		switch {
		case strings.HasPrefix(line, "|"):
			line = strings.Replace(line, " `RATE_LIMIT_SEARCH`,", "", 1)
		case strings.Contains(line, "RATE_LIMIT_SEARCH") || strings.HasPrefix(line, "# GET /api/search"):
			continue
		}
		kept = append(kept, line)
	}
	c.write(t, name, strings.Join(kept, ""))
	c.run(t, ".", "gofmt", "-w", "config")
}

// removePaths deletes paths from the description, and the components that are
// unused without them.
func (c clone) removePaths(t *testing.T, paths ...string) {
	t.Helper()
	const name = "internal/openapi/openapi.yaml"
	lines := strings.SplitAfter(c.read(t, name), "\n")
	for _, path := range paths {
		lines = removeBlock(t, lines, "  "+path+":\n")
	}
	kept := c.read(t, "internal/openapi/.redocly.lint-ignore.yaml")
	for again := true; again; {
		again = false
		for _, head := range unusedComponents(lines) {
			if !strings.Contains(kept, "/"+strings.Trim(head, " :\n")+"'\n") {
				lines, again = removeBlock(t, lines, head), true
			}
		}
	}
	text := strings.Join(lines, "")
	// A section without entries is not valid.
	text = regexp.MustCompile(`(?m)^  (?:parameters|headers|responses|schemas):\n\n*(  \w)`).ReplaceAllString(text, "$1")
	c.write(t, name, text)
}

// unusedComponents returns the first line of each component to which nothing in
// the description refers.
func unusedComponents(lines []string) []string {
	component := regexp.MustCompile(`^    ([\w-]+):`)
	text := strings.Join(lines, "")
	var unused []string
	section := ""
	for _, line := range lines {
		if strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "   ") {
			section = strings.TrimSuffix(strings.TrimSpace(line), ":")
		}
		found := component.FindStringSubmatch(line)
		if found != nil && slices.Contains([]string{"schemas", "responses", "parameters", "headers"}, section) &&
			!strings.Contains(text, "#/components/"+section+"/"+found[1]+"'") {
			unused = append(unused, line)
		}
	}
	return unused
}

// removeBlock deletes a line of YAML and the lines that are indented below it.
func removeBlock(t *testing.T, lines []string, head string) []string {
	t.Helper()
	start := slices.Index(lines, head)
	if start < 0 {
		t.Fatalf("openapi.yaml does not contain the line %q", head)
	}
	indent := len(head) - len(strings.TrimLeft(head, " "))
	end := start + 1
	for end < len(lines) && (strings.TrimSpace(lines[end]) == "" || len(lines[end])-len(strings.TrimLeft(lines[end], " ")) > indent) {
		end++
	}
	return slices.Delete(slices.Clone(lines), start, end)
}

// removeSeed deletes the seed target from the Makefile, because no other resource
// has examples.
func (c clone) removeSeed(t *testing.T) {
	t.Helper()
	text := c.read(t, "Makefile")
	text = regexp.MustCompile(`(?m)^seed:.*\n\t.*\n\n`).ReplaceAllString(text, "")
	c.write(t, "Makefile", strings.Replace(text, " seed ", " ", 1))
}

const reliability = "docs/reliability.md"

// reliabilityLink matches a link to a test; its groups are the name and the file.
var reliabilityLink = regexp.MustCompile(`(?:, )?\[(Test\w+)\]\(\.\./([\w/]+_test\.go)\)`)

// removeReliability deletes the links to tests that went with the sample.
func (c clone) removeReliability(t *testing.T) {
	t.Helper()
	c.write(t, reliability, reliabilityLink.ReplaceAllStringFunc(c.read(t, reliability), func(link string) string {
		if _, err := os.Stat(filepath.Join(c.dir, reliabilityLink.FindStringSubmatch(link)[2])); err != nil {
			return ""
		}
		return link
	}))
}
