package tests

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// limitedRoutes lists limited routes and their policies. The tests count error
// responses too.
var limitedRoutes = []struct {
	method, path, policy string
}{
	{"GET", "/api/hello", "default"},
	{"HEAD", "/api/hello", "default"},
	{"GET", "/api/session", "default"},
	{"DELETE", "/api/session", "default"},
	{"HEAD", "/api/session", "default"},
	{"POST", "/api/upload", "upload"},
	{"POST", "/api/session", "session"},
	{"GET", "/docs", "docs"},
	{"GET", "/openapi.yaml", "docs"},
}

func TestDefaultLimits(t *testing.T) {
	t.Parallel()
	s := start(t)
	quota := map[string]int{"default": 100, "upload": 5, "session": 10, "docs": 60}
	left := maps.Clone(quota)
	for _, route := range limitedRoutes {
		a := s.do(t, route.method, route.path, "")
		l := checkLimited(t, a, route.policy, quota[route.policy], 60)
		left[route.policy]--
		if l.remaining != left[route.policy] {
			t.Errorf("%s %s: remaining %d, want %d, because routes share a count only if they share a policy", route.method, route.path, l.remaining, left[route.policy])
		}
	}
	for _, path := range []string{"/", "/healthz", "/readyz"} {
		checkHeaders(t, s.get(t, path), map[string]string{"X-RateLimit-Limit": absent, "X-RateLimit-Remaining": absent,
			"X-RateLimit-Reset": absent, "RateLimit": absent, "RateLimit-Policy": absent})
	}
}

func TestOverTheLimit(t *testing.T) {
	t.Parallel()
	s := start(t, "RATE_LIMIT_DEFAULT=4-H", "RATE_LIMIT_UPLOAD=2-D", "RATE_LIMIT_SESSION=1-M")
	tests := []struct {
		policy        string
		quota, window int
		method, path  string
	}{
		{"default", 4, 3600, "GET", "/api/hello"},
		{"upload", 2, 86400, "POST", "/api/upload"},
		{"session", 1, 60, "POST", "/api/session"},
	}
	for _, tt := range tests {
		for i := range tt.quota {
			a := s.do(t, tt.method, tt.path, "")
			if a.status == http.StatusTooManyRequests {
				t.Fatalf("%s: request %d of %d was rejected", tt.policy, i+1, tt.quota)
			}
			checkLimited(t, a, tt.policy, tt.quota, tt.window)
		}
		for range 3 {
			checkOverLimit(t, s.do(t, tt.method, tt.path, ""), tt.policy, tt.quota, tt.window)
		}
	}
	// Routes with the same policy share a bucket.
	checkOverLimit(t, s.get(t, "/api/session"), "default", 4, 3600)
	a := s.do(t, "HEAD", "/api/hello", "")
	checkStatus(t, a, http.StatusTooManyRequests)
	checkLimited(t, a, "default", 4, 3600)
	// The limit is checked before the body.
	checkOverLimit(t, s.do(t, "POST", "/api/session", "{", jsonType), "session", 1, 60)
	for _, path := range []string{"/", "/healthz", "/readyz"} {
		checkStatus(t, s.get(t, path), http.StatusOK)
	}
	// Another client has its own bucket.
	checkStatus(t, s.from("127.0.0.2").get(t, "/api/hello"), http.StatusOK)
}

func TestLimitsAreExactUnderConcurrency(t *testing.T) {
	t.Parallel()
	s := start(t, "RATE_LIMIT_DEFAULT=20-H")
	statuses := make(chan int)
	const clients, each = 8, 10
	for range clients {
		go func() {
			for range each {
				a, err := s.try("GET", "/api/hello", "")
				if err != nil {
					a.status = 0
				}
				statuses <- a.status
			}
		}()
	}
	granted := make(map[int]int)
	for range clients * each {
		granted[<-statuses]++
	}
	if granted[http.StatusOK] != 20 || granted[http.StatusTooManyRequests] != clients*each-20 {
		t.Errorf("got %v, want 20 granted and the others rejected", granted)
	}
}

