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
		switch explained, found := strings.CutPrefix(command, "go run . "); {
		case found:
			command = program + " " + explained + ` || echo "exit status $?"` // as go run says it
		case strings.Contains(command, "http://localhost:8080"):
			command = strings.ReplaceAll(command, "http://localhost:8080", s.URL)
		default:
			t.Errorf("neither a call of the server nor a run of it: %s", command)
			continue
		}
		shell := exec.Command("sh", "-c", command)
		shell.Dir, shell.Env = t.TempDir(), environment()
		out, err := shell.CombinedOutput()
		if got := strings.ReplaceAll(string(out), "\r", ""); err != nil || strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s\nprints %v:\n%s\nthe README says:\n%s", command, err, got, want)
		}
	}
}
