package simulation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing/synctest"
	"time"

	"github.com/ulule/limiter/v3"

	"example.com/api/config"
)

// Server is the program under test. It serves until ctx ends and returns nil,
// or an error that says which requests it has cut off.
type Server func(ctx context.Context, s config.Settings, n *Network, stderr io.Writer) error

// scenario is a set of settings.
type scenario struct {
	settings  config.Settings
	anyOrigin bool // ALLOWED_ORIGINS=*
	redis     bool
	proxied   bool // clients come through a trusted proxy
}

// Resource is what the simulation must know about a resource with tables of its
// own, to send requests for it and to judge the responses.
type Resource struct {
	statements statements
	routes     func(path string) *route // nil for a path that is not its own
	request    func(w *world, v *visitor) *request
	create     func(w *world, v *visitor) *request // must succeed while the database is well
	change     func(w *world, v *visitor) *request // a change in a transaction
	verify     func(w *world) error                // compares what was stored with what clients were told
}

const (
	// freeBytes of each body are not counted in MAX_BUFFERED_BYTES.
	freeBytes = 8 << 10
	// readAhead is what net/http may have read of a body that no handler has seen.
	readAhead = 4 << 10
)

const (
	firstPostgres  = "10.1.0.1:5432"
	secondPostgres = "10.1.0.2:5432"
	redisAddress   = "10.2.0.1:6379"
)

// world is one run of the simulation.
type world struct {
	rng      *rand.Rand
	start    time.Time
	scenario scenario
	settings config.Settings
	rates    map[string]limiter.Rate // by policy, without those that are off
	network  *Network
	database *cluster
	redis    *redisServer
	log      *logReader
	resource *Resource // nil: none
	clients  []*client
	visitors []*visitor
	events   []event // in the order of time
	numbered int     // events that were planned
	requests int
	tick     int // observations

	databaseTrouble, wrong, redisTrouble spans
	full                                 spans       // no file descriptor was left
	redisChanges                         []time.Time // when a fault of Redis began or ended
	ledger                               *ledger
	uncounted                            map[string]int // requests without a response, by policy and client
	flooders                             map[netip.Addr]bool
	buffered                             map[int]int64 // bytes of bodies that were held, by tick

	stop    context.CancelFunc
	stopped time.Time // when SIGTERM came; zero: not yet
	ended   chan error
	endedAt time.Time
	result  error
	trace   []string
	played  int    // lines of the trace before SIGTERM
	failure string // the first
	healed  bool   // no fault begins or ends any more
}

type event struct {
	at     time.Time
	number int
	name   string
	do     func()
}

// now is the virtual time since the start.
func (w *world) now() time.Duration { return time.Since(w.start) }

// after plans an event.
func (w *world) after(d time.Duration, name string, do func()) {
	w.numbered++
	e := event{time.Now().Add(d), w.numbered, name, do}
	i, _ := slices.BinarySearchFunc(w.events, e, func(a, b event) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.number - b.number
	})
	w.events = slices.Insert(w.events, i, e)
}

// between returns a random duration, to the nanosecond, so that no two events
// happen at the same time.
func (w *world) between(low, high time.Duration) time.Duration {
	return low + time.Duration(w.rng.Int64N(int64(high-low)))
}

func (w *world) chance(percent int) bool { return w.rng.IntN(100) < percent }

func (w *world) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%12s %s", w.now().Round(time.Microsecond), fmt.Sprintf(format, args...)))
}

func (w *world) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.note("FAIL %s", text)
	if w.failure == "" {
		w.failure = text
	}
}

// run serves, plays the events and returns when the server has ended.
func (w *world) run(server Server) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.stop = cancel
	w.ended = make(chan error, 1)
	go func() { w.ended <- server(ctx, w.settings, w.network, w.log) }()
	synctest.Wait()
	for len(w.events) > 0 && w.failure == "" {
		e := w.events[0]
		w.events = w.events[1:]
		time.Sleep(time.Until(e.at))
		synctest.Wait()
		w.observe()
		if w.failure != "" {
			break
		}
		if e.name != "" {
			w.note("%s", e.name)
		}
		e.do()
		synctest.Wait()
		w.observe()
	}
	if w.stopped.IsZero() {
		w.sigterm()
	}
	w.awaitEnd()
	w.checkEnd()
}

// sigterm ends the server's context.
func (w *world) sigterm() {
	w.stopped = time.Now()
	w.played = len(w.trace)
	w.note("SIGTERM")
	w.stop()
}

