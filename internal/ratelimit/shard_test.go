package ratelimit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ulule/limiter/v3"
)

// pass counts one request and reports whether it is granted.
func pass(m *Memory, key string, rate limiter.Rate) bool {
	state, _ := m.Increment(context.Background(), key, 1, rate)
	return !state.Reached
}

// useUp makes the requests that a client may make.
func useUp(t *testing.T, m *Memory, key string, rate limiter.Rate) {
	t.Helper()
	for range rate.Limit {
		if !pass(m, key, rate) {
			t.Fatalf("%s is refused", key)
		}
	}
}

// One network's flood takes most counters and uses them up. It refuses no new
// client elsewhere, and sets nobody free.
func TestFloodFromOneNetwork(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{1, 2, 5, 100} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			m, rate := NewMemory(10_000), limiter.Rate{Limit: limit, Period: time.Hour}
			blocked := func(i int) string { return fmt.Sprintf("p:192.0.%d.%d", i/4, i%4) }
			for i := range 100 {
				useUp(t, m, blocked(i), rate)
			}
			flood := func(i int) string { return fmt.Sprintf("p:2001:db8:1:%x", i) }
			for i := range 69_000 {
				pass(m, flood(i/7), rate)
			}
			refused := 0
			for i := range 8000 {
				if !pass(m, fmt.Sprintf("p:198.18.%d.%d", i/250, i%250), rate) {
					refused++
				}
				pass(m, flood(10_000+i), rate) // it goes on
			}
			if refused > 0 {
				t.Errorf("%d of 8000 new clients are refused, want 0", refused)
			}
			for i := range 100 {
				if pass(m, blocked(i), rate) {
					t.Errorf("%s has used up its limit and passed", blocked(i))
				}
			}
			m.check(t)
		})
	}
}

// A flood from many networks, one client each, does not set clients free that
// are many in one network.
func TestFloodFromManyNetworks(t *testing.T) {
	t.Parallel()
	m, rate := NewMemory(50), limiter.Rate{Limit: 2, Period: time.Hour}
	for i := range 20 {
		useUp(t, m, fmt.Sprintf("p:192.0.2.%d", i), rate)
	}
	for i := range 1000 {
		if !pass(m, fmt.Sprintf("p:198.18.%d.1", i), rate) {
			t.Fatalf("new client %d is refused", i)
		}
	}
	for i := range 20 {
		if pass(m, fmt.Sprintf("p:192.0.2.%d", i), rate) {
			t.Errorf("blocked client %d passed", i)
		}
	}
	m.check(t)
}

// Within the network that holds the most, fresh counters go before those that
// are used up.
func TestUsedUpCountersGoLast(t *testing.T) {
	t.Parallel()
	m, rate := NewMemory(100), limiter.Rate{Limit: 2, Period: time.Hour}
	big := func(i int) string { return fmt.Sprintf("p:192.0.2.%d", i) }
	for i := range 100 {
		if pass(m, big(i), rate); i%5 == 0 {
			pass(m, big(i), rate)
		}
	}
	for i := range 80 { // as many as there are fresh counters
		pass(m, fmt.Sprintf("p:198.51.%d.1", i), rate)
	}
	for i := 0; i < 100; i += 5 {
		if _, ok := m.usedUp(big(i), 1, rate); !ok {
			t.Errorf("%s has lost its counter", big(i))
		}
	}
	m.check(t)
	// Two counters more are merged now. Clients of the network that have none
	// find the one that they share used up, those of others do not notice.
	if !pass(m, "p:198.51.80.1", rate) || !pass(m, "p:198.51.81.1", rate) {
		t.Error("a new client is refused")
	}
	if pass(m, big(101), rate) {
		t.Error("a new client of the network that holds the most passes")
	}
	for i := 0; i < 100; i += 5 {
		if pass(m, big(i), rate) {
			t.Errorf("%s has used up its limit and passed", big(i))
		}
	}
	m.check(t)
}

