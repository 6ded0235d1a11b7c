package ratelimit

import "sync"

// none is the index of no entry.
const none = ^uint32(0)

// chunkSize is the number of entries that are allocated together.
const chunkSize = 256

// pool holds the entries of several tables. They refer to each other by index, which
// takes half the memory of a pointer and saves the garbage collector from visiting a
// million entries. Memory is allocated when it is first needed, up to the bound, and
// then reused.
type pool[T any] struct {
	mu     sync.Mutex
	chunks []*[chunkSize]entry[T] // its length never changes, because other goroutines read it without the lock
	max    uint32
	len    uint32 // entries that have been used
	free   uint32 // the first entry that is free again; chain links it to the next
	used   int
}

// entry is in a table, and can be in a list.
type entry[T any] struct {
	id         uint64 // a hash, so its low bits select a chain
	chain      uint32
	next, prev uint32
	value      T
}

func newPool[T any](size int) *pool[T] {
	return &pool[T]{chunks: make([]*[chunkSize]entry[T], (size+chunkSize-1)/chunkSize), max: uint32(size), free: none}
}

func (p *pool[T]) entry(i uint32) *entry[T] { return &p.chunks[i/chunkSize][i%chunkSize] }

func (p *pool[T]) at(i uint32) *T { return &p.entry(i).value }

// take returns an entry that is not in use, or none.
func (p *pool[T]) take() uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.free
	switch {
	case i != none:
		p.free = p.entry(i).chain
	case p.len == p.max:
		return none
	default:
		i = p.len
		if i%chunkSize == 0 {
			p.chunks[i/chunkSize] = new([chunkSize]entry[T])
		}
		p.len++
	}
	p.used++
	return i
}

// give takes back an entry that is in no table and no list.
func (p *pool[T]) give(i uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entry(i).chain, p.free = p.free, i
	p.used--
}

// push adds an entry at the end of a circular list. The list's head is its first
// entry, or none if the list is empty.
func (p *pool[T]) push(head *uint32, i uint32) {
	e := p.entry(i)
	if *head == none {
		*head, e.next, e.prev = i, i, i
		return
	}
	first := p.entry(*head)
	e.next, e.prev = *head, first.prev
	p.entry(first.prev).next = i
	first.prev = i
}

// unlink takes an entry out of a list.
func (p *pool[T]) unlink(head *uint32, i uint32) {
	e := p.entry(i)
	p.entry(e.prev).next, p.entry(e.next).prev = e.next, e.prev
	switch {
	case e.next == i:
		*head = none
	case *head == i:
		*head = e.next
	}
}

// table is a hash table of entries from a pool. Unlike a map, it gives memory
// back when it shrinks.
type table[T any] struct {
	*pool[T]
	heads []uint32 // chains; their number is a power of two
	len   int
}

func newTable[T any](p *pool[T]) table[T] { return table[T]{pool: p, heads: []uint32{none}} }

func (t *table[T]) head(id uint64) *uint32 { return &t.heads[id&uint64(len(t.heads)-1)] }

// find returns the entry of an id, or none.
func (t *table[T]) find(id uint64) uint32 {
	i := *t.head(id)
	for i != none && t.entry(i).id != id {
		i = t.entry(i).chain
	}
	return i
}

// insert adds an entry under an id that is new to the table.
func (t *table[T]) insert(id uint64, i uint32) {
	if t.len++; t.len > len(t.heads) {
		t.resize(2 * len(t.heads))
	}
	e, head := t.entry(i), t.head(id)
	e.id, e.chain, *head = id, *head, i
}

// remove takes an entry out of the table.
func (t *table[T]) remove(i uint32) {
	at := t.head(t.entry(i).id)
	for *at != i {
		at = &t.entry(*at).chain
	}
	*at = t.entry(i).chain
	if t.len--; t.len < len(t.heads)/4 {
		t.resize(len(t.heads) / 2)
	}
}

func (t *table[T]) resize(size int) {
	old := t.heads
	t.heads = make([]uint32, size)
	for i := range t.heads {
		t.heads[i] = none
	}
	for _, i := range old {
		for i != none {
			e := t.entry(i)
			head, next := t.head(e.id), e.chain
			e.chain, *head = *head, i
			i = next
		}
	}
}
