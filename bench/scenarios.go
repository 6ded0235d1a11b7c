package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// scenario is one comparison.
type scenario struct {
	name       string
	title      string
	servers    []spec
	needsRedis bool
	headers    []string // of the request, besides Host
	method     string   // GET if empty
	path       string   // /api/hello if empty
	status     int      // of every response
	charted    bool     // its servers are compared in performance.svg
	grows      string   // what the amounts of its servers count, drawn in performance-growth.svg; empty: not drawn
}

// spec is a server to start.
type spec struct {
	name string
	args []string // of the peers program; nil: this project's server
	// binary replaces the server's own build; empty: the same
	binary string
	env    []string
	file   string // its .env: a variable of the environment has at most 128 KiB
	bare   bool   // sends fewer headers, so that it is not compared with the others
	// status replaces the scenario's for this server; 0: the same
	status   int
	headers  []string // replace the scenario's; nil: the same
	path     string   // replaces the scenario's; empty: the same
	body     string   // of the request
	items    int      // the number of items in its database at the start
	clients  int      // requests come from this many clients (X-Forwarded-For); 0: from one
	replicas int      // the number of processes that share the load; 0: one
	amount   int      // of what the scenario varies; 0: not drawn
}

const (
	redisAddr = "127.0.0.1:18399"
	noLimit   = "999999999-D"
	origin    = "Origin: https://app.example.com"
)

// ours is this project's server as it runs in production, with the memory
// settings of deploy/compose.yaml and a limit that is counted but never reached.
func ours(name string, env ...string) spec {
	return spec{name: name, env: append([]string{
		"GOMEMLIMIT=115MiB", "GOGC=400",
		"APP_ENV=production", "HOST=127.0.0.1", "LOG_LEVEL=error", "SESSION_SECRET=" + strings.Repeat("s", 32),
		"ALLOWED_ORIGINS=https://app.example.com", "RATE_LIMIT_DEFAULT=" + noLimit,
	}, env...)}
}

// peer is a program of peers, with Go's own memory settings.
func peer(name string) spec { return spec{name: name, args: []string{name}} }

func scenarios() []scenario {
	withLog := func(s spec) spec {
		s.env = append(s.env, "LOG_LEVEL=info", "ACCESS_LOG=1")
		return s
	}
	withRedis := func(s spec) spec {
		s.env = append(s.env, "REDIS_URL=redis://"+redisAddr, "REDIS_ADDR="+redisAddr)
		return s
	}
	withGOGC := func(s spec, percent string) spec {
		s.name += ", GOGC=" + percent
		s.env = append(s.env, "GOGC="+percent)
		return s
	}
	bare := func(s spec) spec {
		s.bare = true
		return s
	}
	preflight := []string{origin, "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: authorization,content-type"}
	denied := ours("a denied origin")
	denied.status, denied.headers = 403, []string{"Origin: https://evil.example"}
	limited := ours("a client over its limit", "RATE_LIMIT_DEFAULT=1-D")
	limited.status = 429
	return append([]scenario{
		{
			name: "log off", charted: true, title: "`GET /api/hello` with an allowed Origin, no access log", status: 200, headers: []string{origin},
			servers: []spec{
				ours("this server"), withGOGC(ours("this server"), "100"), peer("by-hand"), withGOGC(peer("by-hand"), "400"),
				peer("gin"), peer("chi"), peer("echo"), peer("fiber"), bare(peer("bare-gin")), bare(peer("bare-nethttp")),
			},
		},
		{
			name: "log on", charted: true, title: "the same with the access log of each server (by-hand has none)", status: 200, headers: []string{origin},
			servers: []spec{
				withLog(ours("this server")), withGOGC(withLog(ours("this server")), "100"), peer("by-hand"), withGOGC(peer("by-hand"), "400"),
				withLog(peer("gin")), withLog(peer("chi")), withLog(peer("echo")), withLog(peer("fiber")),
			},
		},
		{
			name: "preflight", title: "a preflight", status: 204, method: "OPTIONS", headers: preflight,
			servers: []spec{ours("this server"), peer("by-hand"), peer("gin"), peer("chi"), peer("echo"), peer("fiber")},
		},
		{
			name: "rejections", title: "what this server's rejections cost", status: 200, headers: []string{origin},
			servers: []spec{ours("a normal response"), bare(denied), bare(limited)},
		},
		{
			name: "redis", charted: true, title: "counters in Redis, no access log", status: 200, headers: []string{origin}, needsRedis: true,
			servers: []spec{withRedis(ours("this server")), withRedis(peer("gin")), withRedis(peer("fiber")), bare(withRedis(limited))},
		},
		{
			name: "origins", grows: "listed origins", title: "the number of listed origins", status: 200, headers: []string{origin},
			servers: []spec{listing(1), listing(100), listing(10_000)},
		},
		{
			name: "clients", grows: "clients", title: "the number of clients", status: 200, headers: []string{origin},
			servers: []spec{from(1), from(1_000), from(1_000_000), withFewCounters(from(1_000_000))},
		},
		{
			name: "headers", grows: "bytes in a header", title: "the size of the request's headers", status: 200, headers: []string{origin},
			servers: []spec{sending(16), sending(128), sending(1 << 10), sending(8 << 10)},
		},
		{
			name: "uploads", grows: "bytes of an upload", title: "`POST /api/upload`", method: "POST", path: "/api/upload", status: 201, headers: []string{},
			servers: []spec{uploading(10 << 10), uploading(100 << 10), uploading(1 << 20), uploading(9 << 20)},
		},
		{
			name: "replicas", grows: "replicas with one Redis", title: "the number of replicas that share one core and count in one Redis", status: 200, headers: []string{origin}, needsRedis: true,
			servers: []spec{withRedis(replicated(1)), withRedis(replicated(2)), withRedis(replicated(4)), withRedis(replicated(8))},
		},
	}, itemScenarios()...)
}

