package ratelimit

import (
	"slices"
	"sync"
	"sync/atomic"
)

// sample is the number of counters that are examined to find one to remove.
const sample = 8

// kind says which list of its group a counter is in.
type kind uint8

const (
	fresh  kind = iota // within its limit
	usedUp             // at its limit when it last counted
	shared             // of several clients that had used up their limits; in no list
)

// counter is the window of one client, or of several clients of one network.
type counter struct {
	window
	group uint32
	kind  kind
}

// group holds the counters of one network under one policy.
type group struct {
	held   uint32 // the number of counters
	fresh  uint32 // the head of the list of fresh counters
	usedUp uint32 // the head of the list of counters that are used up
}

// rank returns how many counters a group holds, or 0 if none of them may be
// removed: a group's only counter may be removed only if it is fresh.
func (g *group) rank() int32 {
	if g.held == 1 && g.fresh == none {
		return 0
	}
	return int32(g.held)
}

func (g *group) list(k kind) *uint32 {
	if k == usedUp {
		return &g.usedUp
	}
	return &g.fresh
}

// shard holds the counters of some networks: by the hash of the client's key,
// or, if a network shares one, by that of the network.
type shard struct {
	mu       sync.Mutex
	top      atomic.Int32 // the highest rank of a group
	counters table[counter]
	groups   table[group]
	ranks    []uint32 // lists of groups
	hand     int      // the chain of counters that was swept last
}

// find returns the counter of a client, or the one that its network shares if
// that is used up.
func (s *shard) find(network, client uint64, rate Rate, now int64) uint32 {
	if i := s.current(client, rate, now); i != none {
		return i
	}
	if i := s.current(network, rate, now); i != none && s.counters.at(i).usedUp() {
		return i
	}
	return none
}

// current returns the counter of a client or a network and brings it up to date.
func (s *shard) current(id uint64, rate Rate, now int64) uint32 {
	i := s.counters.find(id)
	if i != none {
		s.counters.at(i).update(rate, now)
	}
	return i
}

// insert adds a counter for a client and returns it, or none if the pool is empty. If
// the network shares a counter, the client's counter may have been merged into that,
// so the new one starts as a copy.
func (s *shard) insert(network, client uint64, rate Rate, now int64) uint32 {
	i := s.counters.take()
	if i == none {
		return none
	}
	w := newWindow(rate, now)
	if i := s.current(network, rate, now); i != none {
		w = s.counters.at(i).window
	}
	g := s.groups.find(network)
	if g == none {
		g = s.groups.take() // never none: there are as many groups as counters
		*s.groups.at(g) = group{fresh: none, usedUp: none}
		s.groups.insert(network, g)
	}
	*s.counters.at(i) = counter{window: w, group: g}
	s.counters.insert(client, i)
	s.change(g, func(group *group) {
		group.held++
		s.counters.push(&group.fresh, i)
	})
	return i
}

// remove forgets a counter.
func (s *shard) remove(i uint32) {
	c := s.counters.at(i)
	g := c.group
	s.change(g, func(group *group) {
		group.held--
		if c.kind != shared {
			s.counters.unlink(group.list(c.kind), i)
		}
	})
	s.counters.remove(i)
	if s.groups.at(g).held == 0 {
		s.groups.remove(g)
		s.groups.give(g)
	}
	s.counters.give(i) // after its group, so that groups never run short
}

// file moves a counter to the other list of its group if it has become used up, or
// is no longer used up.
func (s *shard) file(i uint32) {
	c := s.counters.at(i)
	to := fresh
	if c.usedUp() {
		to = usedUp
	}
	if c.kind == to || c.kind == shared {
		return
	}
	s.change(c.group, func(group *group) {
		s.counters.unlink(group.list(c.kind), i)
		s.counters.push(group.list(to), i)
	})
	c.kind = to
}

// change applies a change of one counter to a group and moves the group to its
// new rank. The two ranks differ by at most two, so the loops are short.
func (s *shard) change(g uint32, apply func(*group)) {
	group := s.groups.at(g)
	before := group.rank()
	apply(group)
	after := group.rank()
	if before == after {
		return
	}
	if before > 0 {
		s.groups.unlink(&s.ranks[before], g)
	}
	for int(after) >= len(s.ranks) {
		s.ranks = append(s.ranks, none)
	}
	if after > 0 {
		s.groups.push(&s.ranks[after], g)
	}
	top := max(s.top.Load(), after)
	for top > 0 && s.ranks[top] == none {
		top--
	}
	s.top.Store(top)
	if s.ranks = s.ranks[:top+1]; len(s.ranks) < cap(s.ranks)/4 {
		s.ranks = slices.Clone(s.ranks)
	}
}

// evict removes a counter of a group of the highest rank, and reports whether there
// was one to remove. It goes through the groups of that rank, and the fresh counters
// of each, in turn, and removes the least used of a sample. If the groups of the
// sample have no fresh counters, it merges two of the first group that are used up:
// without fresh counters, every group of a rank above 1 has two to merge.
func (s *shard) evict(now int64) bool {
	top := s.top.Load()
	if top == 0 {
		return false
	}
	head := &s.ranks[top]
	first := *head
	victim, least := none, int64(0)
	for range sample {
		g := s.groups.at(*head)
		if i := g.fresh; i != none {
			c := s.counters.at(i)
			c.advance(now)
			if victim == none || c.total < least {
				victim, least = i, c.total
			}
			g.fresh = s.counters.entry(i).next
		}
		*head = s.groups.entry(*head).next
	}
	if victim == none {
		victim = s.merge(first, now)
	}
	s.remove(victim)
	return true
}

// merge makes the shared counter of a group at least as strict as one of its used-up
// counters, and returns that used-up counter, which is then no longer needed.
func (s *shard) merge(g uint32, now int64) uint32 {
	group, network := s.groups.at(g), s.groups.entry(g).id
	to := s.counters.find(network)
	if to == none {
		to = group.usedUp
		s.counters.unlink(&group.usedUp, to)
		s.counters.at(to).kind = shared
		s.counters.remove(to)
		s.counters.insert(network, to)
	}
	s.counters.at(to).raise(s.counters.at(group.usedUp).window, now)
	return group.usedUp
}

// sweep removes counters whose windows are over from the next few chains, and
// reports whether there were any.
func (s *shard) sweep(now int64) (removed bool) {
	for range sample {
		s.hand = (s.hand + 1) % len(s.counters.heads)
		for i := s.counters.heads[s.hand]; i != none; {
			next := s.counters.entry(i).chain
			if s.counters.at(i).over(now) {
				s.remove(i)
				removed = true
			}
			i = next
		}
	}
	return removed
}
