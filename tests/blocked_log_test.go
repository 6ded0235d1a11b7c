package tests

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// launchPiped starts the server with a pipe for standard error and returns its
// URL. After its start-up lines nothing is read from the pipe.
func launchPiped(t *testing.T, env ...string) (cmd *exec.Cmd, url string, stderr *os.File) {
	t.Helper()
	stderr, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(program)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"GORACE=atexit_sleep_ms=0", "PATH=" + os.Getenv("PATH"), "PORT=0", "RATE_LIMIT_DEFAULT=off"}, env...)
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		cmd.Process.Kill()
		stderr.Close()
	})
	lines := bufio.NewReaderSize(stderr, 16)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if fields := logFields(strings.TrimSuffix(line, "\n")); fields["msg"] == "listening" {
			return cmd, fields["url"], stderr
		}
	}
}

// logLines sends requests whose log lines are more than the pipe and the
// server's buffer take.
func logLines(t *testing.T, url string) {
	t.Helper()
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	path := url + "/api/hello/" + strings.Repeat("x", 200)
	for range 4000 {
		response, err := client.Get(path)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode != http.StatusNotFound {
			t.Fatalf("got %d, want 404", response.StatusCode)
		}
	}
}

// endsBySIGTERM returns the exit status.
func endsBySIGTERM(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait() // its verdict is read from ProcessState
		close(ended)
	}()
	select {
	case <-ended:
		return cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatal("SIGTERM does not end the server")
		return 0
	}
}

// A standard error that nobody reads stops neither serving nor SIGTERM.
func TestBlockedLog(t *testing.T) {
	t.Parallel()
	cmd, url, _ := launchPiped(t)
	logLines(t, url)
	if status := endsBySIGTERM(t, cmd); status != 0 {
		t.Errorf("exit status: got %d, want 0", status)
	}
}

// Once the log flows again, a line tells how many are missing.
func TestLogFlowsAgain(t *testing.T) {
	t.Parallel()
	cmd, url, stderr := launchPiped(t, "LOG_FORMAT=json")
	logLines(t, url)
	text := new(logBuffer)
	go io.Copy(text, stderr)
	deadline := time.Now().Add(patience)
	for len(text.messages("log_dropped")) == 0 {
		if time.Now().After(deadline) {
			t.Fatalf("no line tells of dropped lines; %d lines were read", len(text.lines()))
		}
		time.Sleep(tick)
	}
	dropped := text.messages("log_dropped")[0]
	if dropped["lines"] == "" || dropped["level"] != "WARN" {
		t.Errorf("got %v, want the number of lines at WARN", dropped)
	}
	endsBySIGTERM(t, cmd)
}

// A standard error whose reader is gone does not kill the server.
func TestClosedLog(t *testing.T) {
	t.Parallel()
	cmd, url, stderr := launchPiped(t)
	stderr.Close()
	logLines(t, url)
	if status := endsBySIGTERM(t, cmd); status != 0 {
		t.Errorf("exit status: got %d, want 0", status)
	}
}

// An error at the end does not wait for a standard error that blocks.
func TestErrorWithABlockedLog(t *testing.T) {
	t.Parallel()
	cmd, url, _ := launchPiped(t, "SHUTDOWN_TIMEOUT=1s")
	logLines(t, url)
	s := &server{URL: url, host: strings.TrimPrefix(url, "http://")}
	conn := s.dial(t)
	defer conn.Close()
	// The server asks for the body, so the request is in flight.
	io.WriteString(conn, "POST /api/session HTTP/1.1\r\nHost: "+s.host+"\r\n"+jsonType+"\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	if _, err := io.ReadFull(conn, make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))); err != nil {
		t.Fatal(err)
	}
	if status := endsBySIGTERM(t, cmd); status != 1 {
		t.Errorf("exit status: got %d, want 1 for a request that was cut off", status)
	}
}
