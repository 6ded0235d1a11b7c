package tests

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// explain runs the program in dir and returns what it prints to standard output,
// what it logs, and its exit status.
func explain(t *testing.T, dir string, env []string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, log strings.Builder
	command := exec.Command(program, append([]string{"explain"}, args...)...)
	command.Dir, command.Env = dir, environment(env...)
	command.Stdout, command.Stderr = &out, &log
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), log.String(), command.ProcessState.ExitCode()
}

// unwrapped undoes the line breaks that keep the output narrow.
func unwrapped(text string) string {
	return strings.ReplaceAll(text, "\n  ", " ")
}

// What explain prints without a server is what the server does.
func TestExplainSaysWhatTheServerDoes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, ".env", "ALLOWED_ORIGINS=https://*.example.com,http://localhost:5173\nCORS_ALLOWED_METHODS=GET,DELETE\nCORS_MAX_AGE=0\n")
	s := startIn(t, dir, "PORT=0")
	for _, call := range [][]string{
		{"http://localhost:5173", "GET", "/api/hello"},
		{"https://a.example.com", "DELETE", "/api/session"},
		{"https://example.com", "POST", "/api/session"},
		{"http://localhost:5174", "GET", "/api/hello"},
		{"http://127.0.0.1:5173", "GET", "/api/hello"},
		{"https://other.test", "GET", "/nowhere"},
		{"null", "GET", "/api/hello"},
		{"null", "GET", "/openapi.yaml"},
		{"HTTP://LOCALHOST:5173", "GET", "/api/hello"},
		{"a, b", "GET", "/api/hello"},
	} {
		value, method, path := call[0], call[1], call[2]
		response := s.do(t, method, path, "", "Origin: "+value)
		preflight := s.do(t, "OPTIONS", path, "", "Origin: "+value, "Access-Control-Request-Method: "+method, "Access-Control-Request-Headers: content-type")

		text, log, status := explain(t, dir, []string{"PORT=0"}, call...)
		if refused := response.status == 403 || response.status == 404; (status == 1) != refused || status > 1 || log != "" {
			t.Errorf("%q: the server responds %d; got the exit status %d and the log %q", call, response.status, status, log)
		}
		_, rest, _ := strings.Cut(text, "A preflight for ")
		first, second, found := strings.Cut(rest, "\n"+method+" "+path+" gets ")
		if !found {
			t.Errorf("%q: got no two responses in\n%s", call, text)
		}
		second, _, _ = strings.Cut(second, "\nSession cookie")
		checkPrinted(t, first, preflight)
		checkPrinted(t, second, response)
	}
}

// The reason is the one that the server logs.
func TestExplainGivesTheReasonOfTheLog(t *testing.T) {
	t.Parallel()
	env := []string{"ALLOWED_ORIGINS=https://app.example.com", "PORT=0"}
	s := start(t, env...)
	for i, value := range []string{"http://app.example.com", "null", "https://app.example.com/", "https://a.com, https://b.com"} { // the log has five a second
		s.get(t, "/api/hello", "Origin: "+value)
		s.waitFor(t, "denial", func() bool { return len(s.stderr.messages("cors_denied")) > i })
		text, _, _ := explain(t, t.TempDir(), env, value)
		checkContains(t, unwrapped(text), " may not call this API. "+s.stderr.messages("cors_denied")[i]["reason"]+"\n")
	}
}

// checkPrinted compares the headers in a part of the output with an answer's.
func checkPrinted(t *testing.T, text string, a answer) {
	t.Helper()
	var got, want []string
	for line := range strings.Lines(strings.ReplaceAll(text, ",\n    ", ",")) {
		if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "  Access-Control-") || strings.HasPrefix(line, "  Vary: ") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	for name, values := range a.header {
		for _, value := range values {
			if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
				want = append(want, name+": "+value)
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("it prints\n%s\nthe server responds\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// After the line that explain prints is in .env, the origin is allowed.
func TestExplainNamesTheLineThatHelps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, ".env", "ALLOWED_ORIGINS=https://*.example.com,http://[::1]:3000\nCORS_ALLOWED_METHODS=GET\n")
	for _, call := range [][]string{
		{"https://app.example.org:8443", "DELETE", "/api/session"},
		{"capacitor://localhost"},
		{"http://[::1]:5173"},
	} {
		var names []string
		for range 3 {
			text, _, status := explain(t, dir, nil, call...)
			if status == 0 {
				break
			}
			for line := range strings.Lines(text) {
				if name, value, found := strings.Cut(line, "="); found && strings.ToUpper(name) == name {
					names = append(names, name)
					rest := slices.DeleteFunc(strings.SplitAfter(readEnv(t, dir), "\n"), func(old string) bool { return strings.HasPrefix(old, name+"=") })
					writeFile(t, dir, ".env", strings.Join(rest, "")+name+"="+value)
				}
			}
		}
		if _, _, status := explain(t, dir, nil, call...); status != 0 || len(names) == 0 {
			t.Errorf("%q: got the exit status %d after changing %q, want 0", call, status, names)
		}
	}
}

func readEnv(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(dir + "/.env")
	return string(must(t, text, err))
}

// explain needs nothing that the settings name: no port, no database, no Redis.
func TestExplainOpensNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, port, _ := strings.Cut(s.host, ":")
	for _, tc := range []struct {
		name   string
		env    []string
		args   []string
		status int
		stderr string
	}{
		{"nothing there", []string{"PORT=" + port, "DATABASE_URL=postgres://127.0.0.1:1/api", "REDIS_URL=redis://127.0.0.1:1/0"}, []string{vite, "GET", "/api/hello"}, 0, ""},
		{"a folder of another machine", []string{"DATABASE_URL=file:/nowhere/app.db"}, []string{vite}, 0, ""},
		{"refused", nil, []string{"https://other.test"}, 1, ""},
		{"wrong settings", []string{"ALLOWED_ORIGINS=example.com"}, []string{vite}, 2, "ALLOWED_ORIGINS"},
		{"no origin", nil, nil, 2, "explain ORIGIN [METHOD PATH]"},
		{"a method without a path", nil, []string{vite, "GET"}, 2, "explain ORIGIN [METHOD PATH]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			stdout, stderr, status := explain(t, dir, tc.env, tc.args...)
			if status != tc.status || (stdout != "") != (status < 2) {
				t.Errorf("got the exit status %d and the output %q, want %d", status, stdout, tc.status)
			}
			if tc.stderr == "" && stderr != "" || !strings.Contains(stderr, tc.stderr) {
				t.Errorf("it logs %q, want %q", stderr, tc.stderr)
			}
			if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
				t.Errorf("got %v, %v, want no file made", files, err)
			}
		})
	}
}
