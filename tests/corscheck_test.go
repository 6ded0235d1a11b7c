package tests

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCorscheck asks the server in its default production settings as a user
// of corscheck does.
func TestCorscheck(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "corscheck")
	if text, err := exec.Command("go", "build", "-o", program, "../cmd/corscheck").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	// corscheck runs the command and returns its output and exit status.
	corscheck := func(args ...string) (string, int) {
		t.Helper()
		text, err := exec.Command(program, args...).CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if exit != nil {
			return string(text), exit.ExitCode()
		}
		return string(text), 0
	}
	production := []string{"APP_ENV=production", "HOST=127.0.0.1", "ALLOWED_ORIGINS=" + app, "SESSION_SECRET=" + secret}

	t.Run("expect", func(t *testing.T) {
		s := start(t, production...)
		if text, status := corscheck(s.URL, "--expect", "testdata/cors.yaml"); status != 0 {
			t.Errorf("exit status %d:\n%s", status, text)
		}
	})

	t.Run("audit", func(t *testing.T) {
		s := start(t, production...)
		for _, path := range []string{"/", "/healthz", "/api/hello", "/api/session", "/openapi.yaml", "/docs", "/nothing"} {
			if text, status := corscheck(s.URL+path, "--audit", "--origin", app); status != 0 {
				t.Errorf("%s: exit status %d:\n%s", path, status, text)
			}
		}
	})

	t.Run("fix", func(t *testing.T) {
		s := start(t, production...)
		text, status := corscheck(s.URL+"/api/hello", "--origin", "https://other.example")
		flat := strings.Join(strings.Fields(text), " ")
		for _, want := range []string{"ALLOWED_ORIGINS=https://other.example", "The server says: The origin"} {
			if status != 1 || !strings.Contains(flat, want) {
				t.Errorf("exit status %d, want 1 and %q:\n%s", status, want, text)
			}
		}
	})
}
