package middleware_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"

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
		// The first part begins with the store, and so leaves after 66 s.
		reset := strconv.FormatInt(time.Now().Add(66*time.Second).Unix()+1, 10) // rounded up
		for i, want := range []string{
			"2 1 " + reset + ` "search";q=2;w=60 "search";r=1;t=66 `,
			"2 0 " + reset + ` "search";q=2;w=60 "search";r=0;t=66 `,
		} {
			if code, h, _ := get("198.51.100.7"); code != 200 || headers(h) != want {
				t.Errorf("request %d: %d %s, want 200 %s", i+1, code, headers(h), want)
			}
		}
		time.Sleep(20 * time.Second)
		code, h, body := get("198.51.100.7")
		if want := "2 0 " + reset + ` "search";q=2;w=60 "search";r=0;t=47 47`; code != 429 || headers(h) != want {
			t.Errorf("over the limit: %d %s, want 429 %s", code, headers(h), want)
		}
		var p problem.Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(problem.Problem{
			Type: "https://iana.org/assignments/http-problem-types#quota-exceeded", Title: "Quota Exceeded", Status: 429,
			Detail: "The limit of 2 requests in 60 s was reached; retry in 47 s.", ViolatedPolicies: []string{"search"},
		}, p); diff != "" {
			t.Errorf("problem (-want +got):\n%s", diff)
		}
		if code, _, _ := get("198.51.100.8"); code != 200 {
			t.Errorf("another client: %d", code)
		}
		time.Sleep(47 * time.Second) // what Retry-After said
		if code, _, _ := get("198.51.100.7"); code != 200 {
			t.Errorf("after Retry-After: %d, want 200", code)
		}
	})
}

// Whenever a client comes, a request after Retry-After passes, and Retry-After
// is at most the period and a tenth, rounded up.
func TestRetryAfterIsTrue(t *testing.T) {
	t.Parallel()
	for period, longest := range map[time.Duration]int{time.Second: 2, time.Minute: 66, time.Hour: 3960, 24 * time.Hour: 95040} {
		synctest.Test(t, func(t *testing.T) {
			e := engine(middleware.RateLimit("upload", limiter.Rate{Limit: 2, Period: period}, ratelimit.NewMemory(100), trusted()))
			refused, longestSeen := 0, 0
			for range 1000 {
				time.Sleep(period / 137)
				w := serve(e, request("GET", "/"))
				until := regexp.MustCompile(`;t=(\d+)$`).FindStringSubmatch(w.Header().Get("RateLimit"))
				if until == nil || w.Code == 429 && until[1] != w.Header().Get("Retry-After") {
					t.Fatalf("RateLimit: %s, Retry-After: %s, want the same time", w.Header().Get("RateLimit"), w.Header().Get("Retry-After"))
				}
				wait, _ := strconv.Atoi(until[1])
				longestSeen = max(longestSeen, wait)
				if wait < 1 || wait > longest {
					t.Fatalf("more may pass after %d s, want 1 to %d", wait, longest)
				}
				if w.Code == 200 {
					continue
				}
				if refused++; refused%2 == 0 { // not always, or few would be refused
					time.Sleep(time.Duration(wait) * time.Second)
					if w := serve(e, request("GET", "/")); w.Code != 200 {
						t.Fatalf("a request after Retry-After gets %d", w.Code)
					}
				}
			}
			if refused < 50 || longestSeen < longest-int(period/time.Second)/10-1 {
				t.Errorf("%d refused, at most for %d s: the test shows little", refused, longestSeen)
			}
		})
	}
}

// A store whose clock or windows are other than ours cannot make a client wait
// for longer than a window lasts, nor ask it to come back at once.
func TestSecondsOfForeignStores(t *testing.T) {
	t.Parallel()
	for offset, want := range map[time.Duration]string{-time.Hour: "1", 0: "1", 24 * time.Hour: "66"} {
		store := fixed{state: limiter.Context{Limit: 2, Reset: time.Now().Add(offset).Unix(), Reached: true}}
		w := serve(engine(middleware.RateLimit("search", perMinute(2), store, trusted())), request("GET", "/"))
		if got := w.Header().Get("Retry-After"); got != want {
			t.Errorf("Reset in %s: Retry-After is %s, want %s", offset, got, want)
		}
	}
}

// fixed is a store that always says the same.
type fixed struct {
	limiter.Store
	state limiter.Context
}

func (f fixed) Increment(context.Context, string, int64, limiter.Rate) (limiter.Context, error) {
	return f.state, nil
}

// ulule's own stores fit behind the middleware.
func TestStoreOfUlule(t *testing.T) {
	t.Parallel()
	e := engine(middleware.RateLimit("search", perMinute(2), memory.NewStore(), trusted()))
	for _, want := range []int{200, 200, 429} {
		if got := serve(e, request("GET", "/")).Code; got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
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

// broken is a store that fails, although it must not.
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