// drainLimit is how long the server may take to end after SIGTERM: the delay,
// the time for connections to end, the requests in flight, and the last lines
// of a log that blocks.
func (w *world) drainLimit() time.Duration {
	return w.settings.ShutdownDelay + 500*time.Millisecond + w.settings.ShutdownTimeout + 2*time.Second
}

func (w *world) awaitEnd() {
	limit := w.stopped.Add(w.drainLimit())
	for w.endedAt.IsZero() && time.Now().Before(limit) {
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		w.observe()
	}
	if w.endedAt.IsZero() && w.failure == "" {
		w.fail("the server has not ended %s after SIGTERM", w.drainLimit())
	}
}

// checkEnd checks what holds after the end, and lets everything go that may
// still wait.
func (w *world) checkEnd() {
	w.database.heal()
	w.redis.heal()
	w.log.set(false, true)
	for _, c := range w.clients {
		if !c.over {
			c.conn.abort()
		}
	}
	if w.endedAt.IsZero() {
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		return
	}
	// pgx closes a connection whose statement was cut off in the background.
	time.Sleep(20 * time.Second)
	synctest.Wait()
	for _, p := range w.database.servers {
		p.kill()
	}
	w.redis.kill()
	synctest.Wait()
	if left := goroutines(); len(left) > 0 && w.failure == "" {
		w.fail("%d goroutines are left after the end:\n%s", len(left), strings.Join(left, "\n\n"))
	}
	w.checkBuffered()
	if len(w.database.unknown) > 0 {
		w.fail("the model of PostgreSQL does not know %q", w.database.unknown)
	}
	if w.resource != nil && w.failure == "" {
		if err := w.resource.verify(w); err != nil {
			w.fail("%v", err)
		}
	}
}

// goroutines returns the stacks of the goroutines in this bubble, without those
// of the simulation itself.
func goroutines() []string {
	text := make([]byte, 1<<20)
	text = text[:runtime.Stack(text, true)]
	all := strings.Split(string(text), "\n\n")
	head, _, _ := strings.Cut(all[0], "\n")
	_, bubble, _ := strings.Cut(strings.TrimRight(head, "]:"), "synctest bubble ")
	return slices.DeleteFunc(all[1:], func(stack string) bool {
		head, _, _ := strings.Cut(stack, "\n")
		return !strings.HasSuffix(strings.TrimRight(head, "]:"), "synctest bubble "+bubble) ||
			strings.Contains(stack, "synctest.Run(") || strings.Contains(stack, "testingSynctestTest(")
	})
}

// observe takes what has arrived at the clients and judges it.
func (w *world) observe() {
	w.tick++
	if w.endedAt.IsZero() {
		select {
		case w.result = <-w.ended:
			w.endedAt = time.Now()
			w.note("the server ended: %v", w.result)
		default:
		}
	}
	for _, c := range w.clients {
		if c.over {
			continue
		}
		w.measure(c)
		pending := c.pending
		responses, err := c.receive()
		var within time.Duration
		for _, q := range pending[:min(len(responses), len(pending))] {
			within += q.mayTake()
		}
		for i, r := range responses {
			r.within = within
			if i >= len(pending) {
				w.fail("%s: a response to no request: %s", c.name, r.Status)
				return
			}
			w.answer(pending[i], r)
			c.last = r.at
			c.closing = c.closing || r.Close
		}
		if err == nil {
			continue
		}
		c.over = true
		if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			w.fail("%s: %v", c.name, err)
			return
		}
		for _, q := range c.pending {
			w.lose(q, err)
		}
		c.pending = nil
	}
	w.clients = slices.DeleteFunc(w.clients, func(c *client) bool { return c.over })
}

// measure records how much of its body the server has read of the request that
// a connection is sending.
func (w *world) measure(c *client) {
	if len(c.pending) == 0 || c.pending[len(c.pending)-1].body == nil {
		return
	}
	q := c.pending[len(c.pending)-1]
	_, read := c.conn.progress()
	if n := read - q.bodyFrom - freeBytes - readAhead; q.bodyFrom > 0 && n > 0 {
		q.held[w.tick] = n
	}
}

// bodies returns the requests whose bodies a handler may hold in memory.
func (w *world) bodies() (found []*request) {
	for _, c := range w.clients {
		for _, q := range c.pending {
			if q.readsBody && q.bodyFrom > 0 {
				found = append(found, q)
			}
		}
	}
	return found
}

