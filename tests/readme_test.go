package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every command in the README and in docs/tour.md prints the output that the page
// shows.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		without(t, "curl is missing; install it to test the commands in the README")
	}
	readme := consoleBlocks(t, "README.md")
	if len(readme) < 2 {
		t.Fatalf("the README has %d commands with output, want at least 2", len(readme))
	}
	s := start(t)
	for _, block := range append(readme, consoleBlocks(t, "docs/tour.md")...) {
		command, want, _ := strings.Cut(block, "\n")
		dir := t.TempDir()
		switch arguments, found := strings.CutPrefix(command, "go run . "); {
		case found:
			command = program + " " + arguments + ` || echo "exit status $?"` // go run prints the status too
		case strings.Contains(command, "http://localhost:8080"):
			command = strings.ReplaceAll(command, "http://localhost:8080", s.URL)
			if strings.HasPrefix(command, "go run ./") {
				dir = ".."
			}
		default:
			t.Errorf("this command neither calls nor runs the server: %s", command)
			continue
		}
		shell := exec.Command("sh", "-c", command)
		shell.Dir, shell.Env = dir, environment()
		out, err := shell.Output()
		if got := strings.ReplaceAll(string(out), "\r", ""); err != nil || strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s\nerror: %v, output:\n%s\nthe page shows:\n%s", command, err, got, want)
		}
	}
}

// consoleBlocks returns the commands of a page with their output.
func consoleBlocks(t *testing.T, page string) []string {
	t.Helper()
	blocks := strings.Split(readFile(t, page), "```console\n$ ")[1:]
	for i, block := range blocks {
		blocks[i], _, _ = strings.Cut(block, "```")
	}
	return blocks
}

var (
	shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")
	makeTarget = regexp.MustCompile("(?m)(?:`|^)make ([a-z][a-z-]*)")
)

// The README's first commands clone the repository and start it. This test clones;
// e2e/dev.test.mjs runs what make dev runs, and CI runs make test.
func TestReadmeStart(t *testing.T) {
	t.Parallel()
	readme := readFile(t, "README.md")
	makefile := readFile(t, "Makefile")
	for _, target := range makeTarget.FindAllStringSubmatch(readme, -1) {
		if !strings.Contains(makefile, "\n"+target[1]+":") {
			t.Errorf("the README has make %s, which the Makefile lacks", target[1])
		}
	}
	if !strings.Contains(makefile, "node frontend-dev/dev.mjs\n") || !strings.Contains(readFile(t, "e2e/dev.test.mjs"), "frontend-dev/dev.mjs") {
		t.Error("make dev does not run frontend-dev/dev.mjs, or e2e/dev.test.mjs does not test it")
	}
	blocks := shellBlock.FindAllStringSubmatch(readme, -1)
	if len(blocks) != 1 {
		t.Fatalf("the README has %d blocks of commands without output, want 1", len(blocks))
	}
	lines := strings.Split(strings.TrimSpace(blocks[0][1]), "\n")
	url, rest, _ := strings.Cut(strings.TrimPrefix(lines[0], "git clone "), " ")
	if len(lines) < 2 || !strings.HasPrefix(lines[0], "git clone ") || !strings.HasPrefix(lines[1], "make dev ") {
		t.Fatalf("the README starts with %q, want git clone and make dev", lines)
	}
	for _, line := range lines[1:] {
		if !strings.HasPrefix(line, "make ") {
			t.Errorf("no test runs this command of the README: %s", line)
		}
	}
	if _, err := os.Stat("../.git"); err != nil {
		without(t, "this is not a Git repository, so nothing can be cloned: run git init and commit")
	}
	top, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	// A checkout of CI may be shallow or belong to another user.
	command := "git -c safe.directory='*' clone --quiet --no-hardlinks '" + top + "' " + rest + " && make -n dev && test -z \"$(git status --porcelain)\""
	shell := exec.Command("sh", "-ec", command)
	shell.Dir = t.TempDir()
	if out, err := shell.CombinedOutput(); err != nil || !strings.Contains(string(out), "node frontend-dev/dev.mjs") {
		t.Errorf("%s (for %s): %v\n%s", command, url, err, out)
	}
}