// A request that is sent after Retry-After succeeds.
func TestRetryAfterIsTrue(t *testing.T) {
	t.Parallel()
	for _, rate := range []string{"1-S", "3-S"} {
		t.Run(rate, func(t *testing.T) {
			t.Parallel()
			s := start(t, "RATE_LIMIT_DEFAULT="+rate)
			quota := int(rate[0] - '0')
			var rejected answer
			var at time.Time
			eventually(t, func() error {
				rejected, at = s.get(t, "/api/hello"), time.Now()
				if rejected.status != http.StatusTooManyRequests {
					return fmt.Errorf("the limit %s was never reached", rate)
				}
				return nil
			})
			checkOverLimit(t, rejected, "default", quota, 1)
			after, _ := strconv.Atoi(rejected.header.Get("Retry-After"))
			deadline := at.Add(time.Duration(after) * time.Second)
			eventually(t, func() error {
				sent := time.Now()
				if a := s.get(t, "/api/hello"); a.status == http.StatusOK {
					return nil
				}
				if sent.After(deadline) {
					t.Fatalf("rejected %s after a 429 with Retry-After: %d", sent.Sub(at), after)
				}
				return errors.New("still rejected")
			})
		})
	}
}

func TestLimitsOff(t *testing.T) {
	t.Parallel()
	s := start(t, unlimited...)
	for _, route := range limitedRoutes {
		for range 120 / len(limitedRoutes) {
			a := s.do(t, route.method, route.path, "")
			if a.status == http.StatusTooManyRequests {
				t.Fatalf("%s %s: 429, want no limit", route.method, route.path)
			}
			checkHeaders(t, a, map[string]string{"X-RateLimit-Limit": absent, "RateLimit": absent, "RateLimit-Policy": absent, "Retry-After": absent})
		}
	}
	one := start(t, "RATE_LIMIT_DEFAULT=off", "RATE_LIMIT_SESSION=1-H")
	one.do(t, "POST", "/api/session", "")
	checkOverLimit(t, one.do(t, "POST", "/api/session", ""), "session", 1, 3600)
	checkHeaders(t, one.get(t, "/api/hello"), map[string]string{"RateLimit": absent})
}

// Preflights and denied origins do not count against a limit.
func TestUncountedRequests(t *testing.T) {
	t.Parallel()
	s := start(t, "RATE_LIMIT_DEFAULT=2-H")
	for range 4 {
		s.do(t, "OPTIONS", "/api/hello", "", "Origin: "+vite, "Access-Control-Request-Method: GET")
		checkDenied(t, s.get(t, "/api/hello", "Origin: https://evil.com"))
	}
	if l := checkLimited(t, s.get(t, "/api/hello"), "default", 2, 3600); l.remaining != 1 {
		t.Errorf("remaining after preflights and denials: got %d, want 1", l.remaining)
	}
	s.get(t, "/api/hello")
	a := s.get(t, "/api/hello", "Origin: "+vite)
	checkOverLimit(t, a, "default", 2, 3600)
	checkReadable(t, a, vite)
	checkPreflight(t, s.preflight(t, "/api/hello", vite, "GET"), vite)
}

