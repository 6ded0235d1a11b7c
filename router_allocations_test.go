//go:build !race

package main

import (
	"net/http"
	"testing"
)

// A test can check the number of allocations because, unlike a time, it is exact. The
// race detector adds its own, so `make test-go` runs this test without it.
func TestAllocationsOfRequest(t *testing.T) {
	cases := costCases(t)
	count := func(tt costCase) float64 {
		return testing.AllocsPerRun(1000, func() {
			tt.router.ServeHTTP(&sink{make(http.Header)}, tt.request)
		})
	}
	bare := count(cases[0])
	for _, tt := range cases {
		w := &recorded{sink: sink{make(http.Header)}}
		tt.router.ServeHTTP(w, tt.request)
		if w.status != tt.status {
			t.Errorf("%s: status %d, want %d", tt.name, w.status, tt.status)
		}
		if got := count(tt) - bare; got > tt.allocations {
			t.Errorf("%s: %v allocations more than bare Gin, want at most %v", tt.name, got, tt.allocations)
		}
	}
}

type recorded struct {
	sink
	status int
}

func (r *recorded) WriteHeader(status int) { r.status = status }
