package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Only a change of what the page, the server or their tests contain counts.
func TestWriteFiles(t *testing.T) {
	const code = "package a\n\n// A comment.\nconst a = `\n// Text.\n`\n\n//go:embed x\nvar b string\n"
	for _, tt := range []struct {
		name, before, after string
		changes             bool
	}{
		{"a.go", code, strings.Replace(code, "// A comment.", "// Another one\n//\n// on three lines.", 1), false},
		{"a.go", code, strings.Replace(code, "// Text.", "// Other text.", 1), true},
		{"a.go", code, strings.Replace(code, "embed x", "embed y", 1), true},
		{"a.go", code, strings.Replace(code, "const a", "const c", 1), true},
		{"a.go", code, strings.Replace(code, "// A comment.", "/* A comment. */", 1), true}, // rather too much than too little
		{"a.go", "package a\n\n// int a;\nimport \"C\"\n", "package a\n\n// int b;\nimport \"C\"\n", true},
		{"a.go", "package a \x00 // a", "package a \x00 // b", true},
		{"a_test.go", "package a", "package b", false},
		{"page/page.tsx", "// a", "// b", true},
		{".env", "PORT=1", "PORT=2", true},
		{"page/.env.local", "", "PORT=2", true},
		{"bin/a", "a", "b", false},
		{"page/dist/a", "a", "b", false},
		{"app.db-wal", "a", "b", false},
		{"page/node_modules/.vite/a", "a", "b", false},
		{"page/node_modules/.package-lock.json", "a", "b", true},
	} {
		top := t.TempDir()
		hash := func(text string) string { return written(t, top, tt.name, text, false) }
		if changes := hash(tt.before) != hash(tt.after); changes != tt.changes {
			t.Errorf("%s: %q to %q: got %t, want %t", tt.name, tt.before, tt.after, changes, tt.changes)
		}
	}
}

// With -tests, the code of a test counts, but its comments do not.
func TestWriteTests(t *testing.T) {
	top := t.TempDir()
	hash := func(text string) string { return written(t, top, "a_test.go", text, true) }
	const code = "package a // a test\n"
	if hash(code) != hash("package a // the same test\n") {
		t.Error("a comment counts")
	}
	if hash(code) == hash("package b // a test\n") {
		t.Error("the code does not count")
	}
}

// written returns what writeFiles writes of a directory once it holds that file.
func written(t *testing.T, top, name, text string, withTests bool) string {
	t.Helper()
	path := filepath.Join(top, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var written strings.Builder
	if err := writeFiles(&written, top, withTests); err != nil {
		t.Fatal(err)
	}
	return written.String()
}

func TestWritePrograms(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	var before string
	for _, text := range []string{"", "a", "ab"} {
		if text != "" {
			if err := os.WriteFile(program, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var written strings.Builder
		writePrograms(&written, []string{program})
		if written.String() == before {
			t.Errorf("the program is %q: got the same as before", text)
		}
		before = written.String()
	}
}