// Networks that hold equally many counters give them up in turn, whether their
// counters are used up or fresh.
func TestNetworksOfOneRank(t *testing.T) {
	t.Parallel()
	const networks = 20
	for fresh := range networks { // the only network whose counters are fresh
		m, rate := NewMemory(2*networks), limiter.Rate{Limit: 2, Period: time.Hour}
		for network := range networks {
			for client := range 2 {
				key := fmt.Sprintf("p:192.0.%d.%d", network, client)
				if pass(m, key, rate); network != fresh {
					pass(m, key, rate)
				}
			}
		}
		for i := range 3 * networks {
			if !pass(m, fmt.Sprintf("p:198.51.%d.1", i), rate) {
				t.Fatalf("fresh network %d: new client %d is refused", fresh, i)
			}
		}
		for network := range networks {
			for client := range 2 {
				if key := fmt.Sprintf("p:192.0.%d.%d", network, client); network != fresh && pass(m, key, rate) {
					t.Errorf("fresh network %d: %s has used up its limit and passed", fresh, key)
				}
			}
		}
		m.check(t)
	}
}

// A shared counter stays as strict as those that were merged, when time goes
// by and clients get counters of their own again.
func TestClientsLeaveASharedCounter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, rate := NewMemory(4), limiter.Rate{Limit: 2, Period: 10 * time.Second}
		for i := range 4 {
			pass(m, fmt.Sprintf("p:192.0.2.%d", i), rate)
		}
		time.Sleep(5 * time.Second)
		for i := range 4 {
			pass(m, fmt.Sprintf("p:192.0.2.%d", i), rate)
		}
		if !pass(m, "p:198.51.100.1", rate) || pass(m, "p:192.0.2.9", rate) {
			t.Fatal("want the client elsewhere to pass, and the one of this network not to")
		}
		time.Sleep(6 * time.Second) // the first requests have left
		_, _ = m.Reset(context.Background(), "p:198.51.100.1", rate)
		passed := 0
		for i := range 4 {
			for n := range 4 {
				if pass(m, fmt.Sprintf("p:192.0.2.%d", i), rate) {
					passed++
					if n > 0 {
						t.Errorf("client %d passes a third time in 10 s", i)
					}
				}
			}
		}
		if passed < 3 { // two have their own counters, and one gets one
			t.Errorf("%d clients passed, want at least 3", passed)
		}
		time.Sleep(11 * time.Second)
		for i := range 20 {
			if !pass(m, fmt.Sprintf("p:192.0.2.%d", i), rate) {
				t.Errorf("client %d is refused after the window is over", i)
			}
		}
		m.check(t)
	})
}

// Of a sample of the clients that hold one counter each, the least used goes.
func TestLeastUsedGoes(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"p:192.0.%d.1", "p:192.0.2.%d"} { // one each, one for all
		m, rate := NewMemory(sample), limiter.Rate{Limit: 100, Period: time.Hour}
		client := func(i int) string { return fmt.Sprintf(network, i) }
		order := rand.New(rand.NewPCG(1, 1)).Perm(sample)
		for _, i := range order {
			for range 10 + i {
				pass(m, client(i), rate)
			}
		}
		for evicted := range sample - 1 {
			for range 50 { // the new client is used more than they are
				pass(m, fmt.Sprintf("p:198.51.%d.1", evicted), rate)
			}
			for i := range sample {
				state, _ := m.Peek(context.Background(), client(i), rate)
				if gone := state.Remaining == 100; gone != (i <= evicted) {
					t.Errorf("%s: after %d evictions: client %d of %d requests is gone: %t", network, evicted+1, i, 10+i, gone)
				}
			}
		}
	}
}

