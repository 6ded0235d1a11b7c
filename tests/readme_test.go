package tests

import (
	"os/exec"
	"strings"
	"testing"
)

// Every command that the README shows prints what the README says.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		without(t, "curl is missing; install it to check the README's commands")
	}
	blocks := strings.Split(readFile(t, "README.md"), "```console\n$ ")[1:]
	if len(blocks) < 4 {
		t.Fatalf("the README shows %d commands, want at least 4", len(blocks))
	}
	s := start(t)
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		command, want, _ := strings.Cut(block, "\n")
		if !strings.Contains(command, "http://localhost:8080") {
			t.Errorf("not a call of the server: %s", command)
			continue
		}
		shell := exec.Command("sh", "-c", strings.ReplaceAll(command, "http://localhost:8080", s.URL))
		shell.Dir = ".."
		out, err := shell.Output()
		if got := strings.ReplaceAll(string(out), "\r", ""); err != nil || strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s\nprints %v:\n%s\nthe README says:\n%s", command, err, got, want)
		}
	}
}
