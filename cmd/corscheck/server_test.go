package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// startServer builds this project's server, starts it with its default
// production settings and returns its URL.
func startServer(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "api")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	server := exec.Command(program)
	server.Dir = dir
	server.Env = append(os.Environ(), "APP_ENV=production", "HOST=127.0.0.1", "PORT=0", "ALLOWED_ORIGINS="+auditPage,
		"SESSION_SECRET="+strings.Repeat("s", 32), "DATABASE_URL=file:"+filepath.Join(dir, "app.db"))
	log, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		_ = server.Wait() // it was told to stop
	})
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct{ Msg, URL string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
			go func() { // the log must not fill up
				for lines.Scan() {
				}
			}()
			return line.URL
		}
	}
	t.Fatal("the server does not say where it listens")
	return ""
}

// TestOwnServer asks this project's server: the audit finds nothing, and the
// policy is what it says.
func TestOwnServer(t *testing.T) {
	server := startServer(t)
	for _, path := range []string{"/", "/api/hello", "/api/session", "/openapi.yaml", "/docs", "/nothing"} {
		if status, stdout, stderr := corscheck(t, server+path, "--audit", "--origin", auditPage); status != exitAllowed {
			t.Errorf("%s: %s%s", path, stdout, stderr)
		}
	}
	rows := filepath.Join(t.TempDir(), "cors.yaml")
	if err := os.WriteFile(rows, []byte(`
- {origin: https://app.example.com, allow: GET /api/hello, credentials: true, read: [x-request-id, ratelimit]}
- {origin: https://app.example.com, allow: POST /api/session, headers: {content-type: application/json}, body: "{}", credentials: true}
- {origin: https://app.example.com, allow: DELETE /api/nothing, headers: {authorization: x}, credentials: true}
- {origin: https://evil.example, deny: GET /api/hello}
- {origin: https://app.example.com.evil.example, deny: GET /api/hello}
- {origin: "null", deny: GET /api/hello}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, stdout, stderr := corscheck(t, server, "--expect", rows); status != exitAllowed {
		t.Errorf("%s%s", stdout, stderr)
	}
	status, stdout, _ := corscheck(t, server+"/api/hello", "--origin", "https://other.example")
	if flat := strings.Join(strings.Fields(stdout), " "); status != exitBlocked || !strings.Contains(flat, "ALLOWED_ORIGINS=https://other.example") || !strings.Contains(flat, "The server says: The origin") {
		t.Errorf("an origin that is not listed: got status %d\n%s", status, stdout)
	}
}
