package middleware_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ulule/limiter/v3"

	"example.com/api/internal/problem"
	"example.com/api/internal/ratelimit"
	"example.com/api/middleware"
)

func perMinute(n int64) limiter.Rate { return limiter.Rate{Limit: n, Period: time.Minute} }

func TestRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(1300 * time.Millisecond) // not on a whole second
		e := engine(middleware.RateLimit("search", perMinute(2), ratelimit.NewMemory(100), trusted()))
		get := func(client string) (int, http.Header, string) {
			w := serve(e, request("GET", "/", "X-Forwarded-For: "+client))
			return w.Code, w.Header(), w.Body.String()
		}
		headers := func(h http.Header) string {
			return strings.Join([]string{h.Get("X-RateLimit-Limit"), h.Get("X-RateLimit-Remaining"), h.Get("X-RateLimit-Reset"),
				h.Get("RateLimit-Policy"), h.Get("RateLimit"), h.Get("Retry-After")}, " ")
		}
		end := time.Now().Add(time.Minute)
		reset := strconv.FormatInt(end.Unix()+1, 10) // rounded up
		for i, want := range []string{
			"2 1 " + reset + ` "search";q=2;w=60 "search";r=1;t=60 `,
			"2 0 " + reset + ` "search";q=2;w=60 "search";r=0;t=60 `,
		} {
			if code, h, _ := get("198.51.100.7"); code != 200 || headers(h) != want {
				t.Errorf("request %d: %d %s, want 200 %s", i+1, code, headers(h), want)
			}
		}
		time.Sleep(20 * time.Second)
		code, h, body := get("198.51.100.7")
		if want := "2 0 " + reset + ` "search";q=2;w=60 "search";r=0;t=41 41`; code != 429 || headers(h) != want {
			t.Errorf("over the limit: %d %s, want 429 %s", code, headers(h), want)
		}
		var p problem.Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(problem.Problem{
			Type: "https://iana.org/assignments/http-problem-types#quota-exceeded", Title: "Too Many Requests", Status: 429,
			Detail: "The limit of 2 requests in 60 s was reached; retry in 41 s.", ViolatedPolicies: []string{"search"},
		}, p); diff != "" {
			t.Errorf("problem (-want +got):\n%s", diff)
		}
		if code, _, _ := get("198.51.100.8"); code != 200 {
			t.Errorf("another client: %d", code)
		}
		time.Sleep(41 * time.Second) // what Retry-After said
		if code, _, _ := get("198.51.100.7"); code != 200 {
			t.Errorf("after Retry-After: %d, want 200", code)
		}
	})
}

func TestRetryAfterIsNeverEarlyNorOverThePeriod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := engine(middleware.RateLimit("upload", limiter.Rate{Limit: 1, Period: time.Second}, ratelimit.NewMemory(100), trusted()))
		for range 200 {
			time.Sleep(37 * time.Millisecond)
			w := serve(e, request("GET", "/"))
			if w.Code == 200 {
				continue
			}
			wait, err := strconv.Atoi(w.Header().Get("Retry-After"))
			if err != nil || wait != 1 {
				t.Fatalf("Retry-After: %d, %v, want 1 of a window of 1 s", wait, err)
			}
			time.Sleep(time.Duration(wait) * time.Second)
			if w := serve(e, request("GET", "/")); w.Code != 200 {
				t.Fatalf("a request after Retry-After gets %d", w.Code)
			}
		}
	})
}

func TestPoliciesDoNotShareABucket(t *testing.T) {
	t.Parallel()
	store := ratelimit.NewMemory(100)
	search := engine(middleware.RateLimit("search", perMinute(1), store, trusted()))
	upload := engine(middleware.RateLimit("upload", perMinute(1), store, trusted()))
	for _, want := range []int{200, 429} {
		if got := serve(search, request("GET", "/")).Code; got != want {
			t.Errorf("search: %d, want %d", got, want)
		}
		if got := serve(upload, request("GET", "/")).Code; got != want {
			t.Errorf("upload: %d, want %d", got, want)
		}
	}
}

// broken is a store that fails although it must not.
type broken struct{ limiter.Store }

func (broken) Increment(context.Context, string, int64, limiter.Rate) (limiter.Context, error) {
	return limiter.Context{}, errors.New("no counters")
}

func TestNothingPassesUncounted(t *testing.T) {
	t.Parallel()
	w := serve(engine(middleware.RateLimit("search", perMinute(1), broken{}, trusted())), request("GET", "/"))
	if w.Code != 500 || strings.Contains(w.Body.String(), "served") || strings.Contains(w.Body.String(), "no counters") {
		t.Errorf("%d %s, want a 500 without internals", w.Code, w.Body)
	}
}

func BenchmarkRateLimit(b *testing.B) {
	b.Run("within", func(b *testing.B) {
		benchmark(b, request("GET", "/"), middleware.RateLimit("search", perMinute(1<<40), ratelimit.NewMemory(1000), trusted()))
	})
	b.Run("over", func(b *testing.B) {
		benchmark(b, request("GET", "/"), middleware.RateLimit("search", perMinute(1), ratelimit.NewMemory(1000), trusted()))
	})
}