// checkBuffered checks that the bodies that handlers held never took more than
// MAX_BUFFERED_BYTES.
func (w *world) checkBuffered() {
	for _, n := range w.buffered {
		if n > w.settings.MaxBufferedBytes && w.failure == "" {
			w.fail("handlers held %d bytes of bodies, but MAX_BUFFERED_BYTES=%d", n, w.settings.MaxBufferedBytes)
		}
	}
}

// answer judges the response to a request.
func (w *world) answer(q *request, r *response) {
	switch {
	case !w.flooding(q.client):
		w.note("%s: %s -> %d%s", q.conn.name, q, r.StatusCode, remaining(r))
	case r.StatusCode == http.StatusTooManyRequests || r.StatusCode == http.StatusUnsupportedMediaType:
		w.note("%s: %s", q.conn.name, q) // which of them lose their counters is left to chance
	default:
		w.fail("%s: %s -> %d", q.conn.name, q, r.StatusCode)
	}
	if r.StatusCode >= 500 {
		w.note("%s", strings.ReplaceAll(string(r.body), r.Header.Get("X-Request-Id"), q.id))
	}
	if q.settle != nil {
		q.settle()
	}
	if err := w.judge(q, r); err != nil {
		w.fail("%s: %s -> %d: %v", q.conn.name, q, r.StatusCode, err)
	}
	if q.readsBody && isAPIHost(q.host) && slices.Contains([]int{200, 201, 400, 408, 422}, r.StatusCode) {
		for tick, n := range q.held {
			w.buffered[tick] += n
		}
	}
	if q.answered != nil && w.failure == "" {
		q.answered(r)
	}
}

// remaining is the part of a response's limit that the trace shows.
func remaining(r *response) string {
	if n := r.Header.Get("X-Ratelimit-Remaining"); n != "" {
		return " (remaining " + n + ")"
	}
	return ""
}

// lose judges whether a request may get no response.
func (w *world) lose(q *request, err error) {
	w.note("%s: %s is lost: %v", q.conn.name, q, err)
	if policy := q.policy(); policy != "" {
		w.uncounted[ledgerKey(policy, q.client)]++
	}
	if q.unanswered != nil {
		q.unanswered()
	}
	switch {
	case q.conn.gaveUp, q.conn.closing:
	case w.late(q), w.cutOff():
	case !w.stopped.IsZero() && w.full.overlaps(q.begunAt, time.Now()): // its connection waited when the listener was closed
	case !w.stopped.IsZero() && (len(q.conn.pending) > 1 || q.conn.window > 0):
		// net/http closes the connection although requests are pipelined behind
		// this one, which resets it.
	case q.headAt.IsZero() && time.Since(q.begunAt) >= 5*time.Second: // headers too slow
	case q.headAt.IsZero() && w.full.overlaps(q.begunAt, time.Now()): // until its headers are complete, its connection counts as idle
	case q.conn.pending[0].is("Expect: 100-continue"): // it did not wait, and nobody reads the body of one that is refused
	case q.conn.window > 0 && time.Since(q.lastAt) >= 25*time.Second: // reads too slowly
	default:
		w.fail("%s: %s: no response: %v", q.conn.name, q, err)
	}
}

// late reports whether a request came too late for a server that is shutting down:
// its head was not complete when connections began to close, or it was pipelined
// behind a request whose response came later.
func (w *world) late(q *request) bool {
	if w.stopped.IsZero() {
		return false
	}
	closes := w.stopped.Add(w.settings.ShutdownDelay)
	if w.settings.ShutdownDelay > 0 {
		closes = closes.Add(500 * time.Millisecond)
	}
	return q.headAt.IsZero() || !q.headAt.Before(closes) || q.conn.last.After(q.headAt)
}

// cutOff reports whether SHUTDOWN_TIMEOUT has passed.
func (w *world) cutOff() bool {
	return !w.stopped.IsZero() && time.Since(w.stopped) >= w.settings.ShutdownTimeout+w.settings.ShutdownDelay
}

// flooding reports whether a client takes part in a flood.
func (w *world) flooding(client netip.Addr) bool { return w.flooders[client] }

// crowded reports whether the settings allow fewer counters than there are clients
// without a flood. Then clients of different networks share counters too.
func (w *world) crowded() bool { return w.settings.RateLimitMaxClients < 64 }

// places returns in how many places requests may have been counted: in this process,
// and in Redis, again after each change of its state.
func (w *world) places(from, to time.Time) int {
	if !w.scenario.redis {
		return 1
	}
	n := 1
	for _, at := range w.redisChanges {
		if !at.Before(from) && !at.After(to) {
			n += 2
		}
	}
	if w.redisTrouble.overlaps(from, to) {
		n++
	}
	return n
}
