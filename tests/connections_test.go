package tests

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A client that waits for "100 Continue" receives an error response at once. The
// server must not wait for its ReadTimeout for a body that will not be sent.
func TestExpectContinueIsRejectedAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	for path, want := range map[string]int{"/api/session": http.StatusRequestEntityTooLarge, "/nowhere": http.StatusNotFound} {
		conn := s.dial(t)
		if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		_, err := io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: "+s.host+"\r\nContent-Type: application/json\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		checkStatus(t, readAnswer(t, conn, "POST"), want)
	}
}

// The server closes the connection after a chunked body. If a proxy in front used
// the Content-Length instead, the bytes that follow may belong to another client
// (RFC 9112, section 6.1). In HTTP/1.0 requests, net/http hides the chunks, so
// the server closes the connection after each of them.
func TestChunkedBodyClosesConnection(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, version := range []string{"1.0", "1.1"} {
		conn := s.dial(t)
		if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		_, err := io.WriteString(conn, "POST /nowhere HTTP/"+version+"\r\nHost: "+s.host+"\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"+
			"GET /healthz HTTP/1.1\r\nHost: "+s.host+"\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(conn)
		if err != nil || strings.Count(string(all), "HTTP/1.") != 1 {
			t.Errorf("HTTP/%s: got %q, %v, want one response and the end of the connection", version, all, err)
		}
	}
}

// The size of request headers is limited.
func TestLargeHeadersAreRejected(t *testing.T) {
	t.Parallel()
	s := start(t)
	conn := s.dial(t)
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: "+s.host+"\r\nCookie: "+strings.Repeat("x", 24<<10)+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	checkStatus(t, readAnswer(t, conn, "GET"), http.StatusRequestHeaderFieldsTooLarge)
}

// Thousands of connections that send their request too slowly, or send nothing,
// neither keep other clients out nor stay open.
func TestSlowConnections(t *testing.T) {
	t.Parallel()
	const slow = 5000
	limit, _ := exec.Command("sh", "-c", "ulimit -Hn").Output() // both processes raise their own limit to this one
	if n, err := strconv.Atoi(strings.TrimSpace(string(limit))); err == nil && n < 2*slow {
		without(t, fmt.Sprintf("a process may open only %d files; raise the hard limit (ulimit -Hn) to %d", n, 2*slow))
	}
	s := start(t, unlimited...)
	conns := make([]net.Conn, slow)
	for i := range conns {
		conns[i] = s.dial(t)
		defer conns[i].Close()
		if i%2 == 0 {
			fmt.Fprintf(conns[i], "GET /api/hello HTTP/1.1\r\nHost: %s\r\nX-Slow: ", s.host)
		}
		if i%50 == 0 {
			checkStatus(t, s.get(t, "/api/hello"), http.StatusOK)
		}
	}
	for i, conn := range conns {
		if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("connection %d was not closed: %v", i, err)
		}
	}
	checkStatus(t, s.get(t, "/api/hello"), http.StatusOK)
}
