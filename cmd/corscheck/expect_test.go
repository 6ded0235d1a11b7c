package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExpect(t *testing.T) {
	address := serve(t, policy{}.ServeHTTP)
	file := func(content string) string {
		name := filepath.Join(t.TempDir(), "cors.yaml")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	const rows = `
- origin: https://app.example.com
  allow: GET /items
  credentials: true
  read: [content-length]
- {origin: https://app.example.com, allow: PUT /items/1, headers: {Content-Type: application/json}, body: "{}"}
- {origin: https://evil.example, deny: GET /items}
`
	const wrong = `
- {origin: https://app.example.com, allow: DELETE /items}
- {origin: https://app.example.com, deny: GET /items}
- {origin: https://app.example.com, allow: GET /items, read: [x-secret]}
`
	if status, stdout, stderr := corscheck(t, address, "--expect", file(rows)); status != exitAllowed || !strings.Contains(stdout, "3 of 3 rows hold") {
		t.Errorf("got status %d, %s%s", status, stdout, stderr)
	}
	for _, tt := range []struct {
		format string
		want   []string
	}{
		{"text", []string{
			"✗ https://app.example.com may DELETE /items: Chromium blocks it:", "✗ https://app.example.com may not GET /items: Chromium allows it",
			"JavaScript cannot read x-secret", "0 of 3 rows hold",
		}},
		{"tap", []string{"TAP version 14\n1..3\nnot ok 1 - https://app.example.com may DELETE /items\n# Chromium blocks it:"}},
		{"junit", []string{`<testsuite name="cors" tests="3" failures="3">`, `<testcase name="https://app.example.com may not GET /items" classname="cors">`, `<failure message="Chromium allows it">`}},
	} {
		status, stdout, _ := corscheck(t, address, "--expect", file(wrong), "--format", tt.format)
		if status != exitBlocked {
			t.Errorf("%s: got status %d", tt.format, status)
		}
		flat := strings.ReplaceAll(stdout, "\n  ", " ")
		for _, want := range tt.want {
			if !strings.Contains(stdout, want) && !strings.Contains(flat, want) {
				t.Errorf("%s: %q is missing in:\n%s", tt.format, want, stdout)
			}
		}
	}
	for content, want := range map[string]string{
		"":                                    "has 0 rows",
		"- {origin: https://a.example}":       "row 1: write either allow or deny",
		"- {origin: a.example, allow: GET /}": "has no scheme",
		"- {origin: null, allow: GET /}":      "has no scheme",
		"- {origin: https://a.example, allow: /items}":                 "a method and a path",
		"- {origin: https://a.example, allow: GET https://b.example/}": "a method and a path",
		"- {origin: https://a.example, allow: GET //b.example/}":       "is not a path",
		"- {origin: https://a.example, alow: GET /}":                   "alow",
		"a: b": "cors.yaml",
	} {
		if status, _, stderr := corscheck(t, address, "--expect", file(content)); status != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%q: got status %d, %q, want %q", content, status, stderr, want)
		}
	}
	if status, _, _ := corscheck(t, "http://localhost:2/", "--expect", file(rows)); status != exitUnreachable {
		t.Errorf("unreachable: got status %d", status)
	}
}
