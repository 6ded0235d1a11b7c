package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestConvert(t *testing.T) {
	reports, database := t.TempDir(), filepath.Join(t.TempDir(), "database")
	const text = `{
  "id": "GO-1", "modified": "2026-01-02T00:00:00Z", "aliases": ["CVE-1"],
  "affected": [{"package": {"name": "a.example/m"}, "ranges": [{"events": [{"introduced": "0"}, {"fixed": "1.2.0"}]}]}]
}`
	if err := convert(reports, database); err == nil {
		t.Error("a directory without reports: got no error")
	}
	if err := os.WriteFile(filepath.Join(reports, "GO-1.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := convert(reports, database); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"index/db.json":      `{"modified":"2026-01-02T00:00:00Z"}`,
		"index/modules.json": `[{"path":"a.example/m","vulns":[{"id":"GO-1","modified":"2026-01-02T00:00:00Z","fixed":"1.2.0"}]}]`,
		"index/vulns.json":   `[{"id":"GO-1","modified":"2026-01-02T00:00:00Z","aliases":["CVE-1"]}]`,
		"ID/GO-1.json":       `{"id":"GO-1","modified":"2026-01-02T00:00:00Z","aliases":["CVE-1"],"affected":[{"package":{"name":"a.example/m"},"ranges":[{"events":[{"introduced":"0"},{"fixed":"1.2.0"}]}]}]}`,
	} {
		if got, err := os.ReadFile(filepath.Join(database, name)); err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, want)
		}
	}
}

func TestToolchainOf(t *testing.T) {
	for file, want := range map[string]string{
		"module m\n\ngo 1.26.0\n":                        "go1.26.0",
		"module m\n\ngo 1.26.0\n\ntoolchain go1.26.11\n": "go1.26.11",
	} {
		module := t.TempDir()
		if err := os.WriteFile(filepath.Join(module, "go.mod"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := toolchainOf(module); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", file, got, err, want)
		}
	}
}
