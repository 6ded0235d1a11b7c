package simulation

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func pair() (*Conn, *Conn) {
	return newPair(netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:2"))
}

// What is written arrives, and then the end.
func TestConnPassesBytes(t *testing.T) {
	t.Parallel()
	a, b := pair()
	for _, text := range []string{"one ", "two"} {
		if n, err := a.Write([]byte(text)); n != len(text) || err != nil {
			t.Fatalf("Write: %d, %v", n, err)
		}
	}
	if err := a.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(b)
	if string(got) != "one two" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// As with the kernel, bytes that are unread when a connection is closed, and
// bytes that arrive later, destroy what the other end has not read.
func TestConnIsReset(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(a, b *Conn){
		"closed with unread bytes": func(a, b *Conn) {
			a.push([]byte("request"))
			b.push([]byte("response"))
			b.Close()
		},
		"written to after the close": func(a, b *Conn) {
			b.push([]byte("response"))
			b.Close()
			a.push([]byte("more"))
		},
		"aborted": func(a, b *Conn) { b.abort() },
	} {
		a, b := pair()
		test(a, b)
		if n, err := a.Read(make([]byte, 8)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: got %d bytes, %v, want ECONNRESET", name, n, err)
		}
	}
}

// A reader waits until its deadline, and a writer until there is room or its
// deadline has passed.
func TestConnWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := pair()
		start := time.Now()
		a.SetReadDeadline(start.Add(3 * time.Second))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("Read: %v after %s", err, time.Since(start))
		}
		a.bound(4) // of what b may write
		go func() {
			time.Sleep(time.Second)
			a.pull(2)
		}()
		b.SetWriteDeadline(time.Now().Add(5 * time.Second))
		if n, err := b.Write([]byte("abcdefgh")); n != 6 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 8*time.Second {
			t.Errorf("Write: %d, %v after %s, want 6 of 8 bytes and 8s", n, err, time.Since(start))
		}
	})
}
