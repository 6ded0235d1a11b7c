package ratelimit

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
	"github.com/ulule/limiter/v3"
)

const (
	// redisPrefix begins every key, so that Redis can be shared with others
	// and an ACL can name what this program touches: ~ratelimit:*
	redisPrefix = "ratelimit:"
	// budget bounds a call to Redis. A request can wait for two of them, the
	// first attempt to connect and its own count, and 100 ms are the promise.
	budget = 50 * time.Millisecond
	// probeInterval is the least time between two attempts to reach Redis.
	probeInterval = 250 * time.Millisecond
	// hiccupInterval is the least time between two lines in the log about
	// failures that were over at the first attempt to connect again.
	hiccupInterval = time.Minute
)

// script counts in one round trip, atomically. KEYS[1] is the counter, ARGV[1]
// what to add, ARGV[2] the window in milliseconds. It answers with the count
// and the milliseconds left.
//
// Two kinds of keys would block a client for ever or fail for ever, and are
// repaired: one that has no TTL, or a longer one than the window since the
// period was changed, and one that holds no number.
const script = `
local count = redis.pcall('INCRBY', KEYS[1], ARGV[1])
if type(count) == 'table' then
  if not (count.err:find('WRONGTYPE') or count.err:find('not an integer')) then
    return count
  end
  redis.call('SET', KEYS[1], ARGV[1])
  count = tonumber(ARGV[1])
end
local left = redis.call('PTTL', KEYS[1])
if left < 0 or left > tonumber(ARGV[2]) then
  left = tonumber(ARGV[2])
  redis.call('PEXPIRE', KEYS[1], left)
end
return {count, left}
`

// Redis is a limiter.Store whose counters all replicas share: together they
// grant exactly the limit. Windows are fixed and start with a client's first
// request, as in Memory.
//
// While Redis does not answer, each process counts alone, in its Memory. The
// first call that fails takes the link to Redis away from all requests, so
// that none waits any more, and a single goroutine tries to get a new one: it
// connects and counts twice, by the same script and within the same budget as
// requests do. A PING would pass where Redis is out of memory, read-only or
// slow, and the state would flap. If the first attempt succeeds, it was a
// hiccup, and the state stays up; else both changes are logged once.
//
// A window that is used up stays so: its counter is kept in Memory until it
// ends, is answered from there without a call, and blocks through an outage.
// What was counted in one place is not carried to the other: a client may get
// up to one more window from each process when Redis fails.
//
// The client is rueidis, not ulule's store on go-redis: it sends the calls of
// concurrent requests together. With 64 of them a call costs this process 5 µs
// of CPU instead of 25 (go test -bench IncrementBy64 shows today's figure).
type Redis struct {
	local  *Memory
	log    *slog.Logger
	option rueidis.ClientOption
	count  *rueidis.Lua

	link  atomic.Pointer[link] // nil: count in local
	up    atomic.Bool          // as logged
	tried chan struct{}        // closed after the first attempt to connect

	stop    context.CancelFunc
	stopped chan struct{}
}

// NewRedis counts in the Redis that url names (parseRedisURL tells how), and in
// fallback while that does not answer. It returns at once, whether Redis can
// be reached or not; an error says that url is none. The caller must Close.
func NewRedis(url string, fallback *Memory, log *slog.Logger) (*Redis, error) {
	option, err := parseRedisURL(url)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &Redis{
		local:   fallback,
		log:     log,
		option:  option,
		count:   rueidis.NewLuaScript(script),
		tried:   make(chan struct{}),
		stop:    stop,
		stopped: make(chan struct{}),
	}
	go r.run(ctx)
	return r, nil
}

// Close ends the connections and the goroutine. Requests that still come are
// counted in this process.
func (r *Redis) Close() {
	r.stop()
	<-r.stopped
}

// State is "up" or "down". It does not ask Redis: a lost connection is noticed
// by itself, a Redis that hangs or refuses to write by the next request, or by
// the ping of an idle connection.
func (r *Redis) State() string {
	if r.up.Load() {
		return "up"
	}
	return "down"
}

