package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The README's way to name the module and to take the sample resource out
// leaves a tree that builds and whose packages pass.
func TestItemsCanBeTakenOut(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```sh\n   rm -r internal/items")
	commands, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the README does not say how to take items out")
	}
	tree := t.TempDir()
	for _, pattern := range []string{"go.mod", "go.sum", "*.go", "README.md", ".env.example", "config/*.go", "handlers/*.go", "middleware/*.go", "internal"} {
		matches, err := filepath.Glob(pattern)
		if err != nil || len(matches) == 0 {
			t.Fatalf("%s: %v, %v", pattern, matches, err)
		}
		for _, match := range matches {
			target := filepath.Join(tree, match)
			if info, err := os.Stat(match); err == nil && info.IsDir() {
				err = os.CopyFS(target, os.DirFS(match))
				if err != nil {
					t.Fatal(err)
				}
				continue
			}
			text, err := os.ReadFile(match)
			if err == nil {
				err = os.MkdirAll(filepath.Dir(target), 0o755)
			}
			if err == nil {
				err = os.WriteFile(target, text, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	_, rest, _ = strings.Cut(string(readme), "```sh\nMODULE=")
	rename, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the README does not say how to name the module")
	}
	for _, command := range []string{
		"MODULE=" + rename,
		"rm -r internal/items" + commands,
		"go vet ./...",
		"go test ./config ./handlers ./middleware ./internal/origin ./internal/forwarded",
	} {
		shell := exec.Command("sh", "-ec", command)
		shell.Dir = tree
		if out, err := shell.CombinedOutput(); err != nil {
			t.Fatalf("%s\n%v:\n%s", command, err, out)
		}
	}
}
