package tests

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Idle connections that hold all descriptors give way to new clients, and the
// log says once what to do.
func TestDescriptorsRunShort(t *testing.T) {
	t.Parallel()
	stderr := new(logBuffer)
	cmd := exec.Command("sh", "-c", `ulimit -n 64 && exec "$0"`, program)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"GORACE=atexit_sleep_ms=0", "PATH=" + os.Getenv("PATH"), "PORT=0", "RATE_LIMIT_DEFAULT=off"}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-exited
	})
	p := &process{dir: cmd.Dir, cmd: cmd, stderr: stderr, exited: exited}
	p.waitFor(t, "start", func() bool { return len(stderr.messages("listening")) > 0 })
	url := stderr.messages("listening")[0]["url"]
	s := &server{process: p, URL: url, host: strings.TrimPrefix(url, "http://")}

	var idle []net.Conn
	defer func() {
		for _, conn := range idle {
			conn.Close()
		}
	}()
	for range 100 {
		conn := s.dial(t)
		idle = append(idle, conn)
		fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", s.host)
		checkStatus(t, readAnswer(t, conn, "GET"), http.StatusOK)
	}
	start := time.Now()
	if got := s.status("GET", "/api/hello", ""); got != http.StatusOK {
		t.Errorf("a new client: got %d, want 200", got)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("a new client waited for %s", took)
	}
	if lines := stderr.messages("cannot accept connections"); len(lines) != 1 || !strings.Contains(lines[0]["remedy"], "ulimit -n") {
		t.Errorf("got %d lines with the remedy, want 1; log:\n%s", len(lines), stderr)
	}
	if lines := p.linesWith("Accept error"); len(lines) > 0 {
		t.Errorf("net/http logs %d attempts to accept", len(lines))
	}
}