// Each row sends two requests under a limit of one. The second is rejected if,
// and only if, both count as the same client. The unit tests of
// internal/forwarded hold more rows.
func TestClientBehindTrustedProxy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		first, second []string // X-Forwarded-For lines
		same          bool
	}{
		{"the same address", []string{"198.51.100.1"}, []string{"198.51.100.1"}, true},
		{"another address", []string{"198.51.100.2"}, []string{"198.51.100.3"}, false},
		{"entries of the client are ignored", []string{"203.0.113.1, 198.51.100.4"}, []string{"203.0.113.2, 198.51.100.4"}, true},
		{"the right-most entry counts", []string{"203.0.113.3, 198.51.100.5"}, []string{"203.0.113.3, 198.51.100.6"}, false},
		{"trusted proxies are skipped", []string{"198.51.100.7, 10.1.2.3"}, []string{"198.51.100.7, 10.9.9.9, 10.1.2.4"}, true},
		{"an untrusted proxy is the client", []string{"198.51.100.9, 11.1.2.3"}, []string{"198.51.100.10, 11.1.2.3"}, true},
		{"a trusted proxy with a port", []string{"198.51.100.15, 10.1.2.3:443"}, []string{"198.51.100.15"}, true},
		{"several lines form one list", []string{"198.51.100.16", "10.1.2.3"}, []string{"198.51.100.16"}, true},
		{"an entry before an invalid one is not believed", []string{"198.51.100.22, garbage, 10.7.0.2"}, []string{"198.51.100.22"}, false},
		{"the peer counts if no entry is valid", []string{"garbage"}, []string{"198.51.100.23, _hidden"}, true},
		{"an incomplete address is not valid", []string{"198.51.100.24, 1.2.3, 10.7.0.3"}, []string{"198.51.100.25, 1.2.3.4.5, 10.7.0.3"}, true},
		{"IPv4-mapped in hexadecimal", []string{"::ffff:c633:641b"}, []string{"198.51.100.27"}, true},
		{"IPv6 in the same /64", []string{"2001:db8:2::1"}, []string{"2001:db8:2:0:ffff:ffff:ffff:ffff"}, true},
		{"IPv6 in another /64", []string{"2001:db8:3::1"}, []string{"2001:db8:3:1::1"}, false},
	}
	s := start(t, "TRUSTED_PROXIES=127.0.0.1, 10.0.0.0/8,2001:db8:ffff::/48", "RATE_LIMIT_DEFAULT=1-H")
	for _, tt := range tests { // no two rows share a client
		t.Run(tt.name, func(t *testing.T) {
			checkStatus(t, s.get(t, "/api/hello", forwardedFor(tt.first)...), http.StatusOK)
			want := http.StatusOK
			if tt.same {
				want = http.StatusTooManyRequests
			}
			checkStatus(t, s.get(t, "/api/hello", forwardedFor(tt.second)...), want)
		})
	}
}

func TestOtherHeadersDoNotNameClient(t *testing.T) {
	t.Parallel()
	for _, proxies := range []string{"", "127.0.0.1"} {
		s := start(t, "TRUSTED_PROXIES="+proxies, "RATE_LIMIT_DEFAULT=1-H")
		checkStatus(t, s.get(t, "/api/hello"), http.StatusOK)
		for _, name := range []string{"X-Real-IP", "X-Client-IP", "Client-IP", "True-Client-IP", "CF-Connecting-IP", "Fastly-Client-IP", "Fly-Client-IP",
			"X-Appengine-Remote-Addr", "X-Cluster-Client-IP", "X-Forwarded", "X-Originating-IP", "X-Azure-ClientIP"} {
			a := s.get(t, "/api/hello", name+": 198.51.100.1")
			if a.status != http.StatusTooManyRequests {
				t.Errorf("TRUSTED_PROXIES=%q: %s changes the client", proxies, name)
			}
		}
		checkStatus(t, s.get(t, "/api/hello", "Forwarded: for=198.51.100.1"), http.StatusTooManyRequests)
	}
}

// Any client can send X-Forwarded-For, so the server ignores it unless a trusted
// proxy sent it. One log line points to the setting that may be missing.
func TestUntrustedForwardedFor(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, proxies, from string }{
		{"no proxy is trusted", "", "127.0.0.1"},
		{"another proxy is trusted", "10.0.0.0/8,127.0.0.9", "127.0.0.1"},
		{"a neighbouring address is trusted", "127.0.0.0/31", "127.0.0.2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "TRUSTED_PROXIES="+tt.proxies, "RATE_LIMIT_DEFAULT=2-H").from(tt.from)
			for i := range 6 {
				want := http.StatusOK
				if i >= 2 {
					want = http.StatusTooManyRequests
				}
				checkStatus(t, s.get(t, "/api/hello", fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", i)), want)
			}
			s.waitFor(t, "warning about TRUSTED_PROXIES", func() bool { return s.warnings("TRUSTED_PROXIES") > 0 })
			s.get(t, "/healthz", "X-Forwarded-For: 198.51.100.200")
			if got := s.warnings("TRUSTED_PROXIES"); got != 1 {
				t.Errorf("warnings: got %d, want 1", got)
			}
		})
	}
	quiet := start(t, "TRUSTED_PROXIES=127.0.0.1")
	quiet.get(t, "/api/hello", "X-Forwarded-For: 198.51.100.1")
	quiet.get(t, "/api/hello")
	if got := quiet.warnings("TRUSTED_PROXIES"); got != 0 {
		t.Errorf("warnings about a trusted proxy: got %d, want none", got)
	}
}

