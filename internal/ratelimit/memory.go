package ratelimit

import (
	"context"
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/ulule/limiter/v3"
)

const (
	// maxShards is how many locks the counters are spread over.
	maxShards = 64
	// minShardSize keeps small stores in few shards: a shard that holds only
	// a handful would be full while others are empty.
	minShardSize = 256
	// sample is how many counters are looked at to find one that can go.
	sample = 8
)

// Memory is a limiter.Store with a bound: it keeps at most so many counters,
// and drops the least used when a new client comes. Windows are fixed and
// start with a client's first request. It needs no Close: nothing runs when
// nobody calls.
type Memory struct {
	seed   maphash.Seed
	shards []shard
}

type shard struct {
	mu       sync.Mutex
	counters map[string]counter
	max      int
	// overflow counts newcomers together, by policy, while each counter kept
	// is over its limit. There are as many as policies, made on need.
	overflow map[string]counter
}

// counter is the requests of one client in its window.
type counter struct {
	count int64
	limit int64
	end   int64 // Unix nanoseconds
}

func (c counter) over() bool { return c.count > c.limit }

// NewMemory keeps at most maxClients counters, which must be at least 1.
func NewMemory(maxClients int) *Memory {
	shards := min(max(maxClients/minShardSize, 1), maxShards)
	m := &Memory{seed: maphash.MakeSeed(), shards: make([]shard, shards)}
	for i := range m.shards {
		m.shards[i] = shard{
			max:      maxClients / shards,
			counters: make(map[string]counter),
			overflow: make(map[string]counter),
		}
	}
	return m
}

// Len is the number of counters kept, ended windows included.
func (m *Memory) Len() int {
	n := 0
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		n += len(s.counters)
		s.mu.Unlock()
	}
	return n
}

// Increment adds count to the key's counter. Of limiter.Context, Reset is
// Unix seconds rounded up: at that time the window has surely ended.
func (m *Memory) Increment(_ context.Context, key string, count int64, rate limiter.Rate) (limiter.Context, error) {
	now := time.Now().UnixNano()
	s := m.shard(key)
	s.mu.Lock()
	c, known := s.counters[key]
	switch {
	case known || len(s.counters) < s.max || s.evict(now):
		c = c.add(count, rate, now)
		s.counters[key] = c
	default:
		policy, _, _ := strings.Cut(key, ":")
		c = s.overflow[policy].add(count, rate, now)
		s.overflow[policy] = c
	}
	s.mu.Unlock()
	return c.context(rate), nil
}

// Get counts one request.
func (m *Memory) Get(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return m.Increment(ctx, key, 1, rate)
}

// Peek reads the key's counter without counting.
func (m *Memory) Peek(_ context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	s := m.shard(key)
	s.mu.Lock()
	c := s.counters[key]
	s.mu.Unlock()
	return c.add(0, rate, time.Now().UnixNano()).context(rate), nil
}

// Reset forgets the key's counter.
func (m *Memory) Reset(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	s := m.shard(key)
	s.mu.Lock()
	delete(s.counters, key)
	s.mu.Unlock()
	return m.Peek(ctx, key, rate)
}

func (m *Memory) shard(key string) *shard {
	return &m.shards[maphash.String(m.seed, key)%uint64(len(m.shards))]
}

// evict makes room for a newcomer: it drops a counter whose window has ended,
// or the least used of a few. It never drops one that is over its limit, or a
// flood of strangers would set a blocked client free; where all are over, it
// reports false. The loop over the map starts at random and goes past the
// sample only while it meets nothing but those.
func (s *shard) evict(now int64) bool {
	var victim string
	least := int64(-1)
	seen := 0
	for key, c := range s.counters {
		if c.end <= now {
			delete(s.counters, key)
			return true
		}
		if !c.over() && (least < 0 || c.count < least) {
			victim, least = key, c.count
		}
		if seen++; seen >= sample && least >= 0 {
			break
		}
	}
	if least < 0 {
		return false
	}
	delete(s.counters, victim)
	return true
}

// runs reports whether the window goes on. One that would last longer than its
// period was made before the clock was set back.
func (c counter) runs(rate limiter.Rate, now int64) bool {
	return c.end > now && c.end-now <= int64(rate.Period)
}

// add counts in the current window, or starts one where it has ended.
func (c counter) add(count int64, rate limiter.Rate, now int64) counter {
	if !c.runs(rate, now) {
		c = counter{end: now + int64(rate.Period)}
	}
	c.count += count
	c.limit = rate.Limit
	return c
}

func (c counter) context(rate limiter.Rate) limiter.Context {
	return limiter.Context{
		Limit:     rate.Limit,
		Remaining: max(rate.Limit-c.count, 0),
		Reset:     (c.end + int64(time.Second) - 1) / int64(time.Second),
		Reached:   c.over(),
	}
}