// from is the server when n clients call it, each with a counter of its own.
func from(n int) spec {
	s := ours(fmt.Sprint(n), "TRUSTED_PROXIES=127.0.0.1", "RATE_LIMIT_MAX_CLIENTS=1100000", "GOMEMLIMIT=1GiB")
	s.clients, s.amount = n, n
	return s
}

// withFewCounters has a tenth of the counters that its clients need.
func withFewCounters(s spec) spec {
	limit := s.clients / 10
	s.name += fmt.Sprintf(", %d counters", limit)
	s.env = append(s.env, fmt.Sprintf("RATE_LIMIT_MAX_CLIENTS=%d", limit), "GOMEMLIMIT=115MiB")
	s.amount = 0
	return s
}

// sending adds a header of size bytes to the requests.
func sending(size int) spec {
	s := ours(fmt.Sprintf("%d bytes", size))
	s.headers, s.amount = []string{origin, "X-Large: " + strings.Repeat("x", size)}, size
	return s
}

// replicated is n processes of the server.
func replicated(n int) spec {
	s := ours(fmt.Sprint(n))
	s.replicas, s.amount = n, n
	return s
}

// uploading sends a file of size bytes.
func uploading(size int) spec {
	s := ours(fmt.Sprintf("%d KiB", size>>10), "RATE_LIMIT_UPLOAD="+noLimit)
	s.headers = []string{origin, "Content-Type: multipart/form-data; boundary=b"}
	s.amount = size
	s.body = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n" + strings.Repeat("x", size) + "\r\n--b--\r\n"
	return s
}

// listing is the server with a list of n origins, the last of which is the one
// that calls.
func listing(n int) spec {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("https://customer-%d.example.com", i)
	}
	list[n-1] = "https://app.example.com"
	s := ours(fmt.Sprint(n))
	s.amount = n
	s.env = slices.DeleteFunc(s.env, func(variable string) bool { return strings.HasPrefix(variable, "ALLOWED_ORIGINS=") })
	s.file = "ALLOWED_ORIGINS=" + strings.Join(list, ",") + "\n"
	return s
}

// request returns the text of the request to a server of the scenario. If the
// requests come from many clients, the address in it is a placeholder.
func (s scenario) request(to spec) request {
	method, path, headers, status := cmp.Or(s.method, "GET"), cmp.Or(to.path, s.path, "/api/hello"), s.headers, cmp.Or(to.status, s.status)
	if to.headers != nil {
		headers = to.headers
	}
	if to.clients > 0 {
		headers = append([]string{"X-Forwarded-For: " + placeholder}, headers...)
	}
	if to.body != "" {
		headers = append([]string{fmt.Sprintf("Content-Length: %d", len(to.body))}, headers...)
	}
	text := method + " " + path + " HTTP/1.1\r\nHost: api.example.com\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n" + to.body
	return request{Text: text, Status: status, Clients: to.clients}
}
