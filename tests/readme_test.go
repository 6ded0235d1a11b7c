package tests

import (
	"os/exec"
	"strings"
	"testing"
)

// Every command in the README prints the output that the README shows.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		without(t, "curl is missing; install it to test the commands in the README")
	}
	blocks := strings.Split(readFile(t, "README.md"), "```console\n$ ")[1:]
	if len(blocks) < 4 {
		t.Fatalf("the README has %d commands with output, want at least 4", len(blocks))
	}
	s := start(t)
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
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
			t.Errorf("%s\nerror: %v, output:\n%s\nthe README shows:\n%s", command, err, got, want)
		}
	}
}
