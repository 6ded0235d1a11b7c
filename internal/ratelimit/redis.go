package ratelimit

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	// callTimeout bounds a call to Redis. A request must not wait more than 100 ms for
	// Redis, and it can wait for two calls: the first attempt to connect, and its own.
	callTimeout = 50 * time.Millisecond
	// connectInterval is the minimum time between two attempts to connect.
	connectInterval = 250 * time.Millisecond
	// interruptionInterval is the minimum time between two log lines about failures
	// after which the first attempt to reconnect succeeded.
	interruptionInterval = time.Minute
)

// Redis is a Store whose counters all replicas share: together they grant exactly
// the limit, in the same sliding windows as Memory. ulule's own Redis store could
// replace it, but its windows are fixed.
//
// While Redis does not respond, each process counts on its own, in its Memory. The
// first call that fails takes the connection away from all requests, so that none
// waits any longer, and a single goroutine reconnects. To see whether the new
// connection works, it counts twice with the same script and timeout as requests do.
// A PING would succeed even if Redis is out of memory, read-only or slow, and the
// state would flap. If the first attempt succeeds, the state stays up. Otherwise,
// both changes are logged once.
//
// A window that is used up stays so until its oldest part leaves. Until then, it is
// also kept in Memory, so requests are rejected without a call, even while Redis is
// down. Other counts are not carried over: when Redis fails, each process may grant
// a client its limit once more.
//
// The client is rueidis, not ulule's store on go-redis, because it pipelines
// the calls of concurrent requests: with 64 of them, a call costs this process
// 6 µs of CPU time instead of 25 (go test -bench IncrementBy64).
type Redis struct {
	local  *Memory
	log    *slog.Logger
	prefix string
	option rueidis.ClientOption // changed only by maintain; the password never
	script *rueidis.Lua

	connection atomic.Pointer[connection] // nil: count in local
	up         atomic.Bool                // as logged
	fallbacks  atomic.Int64               // see Fallbacks
	attempted  chan struct{}              // closed after the first attempt to connect

	stop    context.CancelFunc
	stopped chan struct{}
}