// A flood of clients must neither reset the counter of a client that is over its
// limit nor use unlimited memory.
func TestFloodOfClients(t *testing.T) {
	t.Parallel()
	s := start(t, "TRUSTED_PROXIES=127.0.0.1", "RATE_LIMIT_DEFAULT=2-H", "RATE_LIMIT_MAX_CLIENTS=50", "METRICS_ADDR=127.0.0.1:0")
	limited := "X-Forwarded-For: 192.0.2.1"
	for range 3 {
		s.get(t, "/api/hello", limited)
	}
	for i := range 600 {
		a := s.get(t, "/api/hello", fmt.Sprintf("X-Forwarded-For: 198.51.%d.%d", i/250, i%250))
		if a.status != http.StatusOK {
			t.Fatalf("client %d of the flood: got %d, want 200", i, a.status)
		}
		if i%50 == 0 {
			checkOverLimit(t, s.get(t, "/api/hello", limited), "default", 2, 3600)
		}
	}
	checkOverLimit(t, s.get(t, "/api/hello", limited), "default", 2, 3600)

	match := regexp.MustCompile(`(?m)^rate_limit_counters (\d+)$`).FindStringSubmatch(s.metrics(t).get(t, "/metrics").body)
	if match == nil {
		t.Fatal("the metrics lack rate_limit_counters")
	}
	if n, _ := strconv.Atoi(match[1]); n < 1 || n > 50 {
		t.Errorf("rate_limit_counters: got %d, want 1 to RATE_LIMIT_MAX_CLIENTS=50", n)
	}
}

