// Package simulation runs the whole server in one process, in virtual time and on a
// network in memory. A seed determines the clients and the faults. The simulation
// checks each response against what the server promises. The same seed always gives
// the same run, to the nanosecond, so a seed that fails can be replayed. (After
// SIGTERM, net/http polls its connections at random intervals.)
//
// PostgreSQL and Redis are models that speak the real protocols. What cannot be
// simulated, such as SQLite's file and real sockets, is left to other tests.
package simulation

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Network connects the server with its clients, its database and its Redis.
type Network struct {
	mu       sync.Mutex
	listener *listener                        // nil before the server listens
	full     atomic.Bool                      // the server has no file descriptor left for another client
	hosts    map[string]func(*Conn) (ok bool) // by address: accepts a connection that the server opens
}

func newNetwork() *Network { return &Network{hosts: make(map[string]func(*Conn) bool)} }

// Listen is how the server listens.
func (n *Network) Listen(address, _ string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listener = &listener{address: address, full: &n.full, queue: make(chan net.Conn, 4096), closed: make(chan struct{})}
	return n.listener, nil
}

// Dial is how the server connects to the hosts. It succeeds if the host accepts the
// connection.
func (n *Network) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n.mu.Lock()
	accept := n.hosts[address]
	n.mu.Unlock()
	local := netip.MustParseAddrPort("10.0.0.1:40000")
	own, far := newPair(local, netip.MustParseAddrPort(address))
	if accept == nil || !accept(far) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: own.RemoteAddr(), Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	return own, nil
}

// connect connects a client to the server. It returns nil if nobody listens.
func (n *Network) connect(client netip.AddrPort) *Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listener == nil {
		return nil
	}
	far, own := newPair(client, netip.MustParseAddrPort("10.0.0.1:8080"))
	select {
	case <-n.listener.closed:
		return nil
	case n.listener.queue <- own:
		return far
	}
}

type listener struct {
	address string
	full    *atomic.Bool // no file descriptor is left
	queue   chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c := <-l.queue:
		if l.full.Load() {
			l.queue <- c // it stays in the kernel's queue
			return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
		}
		if len(l.queue) > 0 {
			time.Sleep(time.Microsecond) // so that those that waited are served in an order that can be replayed
		}
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 8080} }

// stream is one direction of a connection: the bytes that have been written but not
// read.
type stream struct {
	data     []byte
	limit    int       // a writer waits while it holds this many bytes; 0: never
	eof      bool      // the writer has ended it
	reset    bool      // the connection was reset; what was not read is lost
	deaf     bool      // its reader has closed the connection
	consumed int64     // bytes read, in all
	written  time.Time // of the last byte
}

// Conn is one end of a connection. Like the kernel, it resets the connection if it is
// closed before everything that arrived was read, or if something arrives later. The
// other end then loses what it has not read.
type Conn struct {
	mu            *sync.Mutex // of both ends
	changed       *sync.Cond
	in, out       *stream
	local, remote netip.AddrPort
	closed        bool
	readDeadline  time.Time // zero: none
	writeDeadline time.Time
}

func newPair(a, b netip.AddrPort) (*Conn, *Conn) {
	mu := new(sync.Mutex)
	changed := sync.NewCond(mu)
	there, back := new(stream), new(stream)
	return &Conn{mu: mu, changed: changed, in: back, out: there, local: a, remote: b},
		&Conn{mu: mu, changed: changed, in: there, out: back, local: b, remote: a}
}

func (c *Conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// wait waits for a change, until the deadline at most.
func (c *Conn) wait(deadline time.Time) {
	if deadline.IsZero() {
		c.changed.Wait()
		return
	}
	timer := time.AfterFunc(time.Until(deadline), func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})
	c.changed.Wait()
	timer.Stop()
}

func passed(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, c.fail("read", net.ErrClosed)
		case passed(c.readDeadline):
			return 0, c.fail("read", os.ErrDeadlineExceeded)
		case c.in.reset:
			return 0, c.fail("read", os.NewSyscallError("read", syscall.ECONNRESET))
		case len(c.in.data) > 0 || len(p) == 0:
			n := copy(p, c.in.data)
			c.in.take(n)
			c.changed.Broadcast()
			return n, nil
		case c.in.eof:
			return 0, io.EOF
		}
		c.wait(c.readDeadline)
	}
}

func (s *stream) take(n int) {
	s.data = s.data[n:]
	if len(s.data) == 0 {
		s.data = nil
	}
	s.consumed += int64(n)
}

// Write implements net.Conn.
func (c *Conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	done := 0
	for {
		switch {
		case c.closed:
			return done, c.fail("write", net.ErrClosed)
		case passed(c.writeDeadline):
			return done, c.fail("write", os.ErrDeadlineExceeded)
		case c.out.reset || c.out.deaf:
			c.resetBoth()
			return done, c.fail("write", os.NewSyscallError("write", syscall.EPIPE))
		case done == len(p):
			return done, nil
		}
		n := len(p) - done
		if c.out.limit > 0 {
			n = min(n, c.out.limit-len(c.out.data))
		}
		if n <= 0 {
			c.wait(c.writeDeadline)
			continue
		}
		c.out.data = append(c.out.data, p[done:done+n]...)
		c.out.written = time.Now()
		done += n
		c.changed.Broadcast()
	}
}

func (c *Conn) resetBoth() {
	for _, s := range []*stream{c.in, c.out} {
		s.reset, s.data = true, nil
	}
	c.changed.Broadcast()
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	c.closed = true
	c.in.deaf = true
	if len(c.in.data) > 0 {
		c.resetBoth()
	}
	c.out.eof = true
	c.changed.Broadcast()
	return nil
}

// CloseWrite ends what this end sends. net/http calls it before it closes.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.eof = true
	c.changed.Broadcast()
	return nil
}

// abort resets the connection.
func (c *Conn) abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed, c.in.deaf = true, true
	c.resetBoth()
}

// push is Write without waiting.
func (c *Conn) push(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out.deaf || c.out.reset {
		c.resetBoth()
		return
	}
	c.out.data = append(c.out.data, p...)
	c.changed.Broadcast()
}

// pull is Read without waiting, of at most n bytes. The error is nil, io.EOF
// or ECONNRESET; at is when the last byte was written.
func (c *Conn) pull(n int) (data []byte, at time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in.reset {
		return nil, c.in.written, syscall.ECONNRESET
	}
	n = min(n, len(c.in.data))
	data = c.in.data[:n:n]
	c.in.take(n)
	if n > 0 {
		c.changed.Broadcast()
	}
	if c.in.eof && len(c.in.data) == 0 {
		err = io.EOF
	}
	return data, c.in.written, err
}

// progress returns how many of the bytes that this end has sent are unread, and how
// many the other end has read.
func (c *Conn) progress() (unread int, read int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.out.data), c.out.consumed
}

// bound makes the other end wait while more than n bytes are unread.
func (c *Conn) bound(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in.limit = n
	c.changed.Broadcast()
}

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.set(&c.readDeadline, t) }

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.set(&c.writeDeadline, t) }

func (c *Conn) set(deadline *time.Time, t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.fail("set", net.ErrClosed)
	}
	*deadline = t
	c.changed.Broadcast()
	return nil
}
