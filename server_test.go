package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"example.com/api/config"
	"example.com/api/internal/origin"
	"example.com/api/middleware"
)

// A connection that does nothing, or next to nothing, is closed in time.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	server := newServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	for name, limit := range map[string]time.Duration{
		"ReadHeaderTimeout": server.ReadHeaderTimeout, "ReadTimeout": server.ReadTimeout,
		"WriteTimeout": server.WriteTimeout,
	} {
		if limit <= 0 || limit > 2*time.Minute {
			t.Errorf("%s: got %s, want more than 0 and at most 2m", name, limit)
		}
	}
}

// failingListener returns its errors, then connections of Listener, or net.ErrClosed
// without one.
type failingListener struct {
	net.Listener
	errs []error
}

func (l *failingListener) Accept() (net.Conn, error) {
	switch {
	case len(l.errs) == 0 && l.Listener != nil:
		return l.Listener.Accept()
	case len(l.errs) == 0:
		return nil, net.ErrClosed
	}
	err := l.errs[0]
	l.errs = l.errs[1:]
	return nil, err
}

// While no file descriptor or memory is left, the listener frees some and tries
// again, and the log says so once a minute.
func TestListenerWaitsForDescriptors(t *testing.T) {
	t.Parallel()
	other := errors.New("other")
	accept := func(err error) error { return &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", err)} }
	synctest.Test(t, func(t *testing.T) {
		failing := &failingListener{errs: []error{other}}
		const attempts = 2 * 60 * 20 // two minutes at 20 a second
		for range attempts / 4 {
			failing.errs = append(failing.errs, accept(syscall.EMFILE), accept(syscall.ENFILE), accept(syscall.ENOBUFS), accept(syscall.ENOMEM))
		}
		var log bytes.Buffer
		closed := 0
		l := &patientListener{Listener: failing, log: slog.New(slog.NewTextHandler(&log, nil)), closeIdle: func() { closed++ }}
		if _, err := l.Accept(); !errors.Is(err, other) {
			t.Errorf("another error: got %v, want it at once", err)
		}
		start := time.Now()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want the next error that is not about a shortage", err)
		}
		if took := time.Since(start); took != 2*time.Minute || closed != attempts {
			t.Errorf("after %s and closing idle connections %d times; want 2m and each time", took, closed)
		}
		if lines := strings.Count(log.String(), "\n"); lines != 2 || !strings.Contains(log.String(), "raise the limit on open files") {
			t.Errorf("got %d lines, want one with the remedy a minute:\n%s", lines, &log)
		}
	})
}

// A shortage at either listener does not end the process.
func TestBothListenersWait(t *testing.T) {
	t.Parallel()
	for _, short := range []string{"PORT", "METRICS_ADDR"} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		addresses := make(chan string, 2)
		listen := func(_, variable string) (net.Listener, error) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return nil, err
			}
			failing := &failingListener{Listener: l}
			if variable == short {
				failing.errs = []error{&net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.ENOMEM)}}
			}
			addresses <- l.Addr().String()
			return failing, nil
		}
		p := parts{log: slog.New(slog.DiscardHandler), metrics: middleware.NewMetrics()}
		s := config.Settings{IdleTimeout: time.Minute, ShutdownTimeout: 10 * time.Second, AllowedHosts: origin.LocalHosts(), Origins: origin.Any()}
		ended := make(chan error, 1)
		go func() { ended <- serve(ctx, s, listen, p, http.NotFoundHandler()) }()
		for range 2 {
			select {
			case address := <-addresses:
				response, err := http.Get("http://" + address)
				if err != nil {
					t.Fatalf("a shortage at %s: %v", short, err)
				}
				response.Body.Close()
			case err := <-ended:
				t.Fatalf("a shortage at %s ended the server: %v", short, err)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("a shortage at %s: %v, want no error", short, err)
		}
	}
}

// An IPv4 address in HOST must not open IPv6: net.Listen takes 0.0.0.0 for every
// address of both.
func TestIPv4AddressListensOnIPv4Alone(t *testing.T) {
	t.Parallel()
	for address, network := range map[string]string{
		"0.0.0.0:0":   "0.0.0.0:",
		"127.0.0.1:0": "127.0.0.1:",
		"[::1]:0":     "[::1]:",
		"localhost:0": "127.0.0.1:",
	} {
		listener, err := listen(address, "PORT")
		if err != nil {
			if strings.HasPrefix(address, "[") {
				continue // a machine without IPv6
			}
			t.Fatal(err)
		}
		if got := listener.Addr().(*net.TCPAddr).String(); !strings.HasPrefix(got, network) {
			t.Errorf("listen(%s): got %s, want %s…", address, got, network)
		}
		listener.Close()
	}
}

func TestListenNamesTheSetting(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for address, want := range map[string]string{
		taken.Addr().String(): "set METRICS_ADDR to another port",
		"203.0.113.9:0":       "listen (METRICS_ADDR): ", // not an address of this machine
	} {
		if l, err := listen(address, "METRICS_ADDR"); err == nil {
			l.Close()
			t.Errorf("listen(%s): no error, want one with %q", address, want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("listen(%s): got %v, want %q in it", address, err, want)
		}
	}
}