// Increment adds count to the key's counter; its error is always nil. The
// caller's context is not used: who hangs up early has made a request all the
// same, and the budget ends the call soon enough.
func (r *Redis) Increment(ctx context.Context, key string, count int64, rate limiter.Rate) (limiter.Context, error) {
	l := r.current()
	if l == nil {
		return r.local.Increment(ctx, key, count, rate)
	}
	if c, ok := r.local.usedUp(key, rate); ok {
		return c.context(rate), nil
	}
	c, err := l.add(r.count, redisPrefix+key, count, rate)
	if err != nil {
		r.drop(l, failure{key, err})
		return r.local.Increment(ctx, key, count, rate)
	}
	if c.over() {
		r.local.keep(key, c)
	}
	return c.context(rate), nil
}

// Get counts one request.
func (r *Redis) Get(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return r.Increment(ctx, key, 1, rate)
}

// Peek reads the key's counter without counting.
func (r *Redis) Peek(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	l := r.current()
	if l == nil {
		return r.local.Peek(ctx, key, rate)
	}
	if c, ok := r.local.usedUp(key, rate); ok {
		return c.context(rate), nil
	}
	c, err := l.read(redisPrefix+key, rate)
	if err != nil {
		r.drop(l, failure{key, err})
		return r.local.Peek(ctx, key, rate)
	}
	return c.context(rate), nil
}

// Reset forgets the key's counter: in this process, and in Redis if it
// answers. Another process that knows the window to be used up keeps to that.
func (r *Redis) Reset(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	if l := r.current(); l != nil {
		if err := l.forget(redisPrefix + key); err != nil {
			r.drop(l, failure{key, err})
		}
	}
	return r.local.Reset(ctx, key, rate)
}

// current is the link to count through; nil: count in this process. Before the
// first attempt to connect has ended, it waits for that, so that a new replica
// does not grant a limit of its own.
func (r *Redis) current() *link {
	if l := r.link.Load(); l != nil {
		return l
	}
	select {
	case <-r.tried:
		return nil
	default:
	}
	select {
	case <-r.tried:
	case <-time.After(budget):
	}
	return r.link.Load()
}

// drop takes a link that failed away from all requests.
func (r *Redis) drop(l *link, f failure) {
	if r.link.CompareAndSwap(l, nil) {
		l.failed <- f // there is room: only who swapped sends
	}
}

// run gets a link, offers it to requests until it fails, and gets the next,
// until ctx ends.
func (r *Redis) run(ctx context.Context) {
	defer close(r.stopped)
	last := failure{key: "start"}
	hiccups, told := 0, time.Time{}
	for first := true; ; first = false {
		next := time.After(probeInterval) // a link that fails at once must not make this loop spin
		l, err := r.open(ctx, last.key)
		switch {
		case ctx.Err() != nil: // closing: neither lost nor found
		case err == nil:
			r.link.Store(l)
			if wasUp := r.up.Load(); !wasUp && !first {
				r.log.Info("Redis is available; it counts the requests of all replicas")
			} else if wasUp {
				hiccups++
			}
			if hiccups > 0 && time.Since(told) > hiccupInterval {
				r.log.Warn("Redis failed for a moment, in which each process counted requests alone",
					"times", hiccups, "error", r.redact(last.err))
				hiccups, told = 0, time.Now()
			}
			r.up.Store(true) // after the log: who sees a change can read of it
		case r.up.Load() || first:
			r.log.Warn("Redis is not available; until it is, each process counts requests alone", "error", r.redact(err))
			r.up.Store(false)
		}
		if first {
			close(r.tried)
		}
		if err == nil {
			last = r.watch(ctx, l)
			r.link.Store(nil)
			l.close()
		}
		select {
		case <-next:
		case <-ctx.Done():
			return
		}
	}
}

