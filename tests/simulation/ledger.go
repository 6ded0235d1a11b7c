package simulation

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// ledger is an exact record of the requests that the limits let pass.
type ledger struct {
	passed   map[string][]span    // when each was counted at the earliest and the latest, by policy and client
	promised map[string]time.Time // from when on the next must pass, by policy and client
}

func newLedger() *ledger {
	return &ledger{passed: make(map[string][]span), promised: make(map[string]time.Time)}
}

// counted returns when a request was counted at the earliest and the latest.
func counted(q *request, r *response) span { return span{q.headAt, r.at} }

func ledgerKey(policy string, client netip.Addr) string {
	if client.Is6() {
		prefix, _ := client.Prefix(64)
		client = prefix.Addr()
	}
	return policy + " " + client.String()
}

// grant checks that no stretch of time as long as the period has more requests than
// the limit. While Redis comes and goes, each place that counts may grant the whole
// limit.
func (l *ledger) grant(w *world, policy string, q *request, r *response) error {
	rate, key := w.rates[policy], ledgerKey(policy, q.client)
	delete(l.promised, key)
	all, now := l.passed[key], counted(q, r)
	at, _ := slices.BinarySearchFunc(all, now, func(a, b span) int { return a.start.Compare(b.start) })
	all = slices.Insert(all, at, now)
	l.passed[key] = all
	if w.crowded() {
		return nil // its counter may have been removed
	}
	limit := int(rate.Limit) * w.places(r.at.Add(-rate.Period-2*time.Second), r.at)
	for i := max(at-limit, 0); i <= at && i+limit < len(all); i++ {
		if took := all[i+limit].end.Sub(all[i].start); took < rate.Period {
			return fmt.Errorf("%d requests under %q passed within %s; the limit is %d in %s", limit+1, policy, took, rate.Limit, rate.Period)
		}
	}
	return nil
}

// refuse checks that the limit is used up: as many requests passed within the
// period and a tenth. It also checks that no promise of Retry-After is broken.
func (l *ledger) refuse(w *world, policy string, q *request, r *response) error {
	rate, key := w.rates[policy], ledgerKey(policy, q.client)
	if w.crowded() || w.flooding(q.client) || w.places(r.at.Add(-2*rate.Period), r.at) > 1 {
		return nil // it may share a counter with its network, or with what Redis has counted
	}
	longest := rate.Period + rate.Period/10 + time.Millisecond
	n := 0
	for _, one := range l.passed[key] {
		if q.headAt.Sub(one.end) <= longest {
			n++
		}
	}
	// Those whose responses are lost or still to come have been counted, too.
	n += w.uncounted[key]
	for _, c := range w.clients {
		for _, other := range c.pending {
			if other != q && other.policy() == policy && ledgerKey(policy, other.client) == key {
				n++
			}
		}
	}
	if n < int(rate.Limit) {
		return fmt.Errorf("rejected after %d requests under %q within 1.1 times the period; the limit is %d in %s", n, policy, rate.Limit, rate.Period)
	}
	if promised, ok := l.promised[key]; ok && !q.headAt.Before(promised) && w.uncounted[key] == 0 {
		return fmt.Errorf("rejected at %s, after the Retry-After of an earlier rejection", q.headAt)
	}
	after, _ := time.ParseDuration(r.Header.Get("Retry-After") + "s")
	if _, ok := l.promised[key]; !ok {
		l.promised[key] = r.at.Add(after)
	}
	return nil
}
