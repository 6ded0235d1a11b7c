package tests

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// When idle connections hold all file descriptors, the server closes some of
// them to serve new clients and logs the remedy once.
func TestFileDescriptorsRunOut(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sh", "-c", `ulimit -n 64 && exec "$0"`, program)
	cmd.Dir = t.TempDir()
	cmd.Env = environment("PORT=0", "RATE_LIMIT_DEFAULT=off")
	p := spawn(t, cmd)
	url := p.announced(t, "listening")
	s := &server{process: p, URL: url.String(), host: url.Host}

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
		t.Errorf("a new client waited %s", took)
	}
	if lines := p.stderr.messages("cannot accept connections"); len(lines) != 1 || !strings.Contains(lines[0]["remedy"], "ulimit -n") {
		t.Errorf("got %d lines with the remedy, want 1; log:\n%s", len(lines), p.stderr)
	}
	if lines := p.linesWith("Accept error"); len(lines) > 0 {
		t.Errorf("net/http logged %d failures to accept a connection, want none", len(lines))
	}
}
