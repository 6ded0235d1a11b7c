package tests

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Until SHUTDOWN_DELAY has passed, the server reports that it is not ready and
// still serves requests, because load balancers need time to react.
func TestServesWhileNotReady(t *testing.T) {
	t.Parallel()
	for _, end := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(end.String(), func(t *testing.T) {
			t.Parallel()
			s := start(t, "SHUTDOWN_DELAY=3s")
			if got := s.status("GET", "/readyz", ""); got != http.StatusOK {
				t.Fatalf("readyz: got %d, want 200", got)
			}
			signalled := time.Now()
			s.signal(t, end)
			s.waitFor(t, "503 from /readyz", func() bool { return s.status("GET", "/readyz", "") == http.StatusServiceUnavailable })
			for _, request := range []struct {
				method, path, body string
				want               int
			}{
				{"GET", "/api/hello", "", 200},
				{"POST", "/api/session", `{"name":"late"}`, 201},
				{"GET", "/healthz", "", 200},
				{"HEAD", "/readyz", "", 503},
			} {
				if got := s.status(request.method, request.path, request.body); got != request.want {
					t.Errorf("%s %s while not ready: got %d, want %d", request.method, request.path, got, request.want)
				}
			}
			a := s.get(t, "/readyz", "Origin: "+vite)
			checkStatus(t, a, http.StatusServiceUnavailable)
			checkHeaders(t, a, securityHeaders)
			checkReadable(t, a, vite)
			if status := s.wait(t); status != 0 {
				t.Errorf("exit status: got %d, want 0; log:\n%s", status, s.stderr)
			}
			if took := time.Since(signalled); took < 3*time.Second {
				t.Errorf("exited after %s, want at least SHUTDOWN_DELAY=3s", took)
			}
			if got := s.status("GET", "/healthz", ""); got != 0 {
				t.Errorf("after the exit: got %d, want no response", got)
			}
		})
	}
}

func TestRequestInFlightFinishes(t *testing.T) {
	t.Parallel()
	s := start(t)
	conn, rest := s.slowRequest(t)
	s.signal(t, syscall.SIGTERM)
	s.waitFor(t, "end of accepting connections", func() bool { return s.status("GET", "/healthz", "") == 0 })
	if s.ended() {
		t.Fatalf("exited with a request in flight; log:\n%s", s.stderr)
	}
	io.WriteString(conn, rest)
	a := readAnswer(t, conn, "POST")
	checkStatus(t, a, http.StatusCreated)
	checkContains(t, a.body, "in flight")
	if status := s.wait(t); status != 0 {
		t.Errorf("exit status: got %d, want 0; log:\n%s", status, s.stderr)
	}
}

// A client whose request was rejected may stop sending in the middle of its body.
// It receives the response, and the server exits within SHUTDOWN_TIMEOUT.
func TestRejectedBodyThatStalls(t *testing.T) {
	t.Parallel()
	form, formType := upload(t, part{"file", "a", "text/plain", strings.Repeat("x", 100_000)})
	tests := []struct {
		name, path, header, sent string
		length, want             int
	}{
		{"an upload over the limit", "/api/upload", formType, form[:90_000], len(form), 413},
		{"an upload of another type", "/api/upload", jsonType, `{"na`, 1000, 415},
		{"a body over the limit", "/api/session", jsonType, `{"na`, 2 << 20, 413},
		{"an unknown route", "/api/nowhere", jsonType, `{"na`, 1000, 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "MAX_UPLOAD_BYTES=1000", "LOG_FORMAT=json")
			conn := s.dial(t)
			defer conn.Close()
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: %d\r\n\r\n%s", tt.path, s.host, tt.header, tt.length, tt.sent)
			s.get(t, "/healthz") // gives the server time to accept the other connection
			s.signal(t, syscall.SIGTERM)
			checkProblem(t, readAnswer(t, conn, "POST"), tt.want)
			if status := s.wait(t); status != 0 {
				t.Errorf("exit status: got %d, want 0; log:\n%s", status, s.stderr)
			}
			for _, line := range s.stderr.messages("draining") {
				if line["delay"] != "0s" || line["timeout"] != "15s" {
					t.Errorf("log line: got delay %s and timeout %s, want 0s and 15s", line["delay"], line["timeout"])
				}
			}
		})
	}
}

func TestRequestInFlightIsCutOff(t *testing.T) {
	t.Parallel()
	s := start(t, "SHUTDOWN_TIMEOUT=1s")
	conn, _ := s.slowRequest(t)
	signalled := time.Now()
	s.signal(t, syscall.SIGTERM)
	s.wait(t)
	// Without the timeout, the body might stall for 15 s.
	if took := time.Since(signalled); took < time.Second || took > 10*time.Second {
		t.Errorf("exited after %s, want SHUTDOWN_TIMEOUT=1s", took)
	}
	checkContains(t, s.stderr.String(), "requests that were cut off after SHUTDOWN_TIMEOUT=1s: 1; raise it")
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the request in flight received a response, want it cut off")
	}
}

func TestSecondSignalKills(t *testing.T) {
	t.Parallel()
	for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(second.String(), func(t *testing.T) {
			t.Parallel()
			s := start(t, "SHUTDOWN_DELAY=10m")
			s.signal(t, syscall.SIGTERM)
			s.waitFor(t, "503 from /readyz", func() bool { return s.status("GET", "/readyz", "") == http.StatusServiceUnavailable })
			// A second signal too close to the first may be merged with it.
			s.waitFor(t, "exit on a second signal", func() bool {
				s.cmd.Process.Signal(second)
				return s.ended()
			})
			if status := s.wait(t); status == 0 {
				t.Errorf("exit status after a second signal: got 0, want another status; log:\n%s", s.stderr)
			}
		})
	}
}

