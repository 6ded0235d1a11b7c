package requestbody_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/api/internal/requestbody"
)

// pipes is a listener whose connections are in memory, so that their deadlines
// run in virtual time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error   { close(p.closed); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// dial returns the client's end of a connection to a server with the handler and
// with the timeouts of the real server.
func dial(t *testing.T, handler http.Handler) net.Conn {
	t.Helper()
	listener := pipes{make(chan net.Conn), make(chan struct{})}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second}
	go server.Serve(listener)
	client, conn := net.Pipe()
	listener.conns <- conn
	t.Cleanup(func() {
		client.Close()
		server.Close()
		time.Sleep(2 * time.Hour) // of virtual time: all goroutines end
	})
	return client
}

// readAll responds with 200, or with 408 to a body that did not arrive in time.
var readAll = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, err := io.Copy(io.Discard, r.Body)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_, err = r.Body.Read(make([]byte, 1)) // another read must not wait again
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.WriteHeader(http.StatusRequestTimeout)
	case err != nil:
		w.WriteHeader(http.StatusInternalServerError)
	}
})

// refuse reads nothing of the body.
var refuse = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) })

// stretch is a number of bytes that a client sends at equal intervals.
type stretch struct {
	bytes, pieces int
	interval      time.Duration // after each piece
}

// readOne reads one byte of the body.
var readOne = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = r.Body.Read(make([]byte, 1))
	w.WriteHeader(http.StatusForbidden)
})

func TestPace(t *testing.T) {
	t.Parallel()
	const kib, forever = 1 << 10, time.Hour
	second := time.Second
	tests := []struct {
		name    string
		handler http.Handler
		expect  string
		body    []stretch
		status  int
		after   time.Duration
	}{
		{"at once", readAll, "", []stretch{{kib, 1, 0}}, 200, 0},
		{"nothing", readAll, "", []stretch{{0, 1, forever}}, 408, 10 * second},
		{"nothing after 100 Continue", readAll, "100-continue", []stretch{{0, 1, forever}}, 408, 10 * second},
		{"silence at the end", readAll, "", []stretch{{100 * kib, 1, 0}, {0, 1, forever}}, 408, 10 * second},
		{"slow and small", readAll, "", []stretch{{1, 14, second}}, 200, 13 * second},
		{"slow and not small", readAll, "", []stretch{{1, 40, second}}, 408, 15 * second},
		{"just below the silence allowed", readAll, "", []stretch{{40 * kib, 10, 9 * second}}, 200, 81 * second},
		{"just above the silence allowed", readAll, "", []stretch{{50 * kib, 10, 11 * second}}, 408, 10 * second},
		{"steady at 12 KiB/s", readAll, "", []stretch{{3 * kib, 67, second / 4}}, 200, 16500 * time.Millisecond},
		{"steady at 4 KiB/s", readAll, "", []stretch{{4 * kib, 300, second}}, 200, 299 * second},
		{"steady at 3 KiB/s", readAll, "", []stretch{{3 * kib, 100, second}}, 408, 15 * second},
		{"fast, then slow", readAll, "", []stretch{{8 * kib, 15, second}, {kib, 100, second}}, 408, 35250 * time.Millisecond},
		{"very fast, then a byte at a time", readAll, "", []stretch{{1 << 20, 1, 0}, {1, 1000, 9 * second}}, 408, 256010 * time.Millisecond},

		{"unread, at once", refuse, "", []stretch{{kib, 1, 0}}, 403, 0},
		{"unread, nothing", refuse, "", []stretch{{0, 1, forever}}, 403, 5 * second},
		{"unread, slow", refuse, "", []stretch{{1, 100, 4 * second}}, 403, 30 * second},
		{"unread, more than is drained", refuse, "", []stretch{{1 << 20, 1, 0}, {1 << 20, 2, forever}}, 403, 0},
		{"unread but for a byte, after 100 Continue", readOne, "100-continue", []stretch{{1, 1, forever}, {1, 1, 0}}, 403, 5 * second},
		{"unread, waits for 100 Continue", refuse, "100-continue", []stretch{{0, 1, forever}}, 403, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				conn := dial(t, requestbody.Handler(tt.handler, 1<<20))
				start := time.Now()
				total := 0
				for _, s := range tt.body {
					total += s.bytes * s.pieces
				}
				if tt.status == 408 || total == 0 {
					total++ // a byte that never comes
				}
				expect := ""
				if tt.expect != "" {
					expect = "Expect: " + tt.expect + "\r\n"
				}
				go func() {
					fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n", expect, total)
					for _, s := range tt.body {
						for range s.pieces {
							if _, err := conn.Write(make([]byte, s.bytes)); err != nil {
								return
							}
							time.Sleep(s.interval)
						}
					}
				}()
				status, err := finalStatus(conn)
				if got := time.Since(start); err != nil || status != tt.status || got.Round(10*time.Millisecond) != tt.after {
					t.Errorf("got %d after %s, error %v; want %d after %s", status, got, err, tt.status, tt.after)
				}
			})
		})
	}
}