// open makes a link and tries it for the key that failed last: in a cluster,
// that asks the node that failed.
func (r *Redis) open(ctx context.Context, key string) (*link, error) {
	l, err := newLink(ctx, r.option)
	if err != nil {
		return nil, err
	}
	if err := r.probe(l, key); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// watch returns when the link is to be given up, and why.
func (r *Redis) watch(ctx context.Context, l *link) failure {
	for {
		select {
		case <-ctx.Done():
			return failure{}
		case f := <-l.failed:
			return f
		case <-l.closed: // an idle connection, or one of several
			if err := r.probe(l, "closed"); err != nil {
				return failure{"closed", err}
			}
		}
	}
}

// probe does twice what requests do, to a counter of its own that lives for a
// second. The braces put it on the node of a Redis Cluster that has the key.
func (r *Redis) probe(l *link, key string) error {
	probe := redisPrefix + "probe:{" + redisPrefix + key + "}"
	for range 2 {
		if _, err := l.add(r.count, probe, 1, limiter.Rate{Limit: 1, Period: time.Second}); err != nil {
			return err
		}
	}
	return nil
}

// redact is the error's text without the password: a server or proxy that does
// not know HELLO may repeat its arguments.
func (r *Redis) redact(err error) string {
	if r.option.Password == "" {
		return err.Error()
	}
	return strings.ReplaceAll(err.Error(), r.option.Password, "***")
}

// add runs the script.
func (l *link) add(count *rueidis.Lua, key string, n int64, rate limiter.Rate) (counter, error) {
	ctx, cancel := context.WithTimeout(context.Background(), budget)
	defer cancel()
	// Redis drops a key up to a millisecond after its TTL has ended: with one
	// less, a client that waits for the whole period is never early.
	window := max(rate.Period.Milliseconds()-1, 1)
	reply, err := count.Exec(ctx, l.client, []string{key},
		[]string{strconv.FormatInt(n, 10), strconv.FormatInt(window, 10)}).AsIntSlice()
	if err != nil {
		return counter{}, err
	}
	if len(reply) != 2 {
		return counter{}, errReply
	}
	return remote(reply[0], reply[1], rate), nil
}

// read asks for the key's count and the milliseconds left.
func (l *link) read(key string, rate limiter.Rate) (counter, error) {
	ctx, cancel := context.WithTimeout(context.Background(), budget)
	defer cancel()
	replies := l.client.DoMulti(ctx,
		l.client.B().Get().Key(key).Build(),
		l.client.B().Pttl().Key(key).Build())
	count, err := replies[0].AsInt64()
	if rueidis.IsRedisNil(err) {
		return counter{}.add(0, rate, time.Now().UnixNano()), nil
	}
	if err != nil {
		return counter{}, err
	}
	left, err := replies[1].AsInt64()
	if err != nil {
		return counter{}, err
	}
	return remote(count, max(left, 0), rate), nil
}

func (l *link) forget(key string) error {
	ctx, cancel := context.WithTimeout(context.Background(), budget)
	defer cancel()
	return l.client.Do(ctx, l.client.B().Del().Key(key).Build()).Error()
}

// remote is a counter in Redis whose TTL is left, in milliseconds; by this
// process's clock, so that the clocks need not agree.
func remote(count, left int64, rate limiter.Rate) counter {
	end := time.Now().Add(time.Duration(left+1) * time.Millisecond)
	return counter{count: count, limit: rate.Limit, end: end.UnixNano()}
}

// usedUp is the key's counter, if that is over its limit in a window that has
// not ended.
func (m *Memory) usedUp(key string, rate limiter.Rate) (counter, bool) {
	s := m.shard(key)
	s.mu.Lock()
	c := s.counters[key]
	s.mu.Unlock()
	return c, c.over() && c.runs(rate, time.Now().UnixNano())
}

// keep stores a counter that was made elsewhere, if there is room: within the
// bound, and not in the place of one that is over its limit.
func (m *Memory) keep(key string, c counter) {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.counters[key]; known || len(s.counters) < s.max || s.evict(time.Now().UnixNano()) {
		s.counters[key] = c
	}
}