// Windows that are over go before those that are not, except that a sweep visits
// only a few chains. In about 1 sweep of 100 these hold no window that is over, and
// a client of the network that holds the most loses its counter instead. Without
// sweeps, all of them would.
func TestSweep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const waiting = 100
		m := NewMemory(1000)
		short, long := limiter.Rate{Limit: 5, Period: time.Second}, limiter.Rate{Limit: 5, Period: time.Hour}
		for i := range 1000 - waiting {
			useUp(t, m, fmt.Sprintf("p:10.%d.%d.1", i/250, i%250), short)
		}
		for i := range waiting {
			pass(m, fmt.Sprintf("p:192.0.2.%d", i), long)
		}
		time.Sleep(1100*time.Millisecond - time.Nanosecond)
		if pass(m, "p:203.0.113.1", long); m.Len() != 1000 {
			t.Errorf("%d counters, want 1000: no window is over", m.Len())
		}
		time.Sleep(time.Nanosecond)
		for i := range 500 {
			pass(m, fmt.Sprintf("p:203.%d.%d.1", i/250, i%250), long)
		}
		lost := 0
		for i := range waiting {
			if state, _ := m.Peek(context.Background(), fmt.Sprintf("p:192.0.2.%d", i), long); state.Remaining != 4 {
				lost++
			}
		}
		if lost > waiting/4 {
			t.Errorf("%d of %d clients lost their counters, although other windows are over", lost, waiting)
		}
		m.check(t)
	})
}

// Clients of small networks are counted exactly, whatever a flood and the
// clock do; and a client of the flood that has used up its limit stays limited
// for a period.
func TestMemoryAgreesWithAnExactLog(t *testing.T) {
	t.Parallel()
	for seed := range uint64(150) {
		synctest.Test(t, func(t *testing.T) {
			if err := memorySchedule(t, seed); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
		})
	}
}

func memorySchedule(t *testing.T, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 2))
	m := NewMemory([]int{20, 50, 300, 2000}[random.IntN(4)])
	start := time.Now()
	logs := make(map[string]*ExactLog)
	last := make(map[string][]time.Duration) // of clients in the flood: when the requests that use it up were granted
	floodRate := limiter.Rate{Limit: 1 + random.Int64N(4), Period: time.Minute}
	for range 200 {
		key := fmt.Sprintf("%c:192.0.%d.1", 'p'+random.IntN(2), random.IntN(8))
		if logs[key] == nil {
			rate := limiter.Rate{Limit: 1 + random.Int64N(20), Period: time.Minute}
			logs[key] = &ExactLog{Rate: rate}
		}
		log := logs[key]
		n := RandomSize(random, log.Rate.Limit)
		state, _ := m.Increment(context.Background(), key, n, log.Rate)
		now := time.Since(start)
		wait := time.Until(time.Unix(state.Reset, 0))
		if err := log.Check(now, n, !state.Reached, state.Remaining, max(wait-time.Second, 0)); err != nil {
			return fmt.Errorf("%s at %s: %w", key, now, err)
		}
		if random.IntN(3) == 0 {
			for range random.IntN(100) {
				key := fmt.Sprintf("f:2001:db8:1:%x", random.IntN(3000))
				state, _ := m.Increment(context.Background(), key, 1, floodRate)
				if state.Reached {
					continue
				}
				if usedUp := last[key]; len(usedUp) > 0 && now < usedUp[0]+floodRate.Period {
					return fmt.Errorf("%s at %s: passed after it had used up its limit at %s", key, now, usedUp)
				}
				granted := append(last["granted "+key], now)
				last["granted "+key] = granted
				last[key] = nil
				if limit := int(floodRate.Limit); state.Remaining == 0 && len(granted) >= limit {
					last[key] = granted[len(granted)-limit:]
				}
			}
		}
		time.Sleep(RandomPause(random, now, time.Minute, wait))
		if state.Reached && random.IntN(2) == 0 { // nobody else of this client has sent one: the wait was true
			time.Sleep(time.Until(time.Unix(state.Reset, 0)))
			if peeked, _ := m.Peek(context.Background(), key, log.Rate); peeked.Remaining < n && n <= log.Rate.Limit {
				return fmt.Errorf("%s: %d requests are refused at Reset", key, n)
			}
		}
	}
	m.check(t)
	return nil
}

