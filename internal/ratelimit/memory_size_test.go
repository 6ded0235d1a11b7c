//go:build !race

package ratelimit_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/api/internal/ratelimit"
)

// A counter takes at most 220 bytes, whether clients are alone in their
// networks or not. The test does not run in parallel, as it measures the heap. It
// calls the store from one goroutine, where the race detector has nothing to find and
// takes twelve times as long, so `make test-go` runs it without.
func TestMemoryPerClient(t *testing.T) {
	const clients = 100_000
	for name, key := range map[string]func(i int) string{
		"one network":      func(i int) string { return fmt.Sprintf("default:2001:db8:1:%x", i) },
		"networks of 200":  func(i int) string { return fmt.Sprintf("default:10.%d.%d.%d", i/40_000, i/200%200, i%200) },
		"their own":        func(i int) string { return fmt.Sprintf("session:2001:%x:%x:7", i/60_000, i%60_000) },
		"one, all used up": func(i int) string { return fmt.Sprintf("session:2001:db8:7:%x", i) },
	} {
		limit := int64(100)
		if strings.HasSuffix(name, "used up") {
			limit = 1
		}
		before := heap()
		store := ratelimit.NewMemory(clients)
		for i := range 2 * clients {
			hit(t, store, key(i), rate(limit, time.Hour))
		}
		bytes := float64(heap()-before) / float64(store.Len())
		t.Logf("%s: %d counters of %.0f bytes", name, store.Len(), bytes)
		if bytes > 220 || store.Len() < 99*clients/100 && limit > 1 {
			t.Errorf("%s: %d counters of %.0f bytes, want %d of at most 220", name, store.Len(), bytes, clients)
		}
		runtime.KeepAlive(store)
	}
}

// heap returns the bytes that are in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
