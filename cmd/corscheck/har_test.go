package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHAR(t *testing.T) {
	const file = `{"log": {"entries": [
	{"request": {"method": "GET", "url": "https://app.example.com/page", "headers": []}, "response": {"status": 200, "headers": []}},
	{"request": {"method": "GET", "url": "https://api.example.com/open", "headers": [{"name": "Origin", "value": "https://app.example.com"}]},
	 "response": {"status": 200, "headers": [{"name": "Access-Control-Allow-Origin", "value": "*"}]}},
	{"request": {"method": "OPTIONS", "url": "https://api.example.com/items", "headers": [{"name": "Origin", "value": "https://app.example.com"}, {"name": "Access-Control-Request-Method", "value": "PUT"}]},
	 "response": {"status": 204, "headers": [{"name": "Access-Control-Allow-Origin", "value": "*"}]}},
	{"request": {"method": "PUT", "url": "https://api.example.com/items", "headers": [{"name": "Origin", "value": "https://app.example.com"}]}, "response": {"status": 0, "headers": []}},
	{"request": {"method": "PUT", "url": "https://api.example.com/lost", "headers": [{"name": "Origin", "value": "https://app.example.com"}]}, "response": {"status": 200, "headers": []}}
	]}}`
	name := filepath.Join(t.TempDir(), "a.har")
	if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := corscheck(t, "--har", name)
	if status != exitBlocked {
		t.Errorf("got status %d, %s", status, stderr)
	}
	flat := strings.Join(strings.Fields(stdout), " ")
	for _, want := range []string{
		"✓ GET https://api.example.com/open from https://app.example.com",
		"PUT https://api.example.com/items",
		"the preflight's response has no Access-Control-Allow-Methods",
		"! PUT https://api.example.com/lost: not judged",
		"3 cross-origin requests, 1 blocked, 1 not judged",
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("%q is missing in:\n%s", want, stdout)
		}
	}
	if status, stdout, _ := corscheck(t, "--har", name, "--json"); status != exitBlocked || !strings.Contains(stdout, `"results": [`) {
		t.Errorf("--json: got status %d, %s", status, stdout)
	}
}