// After any calls of any clients, the parts of each shard agree with each other.
func TestRandomCalls(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 3))
		m := NewMemory([]int{1, 2, 20, 50, 300, 1500}[random.IntN(6)])
		networks, clients := 1+random.IntN(60), 1+random.IntN(40)
		period := []time.Duration{50 * time.Millisecond, time.Second, time.Hour}[random.IntN(3)]
		var callers sync.WaitGroup
		for caller := range uint64(4) {
			callers.Go(func() {
				random := rand.New(rand.NewPCG(seed, 4+caller))
				for range 2000 {
					policy, network := random.IntN(3), random.IntN(networks)
					key := fmt.Sprintf("%c:192.0.%d.%d", 'p'+policy, network, random.IntN(clients))
					rate := limiter.Rate{Limit: int64(1 + policy), Period: period}
					switch random.IntN(12) {
					case 0:
						_, _ = m.Peek(context.Background(), key, rate)
					case 1:
						_, _ = m.Reset(context.Background(), key, rate)
					case 2:
						m.block(key, rate, time.Now().Add(rate.Period/2))
					case 3:
						m.usedUp(key, 1, rate)
					default:
						_, _ = m.Increment(context.Background(), key, random.Int64N(3), rate)
					}
				}
			})
		}
		callers.Wait()
		if m.check(t); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// check verifies what the parts of each shard say about each other.
func (m *Memory) check(t *testing.T) {
	t.Helper()
	held := 0
	for i := range m.shards {
		s := &m.shards[i]
		members := make(map[uint32]int) // by group
		sharing := make(map[uint32]int)
		for _, i := range s.counters.heads {
			for ; i != none; i = s.counters.entry(i).chain {
				c, id := s.counters.at(i), s.counters.entry(i).id
				held++
				members[c.group]++
				if c.kind == shared {
					sharing[c.group]++
				}
				if s.counters.find(id) != i || (c.kind == shared) != (id == s.groups.entry(c.group).id) {
					t.Error("a counter is not found")
				}
			}
		}
		ranked := 0
		for g, n := range members {
			group := s.groups.at(g)
			filed := len(list(s.counters.pool, group.fresh)) + len(list(s.counters.pool, group.usedUp)) + sharing[g]
			if int(group.held) != n || filed != n || sharing[g] > 1 || s.groups.find(s.groups.entry(g).id) != g {
				t.Errorf("a group holds %d and files %d counters, want %d", group.held, filed, n)
			}
			if group.rank() > 0 {
				ranked++
			}
		}
		top := 0
		for rank, head := range s.ranks {
			for _, g := range list(s.groups.pool, head) {
				ranked--
				top = rank
				if members[g] != rank || int(s.groups.at(g).rank()) != rank {
					t.Errorf("a group of %d is in rank %d", members[g], rank)
				}
			}
		}
		for _, sizes := range [][2]int{{s.counters.len, len(s.counters.heads)}, {s.groups.len, len(s.groups.heads)}, {len(s.ranks), cap(s.ranks)}} {
			if used, size := sizes[0], sizes[1]; used > size || size > 4*used+4 {
				t.Errorf("%d entries in a table of %d", used, size)
			}
		}
		if ranked != 0 || int(s.top.Load()) != top || len(s.ranks) != top+1 {
			t.Errorf("%d groups too few are ranked, and top is %d of %d, want %d", ranked, s.top.Load(), len(s.ranks), top)
		}
	}
	if held != m.Len() || held > int(m.counters.max) {
		t.Errorf("%d counters, want %d, at most %d", held, m.Len(), m.counters.max)
	}
}

// list returns the entries of a list.
func list[T any](p *pool[T], head uint32) (all []uint32) {
	if head == none {
		return nil
	}
	for i := head; ; {
		all = append(all, i)
		if i = p.entry(i).next; i == head {
			return all
		}
	}
}
