package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// bareNetHTTP sends the body and nothing else.
func bareNetHTTP(o options) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/hello", func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{contentType}
		_ = json.NewEncoder(w).Encode(hello{message})
	})
	return newServer(o.addr, mux).ListenAndServe()
}

// byHand does in one handler what the server's middleware does, as lean as a
// careful engineer would write it for one known list of origins: without an
// access log, metrics, or a reason for a refusal. Its limit has a fixed window.
func byHand(o options) error {
	origins := map[string][]string{allowedOrigin: {allowedOrigin}}
	vary := []string{"Origin"}
	varyPreflight := []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"}
	yes := []string{"true"}
	exposed := []string{strings.Join(exposedHeaders(), ",")}
	methods := []string{strings.Join(allowedMethods(), ",")}
	headers := []string{strings.Join(allowedHeaders(), ",")}
	age := []string{strconv.Itoa(maxAge)}
	security := make(map[string][]string)
	for name, value := range securityHeaders() {
		security[name] = []string{value}
	}
	limits, policy := []string{strconv.Itoa(limit)}, []string{policyHeader}
	jsonType, problemType := []string{contentType}, []string{"application/problem+json"}

	type window struct {
		count int64
		ends  time.Time
	}
	var mu sync.Mutex
	clients := make(map[string]*window)
	count := func(r *http.Request) (remaining, reset, wait int64) {
		client, _, _ := net.SplitHostPort(r.RemoteAddr)
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		w := clients[client]
		if w == nil || now.After(w.ends) {
			w = &window{ends: now.Add(period)}
			clients[client] = w
		}
		w.count++
		return limit - w.count, w.ends.Unix(), int64(w.ends.Sub(now).Seconds()) + 1
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/hello", func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.Marshal(hello{message})
		if err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		w.Header()["Content-Type"] = jsonType
		_, _ = w.Write(body)
	})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["Vary"] = vary
		if origin := r.Header.Get("Origin"); origin != "" {
			allowed, ok := origins[origin]
			if !ok {
				for name, value := range security {
					h[name] = value
				}
				h["Content-Type"] = problemType
				w.WriteHeader(http.StatusForbidden)
				_, _ = w.Write([]byte(denial))
				return
			}
			h["Access-Control-Allow-Origin"] = allowed
			h["Access-Control-Allow-Credentials"] = yes
			if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
				h["Vary"] = varyPreflight
				h["Access-Control-Allow-Methods"] = methods
				h["Access-Control-Allow-Headers"] = headers
				h["Access-Control-Max-Age"] = age
				w.WriteHeader(http.StatusNoContent)
				return
			}
			h["Access-Control-Expose-Headers"] = exposed
		}
		for name, value := range security {
			h[name] = value
		}
		var id [16]byte
		_, _ = rand.Read(id[:]) // never fails
		h["X-Request-Id"] = []string{hex.EncodeToString(id[:])}
		remaining, reset, wait := count(r)
		if remaining < 0 {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		h["X-Ratelimit-Limit"] = limits
		h["Ratelimit-Policy"] = policy
		h["X-Ratelimit-Remaining"] = []string{strconv.FormatInt(remaining, 10)}
		h["X-Ratelimit-Reset"] = []string{strconv.FormatInt(reset, 10)}
		h["Ratelimit"] = []string{rateHeader(remaining, wait)}
		mux.ServeHTTP(w, r)
	})
	return newServer(o.addr, handler).ListenAndServe()
}
