package tests

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A body that is slow but steady is accepted even if it takes longer than the
// first 15 s, in which any pace is allowed.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	s := start(t)
	conn := s.dial(t)
	defer conn.Close()
	const piece, pieces = 3 << 10, 66 // 12 KiB/s for 16.5 s
	body := `{"name":"slow"}` + strings.Repeat(" ", piece*pieces-len(`{"name":"slow"}`))
	fmt.Fprintf(conn, "POST /api/session HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: %d\r\n\r\n", s.host, jsonType, len(body))
	began := time.Now()
	for i := range pieces {
		// By the clock: a ticker would skip what a busy machine is late for, and so slow down.
		<-time.After(time.Until(began.Add(time.Duration(i+1) * time.Second / 4)))
		if _, err := io.WriteString(conn, body[i*piece:(i+1)*piece]); err != nil {
			t.Fatal(err)
		}
	}
	checkStatus(t, readAnswer(t, conn, "POST"), http.StatusCreated)
}

// When stalled bodies have used up MAX_BUFFERED_BYTES, a large body gets a 503
// that the page can read, and small bodies are still accepted.
func TestStalledBodiesUseUpMemory(t *testing.T) {
	t.Parallel()
	s := start(t, "MAX_BUFFERED_BYTES=100000", "RATE_LIMIT_SESSION=off")
	padded := func(size int) string {
		return `{"name":"a"}` + strings.Repeat(" ", size-len(`{"name":"a"}`))
	}
	post := func(size int) answer {
		return s.do(t, "POST", "/api/session", padded(size), jsonType, "Origin: "+vite)
	}
	checkStatus(t, post(100_000), http.StatusCreated)

	var stalled []net.Conn
	var rejected answer
	s.waitFor(t, "503", func() bool {
		// A stalled body is itself rejected if the large one arrives first.
		conn := s.dial(t)
		stalled = append(stalled, conn)
		t.Cleanup(func() { conn.Close() })
		fmt.Fprintf(conn, "POST /api/session HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: 50001\r\n\r\n%s", s.host, jsonType, padded(50_000))
		rejected = post(100_000)
		return rejected.status == http.StatusServiceUnavailable
	})
	checkProblem(t, rejected, http.StatusServiceUnavailable)
	checkReadable(t, rejected, vite)
	if rejected.header.Get("Retry-After") == "" {
		t.Error("the 503 has no Retry-After header")
	}
	for range 10 {
		checkStatus(t, post(8<<10), http.StatusCreated)
	}
	for _, conn := range stalled {
		conn.Close()
	}
	s.waitFor(t, "201 after the stalled connections were closed", func() bool { return post(100_000).status == http.StatusCreated })
}