// If every counter belongs to a client that is over its limit, new clients do
// not take over any of them.
func TestFloodKeepsLimitedClientsLimited(t *testing.T) {
	t.Parallel()
	s := start(t, "TRUSTED_PROXIES=127.0.0.1", "RATE_LIMIT_DEFAULT=1-H", "RATE_LIMIT_MAX_CLIENTS=20")
	limited := func(i int) string { return fmt.Sprintf("X-Forwarded-For: 192.0.2.%d", i) }
	for i := range 20 {
		checkStatus(t, s.get(t, "/api/hello", limited(i)), http.StatusOK)
		checkStatus(t, s.get(t, "/api/hello", limited(i)), http.StatusTooManyRequests)
	}
	for i := range 200 {
		s.get(t, "/api/hello", fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", i))
	}
	for i := range 20 {
		checkStatus(t, s.get(t, "/api/hello", limited(i)), http.StatusTooManyRequests)
	}
}

// One client may use many addresses of an IPv6 /64.
func TestFloodFromOneIPv6Network(t *testing.T) {
	t.Parallel()
	s := start(t, "TRUSTED_PROXIES=127.0.0.1", "RATE_LIMIT_DEFAULT=5-H")
	granted := 0
	for i := range 50 {
		if s.get(t, "/api/hello", fmt.Sprintf("X-Forwarded-For: 2001:db8::%x:%x", i, i*7+1)).status == http.StatusOK {
			granted++
		}
	}
	if granted != 5 {
		t.Errorf("granted %d of 50, want 5", granted)
	}
}

func TestIPv6Peer(t *testing.T) {
	t.Parallel()
	if listener, err := net.Listen("tcp", "[::1]:0"); err != nil {
		without(t, "this machine has no IPv6 loopback address; enable IPv6 on lo")
	} else {
		listener.Close()
	}
	s := start(t, "HOST=::1", "TRUSTED_PROXIES=::1", "RATE_LIMIT_DEFAULT=1-H")
	checkStatus(t, s.get(t, "/api/hello"), http.StatusOK)
	checkStatus(t, s.get(t, "/api/hello"), http.StatusTooManyRequests)
	checkStatus(t, s.get(t, "/api/hello", "X-Forwarded-For: 198.51.100.1"), http.StatusOK)
	checkNoCORS(t, s.get(t, "/healthz", "Origin: http://"+s.host))
}

// forwardedFor returns the lines as X-Forwarded-For headers.
func forwardedFor(lines []string) []string {
	var headers []string
	for _, line := range lines {
		headers = append(headers, "X-Forwarded-For: "+line)
	}
	return headers
}

// warnings counts the log lines at level WARN that contain text.
func (p *process) warnings(text string) int {
	count := 0
	for _, line := range p.linesWith(text) {
		if logFields(line)["level"] == "WARN" {
			count++
		}
	}
	return count
}

// limit holds the values of the rate limit headers.
type limit struct {
	limit, remaining int
	reset            time.Time // X-RateLimit-Reset
	t                int       // seconds, from RateLimit
}

var limitHeader = regexp.MustCompile(`^"([a-z]+)";r=(\d+);t=(\d+)$`)

// checkLimited checks that the response has all rate limit headers and that they
// agree with each other, the policy, the quota and the window in seconds.
func checkLimited(t *testing.T, a answer, policy string, quota, window int) limit {
	t.Helper()
	header := func(name string) string {
		values := a.header.Values(name)
		if len(values) != 1 {
			t.Fatalf("%s: got %q, want one", name, values)
		}
		return values[0]
	}
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got, want := header("RateLimit-Policy"), fmt.Sprintf("%q;q=%d;w=%d", policy, quota, window); got != want {
		t.Errorf("RateLimit-Policy: got %s, want %s", got, want)
	}
	fields := limitHeader.FindStringSubmatch(header("RateLimit"))
	if fields == nil {
		t.Fatalf("RateLimit: got %q, want a value such as \"search\";r=29;t=60", header("RateLimit"))
	}
	l := limit{
		limit:     number(header("X-RateLimit-Limit")),
		remaining: number(header("X-RateLimit-Remaining")),
		reset:     time.Unix(int64(number(header("X-RateLimit-Reset"))), 0),
		t:         number(fields[3]),
	}
	longest := (11*window + 9) / 10 // how long a request counts, in seconds
	if fields[1] != policy || number(fields[2]) != l.remaining || l.limit != quota || l.remaining < 0 || l.remaining > quota || l.t > longest {
		t.Errorf("got X-RateLimit-Limit %d, X-RateLimit-Remaining %d, RateLimit %s; want policy %s, quota %d and window %d in all of them",
			l.limit, l.remaining, header("RateLimit"), policy, quota, window)
	}
	const slack = 5 * time.Second // for the time since the response
	if until := time.Until(l.reset); until > time.Duration(longest+1)*time.Second || (time.Duration(l.t)*time.Second-until).Abs() > slack {
		t.Errorf("X-RateLimit-Reset: got %s from now, want t=%d s and at most 1.1 times the window, %d s", until, l.t, longest)
	}
	return l
}

// checkOverLimit checks that the response is a complete 429 of the policy.
func checkOverLimit(t *testing.T, a answer, policy string, quota, window int) limit {
	t.Helper()
	p := checkProblem(t, a, http.StatusTooManyRequests)
	if want := "https://iana.org/assignments/http-problem-types#quota-exceeded"; p.Type != want {
		t.Errorf("type: got %q, want %q", p.Type, want)
	}
	if len(p.Violated) != 1 || p.Violated[0] != policy {
		t.Errorf("violated-policies: got %q, want %q", p.Violated, policy)
	}
	l := checkLimited(t, a, policy, quota, window)
	if l.remaining != 0 {
		t.Errorf("remaining: got %d, want 0", l.remaining)
	}
	after, err := strconv.Atoi(a.header.Get("Retry-After"))
	if longest := (11*window + 9) / 10; err != nil || after < 1 || after > longest || after < l.t {
		t.Errorf("Retry-After: got %q, want whole seconds from 1 to %d and at least t=%d", a.header.Get("Retry-After"), (11*window+9)/10, l.t)
	}
	return l
}