// Idle connections do not delay the exit.
func TestShutdownWithIdleConnections(t *testing.T) {
	t.Parallel()
	s := start(t, "SHUTDOWN_TIMEOUT=15s")
	for range 5 {
		conn := s.dial(t)
		defer conn.Close()
		fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", s.host)
		checkStatus(t, readAnswer(t, conn, "GET"), http.StatusOK)
	}
	signalled := time.Now()
	s.signal(t, syscall.SIGTERM)
	if status := s.wait(t); status != 0 {
		t.Errorf("exit status: got %d, want 0", status)
	}
	if took := time.Since(signalled); took > 10*time.Second {
		t.Errorf("exited after %s, want it to exit at once", took)
	}
}

// A signal during startup is not reported as an invalid setting.
func TestSignalDuringStartup(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	p := launch(t, t.TempDir(), "PORT=0", "DATABASE_URL=postgres://api@"+silent.Addr().String()+"/api?sslmode=disable")
	conn, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p.signal(t, syscall.SIGTERM)
	status := p.wait(t)
	if log := p.stderr.String(); status != 1 || !strings.Contains(log, "stopped while opening the database") {
		t.Errorf("exit status: got %d, want 1 and the message \"stopped while opening the database\"; log:\n%s", status, log)
	}
}

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	s := start(t, "METRICS_ADDR=127.0.0.1:0")
	_, port, _ := net.SplitHostPort(s.host)
	metrics := s.announced(t, "metrics").Host
	tests := []struct {
		name string
		env  []string
		want []string
	}{
		{"port", []string{"PORT=" + port}, []string{port, "PORT"}},
		{"metrics address", []string{"PORT=0", "METRICS_ADDR=" + metrics}, []string{metrics, "METRICS_ADDR"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := launch(t, t.TempDir(), tt.env...)
			if status := p.wait(t); status <= 0 {
				t.Errorf("exit status: got %d, want an error status", status)
			}
			errors := slices.DeleteFunc(p.stderr.lines(), func(line string) bool { return logFields(line)["level"] == "INFO" })
			if len(errors) != 1 {
				t.Errorf("got %d error lines, want 1; log:\n%s", len(errors), p.stderr)
			}
			checkContains(t, strings.Join(errors, "\n"), tt.want...)
			if len(p.stderr.messages("listening")) > 0 {
				t.Errorf("the server logged that it listens; log:\n%s", p.stderr)
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := start(t, "METRICS_ADDR=127.0.0.1:0", "ALLOWED_HOSTS=127.0.0.1")
	s.get(t, "/api/hello")
	metrics := s.metrics(t)
	if metrics.URL == s.URL {
		t.Fatalf("metrics are served on the public address %s", s.URL)
	}
	a := metrics.get(t, "/metrics")
	checkStatus(t, a, http.StatusOK)
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
		t.Errorf("Content-Type: got %q, want the Prometheus text format", got)
	}
	checkContains(t, a.body, "# TYPE", "/api/hello")
	checkStatus(t, metrics.get(t, "/api/hello"), http.StatusNotFound)
	checkProblem(t, s.get(t, "/metrics"), http.StatusNotFound)

	off := start(t)
	checkProblem(t, off.get(t, "/metrics"), http.StatusNotFound)
	if lines := off.stderr.messages("metrics"); len(lines) > 0 {
		t.Errorf("metrics are served without METRICS_ADDR: %v", lines)
	}
	if listening := listeners(t, off.cmd.Process.Pid); listening > 1 {
		t.Errorf("the server listens on %d sockets, want 1", listening)
	}
}

// slowRequest sends a request except for its last byte and returns that byte.
func (s *server) slowRequest(t *testing.T) (conn net.Conn, rest string) {
	t.Helper()
	body := `{"name":"in flight"}`
	conn = s.dial(t)
	t.Cleanup(func() { conn.Close() })
	request := fmt.Sprintf("POST /api/session HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", s.host, jsonType, len(body))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	// The server asks for the body once the handler reads it.
	line := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	if _, err := io.ReadFull(conn, line); err != nil || !strings.Contains(string(line), "100") {
		t.Fatalf("got %q, %v, want 100 Continue", line, err)
	}
	io.WriteString(conn, body[:len(body)-1])
	return conn, body[len(body)-1:]
}

// listeners returns the number of sockets on which a process listens.
func listeners(t *testing.T, pid int) int {
	t.Helper()
	sockets := make(map[string]bool)
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile("/proc/net/" + table)
		if err != nil {
			without(t, "this test reads /proc/net; run it on Linux")
		}
		for line := range strings.Lines(string(text)) {
			const state, inode, listen = 3, 9, "0A"
			if fields := strings.Fields(line); len(fields) > inode && fields[state] == listen {
				sockets["socket:["+fields[inode]+"]"] = true
			}
		}
	}
	descriptors := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(descriptors)
	if err != nil {
		without(t, "this test reads /proc; run it on Linux")
	}
	count := 0
	for _, entry := range entries {
		if target, _ := os.Readlink(descriptors + "/" + entry.Name()); sockets[target] {
			count++
		}
	}
	return count
}
