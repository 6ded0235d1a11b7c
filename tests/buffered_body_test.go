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

// A JSON body that is slow but steady is served, also after the 15 s that a
// body may take at any pace.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	s := start(t)
	conn := s.dial(t)
	defer conn.Close()
	const piece, pieces = 3 << 10, 66 // 12 KiB a second, for 16.5 s
	body := `{"name":"slow"}` + strings.Repeat(" ", piece*pieces-len(`{"name":"slow"}`))
	fmt.Fprintf(conn, "POST /api/session HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: %d\r\n\r\n", s.host, jsonType, len(body))
	ticks := time.NewTicker(time.Second / 4)
	defer ticks.Stop()
	for i := range pieces {
		<-ticks.C
		if _, err := io.WriteString(conn, body[i*piece:(i+1)*piece]); err != nil {
			t.Fatal(err)
		}
	}
	checkStatus(t, readAnswer(t, conn, "POST"), http.StatusCreated)
}

// Bodies that stall use up MAX_BUFFERED_BYTES: then a large body gets 503,
// which its page can read, and small ones are served.
func TestStalledBodiesUseUpTheMemory(t *testing.T) {
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
	for range 3 {
		conn := s.dial(t)
		defer conn.Close()
		fmt.Fprintf(conn, "POST /api/session HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: 50001\r\n\r\n%s", s.host, jsonType, padded(50_000))
		stalled = append(stalled, conn)
	}
	var refused answer
	s.waitFor(t, "503", func() bool {
		refused = post(100_000)
		return refused.status == http.StatusServiceUnavailable
	})
	checkProblem(t, refused, http.StatusServiceUnavailable)
	checkReadable(t, refused, vite)
	if got := refused.header.Get("Retry-After"); got == "" {
		t.Error("503 without Retry-After")
	}
	for range 10 {
		checkStatus(t, post(8<<10), http.StatusCreated)
	}
	for _, conn := range stalled {
		conn.Close()
	}
	s.waitFor(t, "201 after they have gone", func() bool { return post(100_000).status == http.StatusCreated })
}