// finalStatus returns the status of the response that follows any 100 Continue.
func finalStatus(conn net.Conn) (int, error) {
	r := bufio.NewReader(conn)
	for {
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			return 0, err
		}
		if response.StatusCode != http.StatusContinue {
			return response.StatusCode, nil
		}
	}
}

// A chunked body that stalls after its last chunk is late as well.
func TestStallInTheTrailer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn := dial(t, requestbody.Handler(readAll, 1<<20))
		go fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
		start := time.Now()
		status, err := finalStatus(conn)
		if status != http.StatusRequestTimeout || err != nil || time.Since(start) != 10*time.Second {
			t.Errorf("got %d, %v after %s, want 408 after 10s", status, err, time.Since(start))
		}
	})
}

// Once the body has arrived, the deadline of its last read does not cancel the
// request: the handler has time of its own.
func TestHandlerHasTimeAfterTheBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn := dial(t, requestbody.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			select {
			case <-r.Context().Done():
				t.Error("the request was canceled")
			case <-time.After(20 * time.Second):
			}
		}), 1<<20))
		go fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
		if status, err := finalStatus(conn); status != 200 {
			t.Errorf("got %d, %v", status, err)
		}
	})
}

// No response is lost to a reset: over TCP, a connection that is closed with
// bytes unread is reset, and what the client has not read yet is gone.
func TestResponseIsNotReset(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 100<<10)
	handlers := map[string]http.Handler{
		"small": refuse,
		"large": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, large)
		}),
		"half read": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.CopyN(io.Discard, r.Body, 1000)
			w.WriteHeader(http.StatusForbidden)
		}),
	}
	const size = 4 << 20 // more than the sockets hold
	framing := fmt.Sprintf("Content-Length: %d\r\n", size)
	chunks := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", size, strings.Repeat("x", size))
	requests := map[string]string{
		"HTTP/1.0":            "POST / HTTP/1.0\r\nHost: a\r\n" + framing + "\r\n" + strings.Repeat("x", size),
		"HTTP/1.0, Expect":    "POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n" + framing + "\r\n" + strings.Repeat("x", size),
		"close":               "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + framing + "\r\n" + strings.Repeat("x", size),
		"chunked and close":   "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
		"OPTIONS":             "OPTIONS / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + framing + "\r\n" + strings.Repeat("x", size),
		"keep-alive, too big": "POST / HTTP/1.1\r\nHost: a\r\n" + framing + "\r\n" + strings.Repeat("x", size),
	}
	for handlerName, handler := range handlers {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: requestbody.Handler(handler, 2*size)} //nolint:gosec // the clients are in the test
		go server.Serve(listener)
		t.Cleanup(func() { server.Close() })
		for requestName, request := range requests {
			t.Run(handlerName+", "+requestName, func(t *testing.T) {
				t.Parallel()
				for range 5 {
					if err := exchange(listener.Addr().String(), request); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

// exchange sends the whole request before it reads the response, as many
// clients do.
func exchange(address, request string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return fmt.Errorf("read the response: %w", err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return fmt.Errorf("read the response's body: %w", err)
	}
	if response.StatusCode != http.StatusForbidden {
		return fmt.Errorf("got %d, want 403", response.StatusCode)
	}
	return nil
}

// A request without a body costs nothing: the handler receives it as it is.
func TestNoBody(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "/", http.NoBody)
	served := false
	requestbody.Handler(http.HandlerFunc(func(_ http.ResponseWriter, got *http.Request) {
		served = got == r
	}), 1).ServeHTTP(nil, r)
	if !served {
		t.Error("the handler did not receive the request")
	}
}