// NewRedis counts in the Redis that url names (see CheckURL), and in fallback while
// it does not respond. The prefix begins every key, so that several programs can
// share a Redis, and so that an ACL can name the keys of this one: ~ratelimit:*
//
// The function dial connects to Redis; nil means net.Dialer's.
//
// NewRedis returns at once, whether or not Redis can be reached. Its error says what
// is wrong with the URL. The caller must Close the result.
func NewRedis(url, prefix string, dial func(ctx context.Context, network, address string) (net.Conn, error), fallback *Memory, log *slog.Logger) (*Redis, error) {
	option, err := parseRedisURL(url)
	if err != nil {
		return nil, err
	}
	if dial != nil {
		option.DialCtxFn = func(ctx context.Context, address string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return dial(ctx, "tcp", address)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &Redis{
		local:     fallback,
		log:       log,
		prefix:    prefix,
		option:    option,
		script:    rueidis.NewLuaScript(script),
		attempted: make(chan struct{}),
		stop:      stop,
		stopped:   make(chan struct{}),
	}
	go r.maintain(ctx)
	return r, nil
}

// Close ends the connections and the goroutine. Later requests are counted in this
// process.
func (r *Redis) Close() {
	r.stop()
	<-r.stopped
}

// State returns "up" or "down" without asking Redis. A lost connection is noticed at
// once. A Redis that hangs or rejects writes is noticed by the next request, or by
// the ping of an idle connection.
func (r *Redis) State() string {
	if r.up.Load() {
		return "up"
	}
	return "down"
}

// Fallbacks returns how many requests have been counted in this process because
// Redis did not respond.
func (r *Redis) Fallbacks() int64 { return r.fallbacks.Load() }

// Increment counts n requests, which must not be negative, if all of them are
// within the limit. Its error is always nil. It does not use the caller's
// context: a client that disconnects early has still made a request, and
// callTimeout ends the call soon enough.
func (r *Redis) Increment(ctx context.Context, key string, n int64, rate Rate) (State, error) {
	c, err := r.count(key, n, rate)
	if err != nil {
		r.fallbacks.Add(1)
		return r.local.Increment(ctx, key, n, rate)
	}
	return c, nil
}

// Get counts one request.
func (r *Redis) Get(ctx context.Context, key string, rate Rate) (State, error) {
	return r.Increment(ctx, key, 1, rate)
}

// Peek reads the key's counter without counting. Reached says whether a request
// would be rejected.
func (r *Redis) Peek(ctx context.Context, key string, rate Rate) (State, error) {
	c, err := r.count(key, 0, rate)
	if err != nil {
		return r.local.Peek(ctx, key, rate)
	}
	c.Reached = c.Remaining == 0
	return c, nil
}

// Reset forgets the key's counter in this process and, if Redis responds, in Redis.
// Another process that knows that the window is used up does not forget it.
func (r *Redis) Reset(ctx context.Context, key string, rate Rate) (State, error) {
	if c := r.current(); c != nil {
		if err := c.forget(r.key(key, rate)); err != nil {
			r.markDown(c, failure{key, err})
		}
	}
	return r.local.Reset(ctx, key, rate)
}

// count counts n requests in Redis, unless this process knows that the window is
// used up. It fails if Redis fails.
func (r *Redis) count(key string, n int64, rate Rate) (State, error) {
	c := r.current()
	if c == nil {
		return State{}, errDown
	}
	if state, ok := r.local.usedUp(key, n, rate); ok {
		return state, nil
	}
	reply, err := c.count(r.script, r.key(key, rate), n, rate)
	if err != nil {
		r.markDown(c, failure{key, err})
		return State{}, err
	}
	now := time.Now() // later than in the script: the wait is never too short
	if reply.total >= rate.Limit {
		r.local.block(key, rate, now.Add(reply.wait))
	}
	return state(rate.Limit, reply.total, reply.granted, now, reply.wait), nil
}

// key returns the counter's key in Redis. It contains the period, because windows of
// different periods cannot be compared.
func (r *Redis) key(key string, rate Rate) string {
	return r.prefix + key + "/" + rate.Period.String()
}

// current returns the connection, or nil to count in this process. It waits for the
// first attempt to connect, so that a new replica does not grant its own limit.
func (r *Redis) current() *connection {
	if c := r.connection.Load(); c != nil {
		return c
	}
	select {
	case <-r.attempted:
		return nil
	default:
	}
	select {
	case <-r.attempted:
	case <-time.After(callTimeout):
	}
	return r.connection.Load()
}

// markDown takes a connection that failed away from all requests.
func (r *Redis) markDown(c *connection, f failure) {
	if r.connection.CompareAndSwap(c, nil) {
		c.failed <- f // does not block: only one caller swaps
	}
}

// maintain connects, offers the connection to requests until it fails, and
// connects again, until ctx ends.
func (r *Redis) maintain(ctx context.Context) {
	defer close(r.stopped)
	last := failure{key: "start"}
	interruptions, lastLogged := 0, time.Time{}
	for first := true; ; first = false {
		next := time.After(connectInterval) // a connection that fails at once must not make this loop spin
		c, err := r.connect(ctx, last.key)
		switch {
		case ctx.Err() != nil: // closing
		case err == nil:
			r.connection.Store(c)
			if wasUp := r.up.Load(); !wasUp && !first {
				r.log.Info("Redis is available; it counts the requests of all replicas")
			} else if wasUp {
				interruptions++
			}
			if interruptions > 0 && time.Since(lastLogged) > interruptionInterval {
				r.log.Warn("Redis failed for a moment, during which each process counted requests on its own",
					"times", interruptions, "error", r.redact(last.err))
				interruptions, lastLogged = 0, time.Now()
			}
			r.up.Store(true) // after the log, so that whoever sees the change can read about it
		case r.up.Load() || first:
			r.log.Warn("Redis is not available; until it is, each process counts requests on its own", "error", r.redact(err))
			r.up.Store(false)
		}
		if first {
			close(r.attempted)
		}
		if err == nil {
			last = r.monitor(ctx, c)
			r.connection.Store(nil)
			c.close()
		}
		select {
		case <-next:
		case <-ctx.Done():
			return
		}
	}
}

// connect makes a connection and probes it with the key that failed last, which in a
// cluster is on the node that failed.
//
// A single server that replies MOVED is a node of a cluster, and is used as one from
// then on. Only a cluster is asked for its nodes, so the user of a single server does
// not need that permission.
func (r *Redis) connect(ctx context.Context, key string) (*connection, error) {
	c, err := r.connectOnce(ctx, key)
	if hasPrefix(err, "MOVED") && r.option.ForceSingleClient && r.option.Sentinel.MasterSet == "" {
		r.option.ForceSingleClient = false
		c, err = r.connectOnce(ctx, key)
	}
	if errors.Is(err, errNoCluster) { // not one, or no longer
		r.option.ForceSingleClient = len(r.option.InitAddress) == 1
	}
	return c, err
}

func (r *Redis) connectOnce(ctx context.Context, key string) (*connection, error) {
	c, err := connect(ctx, r.option)
	if err != nil {
		return nil, err
	}
	if err := r.probe(c, key); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// monitor returns the failure that ends the use of the connection. While no Sentinel
// responds, the primary remains the one that was named last.
func (r *Redis) monitor(ctx context.Context, c *connection) failure {
	var ask <-chan time.Time // nil without Sentinel
	if r.option.Sentinel.MasterSet != "" {
		ticker := time.NewTicker(sentinelInterval)
		defer ticker.Stop()
		ask = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return failure{}
		case f := <-c.failed:
			return f
		case <-c.closed: // an idle connection, or one of several
			if err := r.probe(c, "closed"); err != nil {
				return failure{"closed", err}
			}
		case <-ask:
			if address, err := primary(ctx, r.option); err == nil && address != c.address {
				return failure{"failover", errFailover}
			}
		}
	}
}

// probe does twice what requests do. Its counter lives for a second, and its limit is
// never reached, so that it writes. The braces put the counter on the node of a Redis
// Cluster that holds the key.
func (r *Redis) probe(c *connection, key string) error {
	rate := Rate{Limit: 1 << 40, Period: time.Second}
	probe := r.prefix + "probe:{" + r.key(key, rate) + "}"
	for range 2 {
		if _, err := c.count(r.script, probe, 1, rate); err != nil {
			return err
		}
	}
	return nil
}

// redact returns the error's text without the password, because a server or proxy
// that does not know HELLO may repeat its arguments.
func (r *Redis) redact(err error) string {
	if r.option.Password == "" {
		return err.Error()
	}
	return strings.ReplaceAll(err.Error(), r.option.Password, "***")
}
