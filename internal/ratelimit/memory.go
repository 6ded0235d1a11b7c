package ratelimit

import (
	"context"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxShards is the largest number of shards. Each has its own lock.
	maxShards = 64
	// minShardSize keeps small stores in few shards, so that a sweep of one shard is
	// likely to find windows that are over.
	minShardSize = 256
)

// Memory is a Store with a bound: it keeps at most maxClients counters, of less than
// 220 bytes each. It needs no Close, because nothing runs between calls. ulule's own
// memory store could replace it, but has no bound, and its windows are fixed: around
// a boundary, twice the limit passes.
//
// When the counters run short, the network that holds the most of a policy's
// counters loses one. It loses one that is not used up. If all are used up, two of
// them are merged into one, which that network's clients without a counter share. So
// a flood from one network blocks nobody in another, and no flood unblocks a client
// that has used up its limit. If no network can lose a counter, because every counter
// is used up and the only one of its network, new clients share one counter per
// policy.
//
// Clients are told apart by 64 bits of a hash whose seed is secret: among a
// million clients, the chance that any two share a counter is 1 in 37 million.
//
// Increment releases its locks with defer. Without it, a panic, which
// middleware.Recovery turns into a 500, would make every later request hang.
type Memory struct {
	start    time.Time // its monotonic reading is the origin of the windows' clock
	seed     maphash.Seed
	counters *pool[counter]
	shards   []shard       // each holds all counters of its networks
	hand     atomic.Uint32 // the shard that was swept last

	mu       sync.Mutex
	overflow map[string]*window // of new clients that find no room, by policy
}

// NewMemory keeps at most maxClients counters, which must be at least 1.
func NewMemory(maxClients int) *Memory {
	m := &Memory{
		start:    time.Now(),
		seed:     maphash.MakeSeed(),
		counters: newPool[counter](maxClients),
		shards:   make([]shard, min(max(maxClients/minShardSize, 1), maxShards)),
		overflow: make(map[string]*window),
	}
	groups := newPool[group](maxClients)
	for i := range m.shards {
		s := &m.shards[i]
		s.counters, s.groups, s.ranks = newTable(m.counters), newTable(groups), []uint32{none}
	}
	return m
}

// Len returns the number of counters, including those whose windows are over.
func (m *Memory) Len() int {
	m.counters.mu.Lock()
	defer m.counters.mu.Unlock()
	return m.counters.used
}

// Increment counts n requests, which must not be negative, if all of them are
// within the limit. Its error is always nil.
func (m *Memory) Increment(_ context.Context, key string, n int64, rate Rate) (State, error) {
	wall := time.Now()
	now := int64(wall.Sub(m.start))
	if state, found := m.incrementOwn(key, n, rate, wall, now); found {
		return state, nil
	}
	policy, _, _ := strings.Cut(key, ":")
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.overflow[policy]
	if w == nil {
		w = new(window)
		m.overflow[policy] = w
	}
	w.update(rate, now)
	granted := w.add(n)
	return w.state(n, granted, wall, now), nil
}

// incrementOwn is Increment for a client that has a counter, or for which there is
// room. It reports false for others.
func (m *Memory) incrementOwn(key string, n int64, rate Rate, wall time.Time, now int64) (State, bool) {
	s, network, client := m.locate(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	i := m.obtain(s, network, client, rate, now)
	if i == none {
		return State{}, false
	}
	w := &s.counters.at(i).window
	granted := w.add(n)
	state := w.state(n, granted, wall, now)
	s.file(i)
	return state, true
}

// Get counts one request.
func (m *Memory) Get(ctx context.Context, key string, rate Rate) (State, error) {
	return m.Increment(ctx, key, 1, rate)
}

// Peek reads the key's counter without counting. Reached says whether a request
// would be rejected.
func (m *Memory) Peek(_ context.Context, key string, rate Rate) (State, error) {
	wall := time.Now()
	now := int64(wall.Sub(m.start))
	s, network, client := m.locate(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	w := newWindow(rate, now)
	if i := s.find(network, client, rate, now); i != none {
		w = s.counters.at(i).window
	}
	return w.state(1, !w.usedUp(), wall, now), nil
}

// Reset forgets the key's counter.
func (m *Memory) Reset(ctx context.Context, key string, rate Rate) (State, error) {
	s, _, client := m.locate(key)
	s.mu.Lock()
	if i := s.counters.find(client); i != none {
		s.remove(i)
	}
	s.mu.Unlock()
	return m.Peek(ctx, key, rate)
}

// usedUp returns the state of the key's counter if it is used up, without counting.
// The caller wants to make n requests; 0 only reads.
func (m *Memory) usedUp(key string, n int64, rate Rate) (State, bool) {
	wall := time.Now()
	now := int64(wall.Sub(m.start))
	s, _, client := m.locate(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.counters.find(client)
	if i == none {
		return State{}, false
	}
	w := &s.counters.at(i).window
	w.update(rate, now)
	if !w.usedUp() {
		return State{}, false
	}
	return w.state(n, n == 0, wall, now), true
}

// block marks the key's counter as used up until the given time, if there is
// room for it.
func (m *Memory) block(key string, rate Rate, until time.Time) {
	now := int64(time.Since(m.start))
	s, network, client := m.locate(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := m.obtain(s, network, client, rate, now); i != none && s.counters.at(i).kind != shared {
		s.counters.at(i).window = usedUpWindow(rate, int64(until.Sub(m.start)))
		s.file(i)
	}
}

// locate returns the shard of a key and the hashes of its network and its
// client.
func (m *Memory) locate(key string) (s *shard, network, client uint64) {
	network = maphash.String(m.seed, networkOf(key))
	return &m.shards[uint32(network>>32)%uint32(len(m.shards))], network, maphash.String(m.seed, key)
}

// obtain returns the counter of a client, a new one if necessary, or the one that it
// shares with its network. It returns none if there is no room. The caller has locked
// the shard; obtain unlocks it while it makes room in others.
func (m *Memory) obtain(s *shard, network, client uint64, rate Rate, now int64) uint32 {
	for {
		if i := s.find(network, client, rate, now); i != none {
			return i
		}
		if i := s.insert(network, client, rate, now); i != none {
			return i
		}
		if !m.makeRoomWithout(s, now) {
			return s.current(network, rate, now)
		}
	}
}

// makeRoomWithout is makeRoom for a caller that has locked s, which it unlocks in the
// meantime.
func (m *Memory) makeRoomWithout(s *shard, now int64) bool {
	s.mu.Unlock()
	defer s.mu.Lock()
	return m.makeRoom(now)
}

// makeRoom removes a counter and reports whether there was one to remove. It first
// sweeps a little, shard by shard, so that windows that are over are removed before
// others.
func (m *Memory) makeRoom(now int64) bool {
	s := &m.shards[m.hand.Add(1)%uint32(len(m.shards))]
	locked := func(remove func(int64) bool) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return remove(now)
	}
	removed := locked(s.sweep)
	for !removed {
		top := int32(0)
		for i := range m.shards {
			if n := m.shards[i].top.Load(); n > top {
				s, top = &m.shards[i], n
			}
		}
		if top == 0 {
			return false
		}
		removed = locked(s.evict)
	}
	return true
}
