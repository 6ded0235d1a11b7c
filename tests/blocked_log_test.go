package tests

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// If nobody reads standard error, the server still serves requests and still
// exits on SIGTERM.
func TestBlockedLog(t *testing.T) {
	t.Parallel()
	s, _ := launchPiped(t)
	s.fillLog(t)
	if status := s.terminate(t); status != 0 {
		t.Errorf("exit status: got %d, want 0", status)
	}
}

// Once standard error is read again, a line reports how many were dropped.
func TestUnblockedLog(t *testing.T) {
	t.Parallel()
	s, stderr := launchPiped(t, "LOG_FORMAT=json")
	s.fillLog(t)
	text := new(logBuffer)
	go io.Copy(text, stderr)
	eventually(t, func() error {
		if len(text.messages("log_dropped")) == 0 {
			return fmt.Errorf("none of %d lines reports dropped lines", len(text.lines()))
		}
		return nil
	})
	dropped := text.messages("log_dropped")[0]
	if dropped["lines"] == "" || dropped["level"] != "WARN" {
		t.Errorf("got %v, want the number of lines, at level WARN", dropped)
	}
	s.terminate(t)
}

// A closed standard error does not kill the server.
func TestClosedLog(t *testing.T) {
	t.Parallel()
	s, stderr := launchPiped(t)
	stderr.Close()
	s.fillLog(t)
	if status := s.terminate(t); status != 0 {
		t.Errorf("exit status: got %d, want 0", status)
	}
}

// A blocked standard error does not delay an exit with an error.
func TestErrorWithBlockedLog(t *testing.T) {
	t.Parallel()
	s, _ := launchPiped(t, "SHUTDOWN_TIMEOUT=1s")
	s.fillLog(t)
	conn := s.dial(t)
	defer conn.Close()
	// The request is in flight once the server asks for its body.
	io.WriteString(conn, "POST /api/session HTTP/1.1\r\nHost: "+s.host+"\r\n"+jsonType+"\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	if _, err := io.ReadFull(conn, make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))); err != nil {
		t.Fatal(err)
	}
	if status := s.terminate(t); status != 1 {
		t.Errorf("exit status: got %d, want 1 because a request was cut off", status)
	}
}

// launchPiped starts the server with a pipe as its standard error and returns
// the pipe. It reads the startup lines and nothing after them.
func launchPiped(t *testing.T, env ...string) (s *server, stderr *os.File) {
	t.Helper()
	stderr, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Dir = t.TempDir()
	cmd.Env = append(environment("PORT=0", "RATE_LIMIT_DEFAULT=off"), env...)
	cmd.Stderr = w
	p := runCommand(t, cmd)
	w.Close() // the server has its own copy
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-p.exited
		stderr.Close()
	})
	lines := bufio.NewReaderSize(stderr, 16)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if fields := logFields(strings.TrimSuffix(line, "\n")); fields["msg"] == "listening" {
			s := &server{process: p, URL: fields["url"], host: strings.TrimPrefix(fields["url"], "http://"), client: newClient("")}
			t.Cleanup(s.client.CloseIdleConnections)
			return s, stderr
		}
	}
}

// fillLog sends requests whose log lines exceed what the pipe and the server's
// buffer can hold.
func (s *server) fillLog(t *testing.T) {
	t.Helper()
	path := "/api/hello/" + strings.Repeat("x", 200)
	for range 4000 {
		if a := s.get(t, path); a.status != http.StatusNotFound {
			t.Fatalf("got %d, want 404", a.status)
		}
	}
}

// terminate sends SIGTERM and returns the exit status.
func (p *process) terminate(t *testing.T) int {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	return p.wait(t)
}
