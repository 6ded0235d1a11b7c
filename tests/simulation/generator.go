package simulation

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// visitor is a client with one address that sends requests one after another, on one
// connection for as long as that lasts.
type visitor struct {
	address netip.Addr
	conn    *client
	opened  int
	cookie  string
}

const (
	proxyAddress = "10.9.0.1"
	chunked      = "Transfer-Encoding: chunked"
	byHTTPS      = "X-Forwarded-Proto: https" // the trusted proxy says so
)

// plan plans the clients and the faults of a run.
func (w *world) plan() {
	horizon := w.between(20*time.Second, 70*time.Second)
	w.settings.ShutdownDelay = []time.Duration{0, 0, time.Second, 5 * time.Second}[w.rng.IntN(4)]
	w.settings.ShutdownTimeout = []time.Duration{0, 3 * time.Second, 15 * time.Second}[w.rng.IntN(3)]
	w.settings.IdleTimeout = []time.Duration{5 * time.Second, 30 * time.Second, 120 * time.Second}[w.rng.IntN(3)]
	for i := range 3 + w.rng.IntN(4) {
		v := &visitor{address: w.address(byte(i))}
		w.visitors = append(w.visitors, v)
		for range 3 + w.rng.IntN(12) {
			w.after(w.between(0, horizon), "", func() { w.visit(v) })
		}
	}
	for range w.rng.IntN(5) {
		w.after(w.between(0, horizon), "", w.rogue())
	}
	for range w.rng.IntN(5) {
		w.planFault(w.between(0, horizon))
	}
	if w.chance(10) {
		w.planFault(0) // while the server starts
	}
	if w.chance(20) {
		w.planFlood(w.between(0, horizon/2))
	}
	if w.chance(25) {
		w.after(w.between(0, horizon), "large bodies that stall", w.stallMany)
	}
	if w.chance(60) {
		w.after(horizon, "everything is well again", w.healAll)
		if w.resource != nil {
			w.after(horizon+2*time.Second+time.Millisecond, "", func() {
				v := &visitor{address: netip.AddrFrom4([4]byte{192, 0, 100, 1})}
				w.send(v, w.resource.create(w, v))
			})
			horizon += 5 * time.Second
		}
		w.after(horizon, "", w.sigterm)
	} else {
		w.after(w.between(0, horizon), "", w.sigterm)
	}
}

// healAll ends every fault.
func (w *world) healAll() {
	w.database.heal()
	writer := w.rng.IntN(2)
	w.database.servers[1-writer].fence()
	w.database.servers[writer].unfence()
	w.healed = true
	w.databaseTrouble.begin(time.Now()) // another server may have to take over
	w.databaseTrouble.clear(time.Now())
	w.wrong.clear(time.Now())
	w.redis.heal()
	w.redisTrouble.clear(time.Now())
	w.redisChanges = append(w.redisChanges, time.Now())
	w.log.set(false, false)
	w.network.full.Store(false)
	w.full.clear(time.Now())
}

// open returns the visitor's connection, or a new one; nil if nobody listens.
func (w *world) open(v *visitor) *client {
	if v.conn == nil || v.conn.over || v.conn.closing || v.conn.gaveUp {
		v.opened++
		v.conn = w.connect(v.address, v.opened)
	}
	return v.conn
}

func (w *world) connect(address netip.Addr, number int) *client {
	peer := address
	switch {
	case w.scenario.proxied:
		peer = netip.MustParseAddr(proxyAddress)
	case number%2 == 0:
		peer = netip.AddrFrom16(address.As16()) // as a socket for both protocols reports IPv4
	}
	conn := w.network.connect(netip.AddrPortFrom(peer, uint16(10000+number)))
	if conn == nil {
		w.note("%s#%d is refused", address, number)
		return nil
	}
	c := &client{name: fmt.Sprintf("%s#%d", address, number), conn: conn}
	w.clients = append(w.clients, c)
	return c
}

// newRequest returns a request of the address without Origin.
func (w *world) newRequest(address netip.Addr, method, path string, statuses ...int) *request {
	w.requests++
	q := &request{
		id: fmt.Sprintf("r%d", w.requests), client: address, method: method, path: path,
		host: apiHost, version: "1.1", statuses: statuses,
	}
	path, _, _ = strings.Cut(path, "?")
	q.route = routes()[path]
	if q.route == nil && w.resource != nil {
		q.route = w.resource.routes(path)
	}
	q.scheme = "http"
	if w.scenario.proxied {
		q.scheme = "https"
		q.headers = append(w.forwardedFor(address), byHTTPS)
	} else if w.chance(5) {
		q.headers = []string{"X-Forwarded-For: 203.0.113.99", "X-Forwarded-Proto: https", "X-Real-IP: 203.0.113.99", "Forwarded: for=203.0.113.99"}
	}
	return q
}

// forwardedFor returns lines that name the address as the client, in one of the ways
// that proxies and liars write them.
func (w *world) forwardedFor(address netip.Addr) []string {
	entry := address.String()
	switch w.rng.IntN(8) {
	case 0:
		entry = netip.AddrPortFrom(address, 40000).String()
	case 1:
		entry = netip.AddrFrom16(address.As16()).String()
	case 2:
		if address.Is6() {
			entry = "[" + entry + "]"
		}
	}
	if w.chance(20) {
		entry += []string{", 10.9.0.2", " ,\t[fd00:9::2]:443", ",10.9.0.3:80, fd00:9::1"}[w.rng.IntN(3)] // more trusted proxies
	}
	before := []string{"203.0.113.99", "unknown", "10.9.0.5", "", "203.0.113.99, ,"}[w.rng.IntN(5)] // what the client claims
	switch w.rng.IntN(6) {
	case 0:
		return []string{"X-Forwarded-For: " + before + ", " + entry}
	case 1:
		return []string{"X-Forwarded-For: " + before, "X-Forwarded-For: " + entry}
	}
	return []string{"X-Forwarded-For: " + entry}
}

// address returns the address of the client with the number i: IPv4, or IPv6 of one
// of four networks, in some of which clients share a /64.
func (w *world) address(i byte) netip.Addr {
	switch w.rng.IntN(4) {
	case 0:
		a := netip.MustParseAddr("2001:db8:1::").As16()
		a[5], a[7], a[15] = i%2, i/2%2, 1+i
		return netip.AddrFrom16(a)
	case 1:
		return netip.AddrFrom4([4]byte{192, 0, 0, 1 + i}) // neighbors
	}
	return netip.AddrFrom4([4]byte{192, 0, 1 + i, byte(1 + w.rng.IntN(250))})
}

// visit sends a random request of a visitor.
func (w *world) visit(v *visitor) {
	if v.conn != nil && v.conn.sending {
		return
	}
	var q *request
	if w.resource != nil && w.chance(60) {
		q = w.resource.request(w, v)
	} else {
		q = w.anyRequest(v)
	}
	if i := slices.Index(q.headers, byHTTPS); i >= 0 && w.chance(8) {
		q.scheme, q.headers[i] = "http", "X-Forwarded-Proto: https , HTTP"
	}
	q.origin = randomOrigin(w.rng, q.scheme)
	switch {
	case w.chance(6):
		q.host = []string{"evil.example.net", "evil-api.example.com", "api.example.com.evil.test", "", "[::1]", "a..b", "API.example.com:8443", "api.example.com.:8443"}[w.rng.IntN(8)]
		if q.origin.kind == own || q.host == "" {
			q.origin = origin{}
		}
	case w.chance(5) && len(q.origin.lines) < 2:
		q.site = []string{"cross-site", "same-site", "none", "same-origin"}[w.rng.IntN(4)]
		if q.site == "same-origin" && q.origin.kind == denied {
			q.origin.kind = own // browsers know better than the server, behind a proxy that rewrites Host
		}
	case w.chance(10) && len(q.origin.lines) > 0:
		q.method, q.asks, q.body, q.readsBody = "OPTIONS", q.method, nil, false
		if w.chance(30) {
			q.asks = []string{"patch", "PURGE", "TRACE", "not a name"}[w.rng.IntN(4)]
		}
		q.asksFor = []string{"", "content-type", "authorization,content-type", ",,if-match,", "x-other,content-type", "not a name"}[w.rng.IntN(6)]
		q.settle, q.answered, q.unanswered = nil, nil, nil
		q.headers = slices.DeleteFunc(q.headers, func(line string) bool { return line == chunked || strings.HasPrefix(line, "Expect:") })
	case w.chance(5) && q.method == "GET":
		q.method = "HEAD"
		q.answered = nil
	}
	if w.chance(5) {
		q.badID = []string{"not an ID", strings.Repeat("x", 65), "a\r\nX-Request-ID: b"}[w.rng.IntN(3)]
	}
	if w.chance(8) {
		q.headers = append(q.headers, "Connection: close")
	} else if w.chance(4) && !q.is(chunked) {
		q.version = "1.0"
	}
	w.send(v, q)
	if w.chance(5) { // pipelined
		for range w.rng.IntN(4) {
			if v.conn != nil && !v.conn.sending && !v.conn.gaveUp && v.conn == q.conn {
				w.send(v, w.anyRequest(v))
			}
		}
	}
}

// anyRequest returns a request for a route that every server has.
func (w *world) anyRequest(v *visitor) *request {
	from := func(method, path string, statuses ...int) *request {
		return w.newRequest(v.address, method, path, statuses...)
	}
	switch w.rng.IntN(15) {
	case 0:
		return from("GET", "/", 200)
	case 1:
		return from("GET", "/healthz", 200)
	case 2, 3:
		return from("GET", "/readyz")
	case 4:
		return from("GET", "/openapi.yaml", 200)
	case 5:
		return from("GET", "/docs", 200)
	case 6:
		return from([]string{"GET", "POST", "PUT"}[w.rng.IntN(3)], []string{"/api/nothing", "/api/hello/", "/API/hello"}[w.rng.IntN(3)])
	case 7:
		return from([]string{"DELETE", "PATCH", "TRACE", "OPTIONS"}[w.rng.IntN(4)], "/api/hello")
	case 8:
		q := from("GET", "/api/session", 401)
		switch {
		case w.chance(20):
			q.headers = append(q.headers, "Cookie: __Host-session=forged; other=1")
		case v.cookie != "":
			q.headers, q.statuses = append(q.headers, "Cookie: __Host-session=forged; "+v.cookie), []int{200}
		}
		return q
	case 9:
		q := from("DELETE", "/api/session", 204)
		if v.cookie != "" {
			q.headers = append(q.headers, "Cookie: "+v.cookie)
		}
		q.answered = func(r *response) {
			if r.StatusCode == http.StatusNoContent && !strings.Contains(r.Header.Get("Set-Cookie"), "Max-Age=0") {
				w.fail("%s: Set-Cookie: %q", q, r.Header["Set-Cookie"])
			}
		}
		return q
	case 12:
		return from("GET", "/docs/nothing.js", 404)
	case 10:
		return w.signIn(v)
	case 11:
		return w.upload(v)
	}
	return from("GET", "/api/hello", 200)
}

func (w *world) signIn(v *visitor) *request {
	q := w.newRequest(v.address, "POST", "/api/session", 201)
	w.setJSON(q, `{"name": "Mika"}`, 422)
	if v.cookie != "" && w.chance(50) {
		q.headers = append(q.headers, "Cookie: "+v.cookie)
	}
	q.answered = func(r *response) {
		if cookies := r.Cookies(); r.StatusCode == http.StatusCreated && len(cookies) > 0 {
			last := cookies[len(cookies)-1] // before it, another of the name may be cleared
			v.cookie = last.Name + "=" + last.Value
		}
	}
	return q
}

// setJSON gives the request the body, or sometimes one that is wrong or padded with
// blanks. The argument missing is the status of the response to a body without
// fields.
func (w *world) setJSON(q *request, body string, missing int) {
	q.headers = append(q.headers, "Content-Type: application/json")
	q.readsBody = true
	switch w.rng.IntN(16) {
	case 0:
		body, q.statuses = body[:len(body)/2], []int{400}
	case 1:
		body, q.statuses = "{}", []int{missing}
	case 2:
		body, q.statuses = body+" {}", []int{400}
	case 3:
		q.headers[len(q.headers)-1] = []string{
			"Content-Type: text/plain", "X-No-Content-Type: 1", "Content-Type: application/json; charset=latin1", "Content-Type: application/json;",
			"Content-Type: application/json\r\nContent-Type: application/json", "Content-Type: application/json\r\nContent-Encoding: gzip",
		}[w.rng.IntN(6)]
		if q.headers[len(q.headers)-1] != "Content-Type: application/json;" { // which mime.ParseMediaType accepts
			q.statuses, q.readsBody = []int{415}, false
		}
	case 4:
		body, q.statuses = strings.Repeat(" ", 256<<10)+body, []int{413}
		q.readsBody = false
	case 5:
		body += strings.Repeat(" ", w.rng.IntN(40<<10))
	case 6:
		q.headers = append(q.headers, "Expect: 100-continue")
	case 7:
		q.headers = append(q.headers, chunked)
		body = chunks(body)
	case 8, 9:
		mistakes := jsonMistakes()
		one := mistakes[w.rng.IntN(len(mistakes))]
		body, q.statuses = one.body, []int{one.status}
	}
	q.body = []byte(body)
}

func chunks(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }

type mistake struct {
	body   string
	status int
}

// jsonMistakes are wrong wherever an object with a name is expected.
func jsonMistakes() []mistake {
	return []mistake{
		{"", 400}, {"null", 400}, {"[]", 400}, {`{"name": "a"`, 400}, {`{"name": "a",}`, 400}, {"\ufeff{}", 400}, {"{\"name\": \"\xff\"}", 400},
		{`{"name": "a", "mane": 1}`, 400}, {`{"name": "a", "name": "b"}`, 400}, {`{"name": "\ud800"}`, 400}, {`{"name": "\ud800\u0061"}`, 400},
		{`{"name": 1}`, 422}, {`{"name": null}`, 422}, {`{"name": ""}`, 422}, {`{"name": "\u0000"}`, 422},
		{`{"name": "` + strings.Repeat("\\ud83d\\ude00", 101) + `"}`, 422},
	}
}

func (w *world) upload(v *visitor) *request {
	part := func(disposition string, size int) string {
		return "--boundary\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + strings.Repeat("x", size) + "\r\n"
	}
	const named, end = `name="file"; filename="a.txt"`, "--boundary--\r\n"
	size := w.rng.IntN(100 << 10)
	file := part(named, size)
	form, status := file+end, http.StatusCreated
	contentType := "Content-Type: multipart/form-data; boundary=boundary"
	switch w.rng.IntN(16) {
	case 0:
		form = part(`name="other"`, w.rng.IntN(10<<10)) + form + "more"
	case 1:
		form, status = file+file+end, http.StatusUnprocessableEntity
	case 2:
		form, status = part(`name="file"`, size)+end, http.StatusUnprocessableEntity
	case 3:
		form, status = part(`name="other"; filename="a.txt"`, 10)+end, http.StatusUnprocessableEntity
	case 4:
		form, status = file[:len(file)-len("\r\n")-w.rng.IntN(size+1)], http.StatusBadRequest // within the content
	case 5:
		form, status = part(named, int(w.settings.MaxUploadBytes)+1)+end, http.StatusRequestEntityTooLarge
	case 6:
		form, status = part(`name="other"`, 65<<10)+file+end, http.StatusRequestEntityTooLarge
	case 7:
		contentType, status = "Content-Type: multipart/form-data", http.StatusBadRequest
	}
	q := w.newRequest(v.address, "POST", "/api/upload", status)
	q.headers = append(q.headers, contentType)
	q.answered = func(r *response) {
		sum := fmt.Sprintf(`"size":%d,"content_type":"application/octet-stream","sha256":"%x"`, size, sha256.Sum256(bytes.Repeat([]byte("x"), size)))
		if r.StatusCode == http.StatusCreated && !strings.Contains(string(r.body), sum) {
			w.fail("%s: %s, want %s", q, r.body, sum)
		}
	}
	if w.chance(20) {
		q.headers = append(q.headers, chunked)
		form = chunks(form)
	}
	q.body = []byte(form)
	return q
}

// send sends a request on the visitor's connection: at once, in parts, or not to
// its end.
func (w *world) send(v *visitor, q *request) {
	c := w.open(v)
	if c == nil {
		if w.stopped.IsZero() && w.now() > 12*time.Second {
			w.fail("%s: the server does not listen", q)
		}
		if q.unanswered != nil {
			q.unanswered()
		}
		return
	}
	c.begin(q, time.Now())
	if q.is("Connection: close") || q.is(chunked) || q.version == "1.0" {
		v.conn = nil // no other request follows
	}
	head := q.raw()
	switch how := w.rng.IntN(20); {
	case how < 14:
		w.pushHead(c, q, head)
		w.pushBody(c, q, q.body)
		w.finish(c, q)
	case how < 17:
		w.sendSlowly(c, q, head)
	case how < 18: // stalls
		w.pushHead(c, q, head)
		w.pushBody(c, q, q.body[:w.rng.IntN(len(q.body)+1)])
		c.sending = len(q.body) > 0
		if !c.sending {
			w.finish(c, q)
		}
		v.conn = nil
	case how < 19: // resets before the response
		w.pushHead(c, q, head)
		w.pushBody(c, q, q.body[:w.rng.IntN(len(q.body)+1)])
		v.conn = nil
		w.after(w.between(0, 300*time.Millisecond), "", func() { w.abort(c) })
	default: // resets in the head
		c.push(q, head[:4+w.rng.IntN(len(head)-4)]) // with less, the connection counts as idle
		v.conn = nil
		w.after(w.between(0, time.Second), "", func() { w.abort(c) })
	}
}

func (w *world) pushHead(c *client, q *request, head []byte) {
	c.push(q, head)
	q.headAt, q.bodyFrom = time.Now(), c.sent
}

func (w *world) pushBody(c *client, q *request, body []byte) {
	if len(body) == 0 {
		return
	}
	c.push(q, body)
	sum := int64(0)
	for _, other := range w.bodies() {
		sum += max(other.conn.sent-other.bodyFrom-freeBytes, 0)
	}
	for _, other := range w.bodies() {
		other.peak = max(other.peak, sum)
	}
}

func (w *world) finish(c *client, q *request) {
	q.complete = true
	c.sending = false
}

// abort resets a connection, whatever is under way on it.
func (w *world) abort(c *client) {
	if c.over {
		return
	}
	c.gaveUp = true
	w.note("%s resets", c.name)
	c.conn.abort()
}

// sendSlowly sends the head in two parts and the body in several, never slower
// than the server allows.
func (w *world) sendSlowly(c *client, q *request, head []byte) {
	c.sending = true
	cut := 4 + w.rng.IntN(len(head)-4) // with less, the connection counts as idle
	c.push(q, head[:cut])
	pause := w.between(0, 4*time.Second)
	w.after(pause, "", func() {
		if c.over {
			return
		}
		w.pushHead(c, q, head[cut:])
		if len(q.body) == 0 {
			w.finish(c, q)
		}
	})
	rest, parts := q.body, 1+w.rng.IntN(4)
	for i := range parts {
		pause += w.between(0, 3*time.Second)
		n := len(rest)
		if i < parts-1 {
			n = w.rng.IntN(len(rest) + 1)
		}
		part := rest[:n]
		rest = rest[n:]
		if len(q.body) == 0 {
			break
		}
		w.after(pause, "", func() {
			if c.over {
				return
			}
			w.pushBody(c, q, part)
			if i == parts-1 {
				w.finish(c, q)
			}
		})
	}
}

// rogue returns what one hostile client does.
func (w *world) rogue() func() {
	address := netip.AddrFrom4([4]byte{198, 51, byte(w.rng.IntN(250)), 7})
	kind := w.rng.IntN(7)
	return func() {
		v := &visitor{address: address}
		if kind >= 5 {
			w.insist(v, []string{"/api/session", "/api/upload"}[kind-5], 30)
			return
		}
		c := w.open(v)
		if c == nil {
			return
		}
		switch kind {
		case 0: // never ends its headers
			q := w.newRequest(address, "GET", "/api/hello", 200)
			q.headers = append(q.headers, "X-Padding: "+strings.Repeat("x", 1000))
			c.begin(q, time.Now())
			c.sending = true
			head := q.raw()
			for i := range 10 {
				w.after(time.Duration(i)*time.Second, "", func() {
					if !c.over {
						c.push(q, head[i*10:i*10+10])
					}
				})
			}
		case 1: // asks for much and reads little
			c.window = 1 + w.rng.IntN(2000)
			c.conn.bound(4 << 10)
			for range 2 + w.rng.IntN(8) {
				q := w.newRequest(address, "GET", "/openapi.yaml", 200)
				c.begin(q, time.Now())
				w.pushHead(c, q, q.raw())
				w.finish(c, q)
			}
		case 2: // says nothing
			w.after(w.between(0, 20*time.Second), "", func() { w.abort(c) })
		case 4: // does not speak HTTP
			text := []string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
				"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
				"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 40<<10) + "\r\n\r\n",
				"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"}[w.rng.IntN(7)]
			q := w.newRequest(address, "GET", "(no HTTP)")
			c.begin(q, time.Now())
			c.push(q, []byte(text))
		case 3: // sends a body that nobody reads, and reads the response last
			q := w.newRequest(address, "POST", []string{"/api/hello", "/api/nothing", "/api/session"}[w.rng.IntN(3)], 415)
			q.body = bytes.Repeat([]byte("x"), 1000+w.rng.IntN(100<<10))
			if w.chance(50) {
				q.headers = append(q.headers, "Connection: close")
			} else {
				q.version = "1.0"
			}
			if w.chance(50) {
				q.origin = origin{[]string{"https://evil.example.net"}, denied}
			}
			c.begin(q, time.Now())
			c.sending = true
			w.pushHead(c, q, q.raw())
			for part, n := 0, 1+w.rng.IntN(4); part < n; part++ {
				w.after(time.Duration(part)*w.between(0, time.Second), "", func() {
					if c.over {
						return
					}
					from, to := len(q.body)*part/n, len(q.body)*(part+1)/n
					w.pushBody(c, q, q.body[from:to])
					if to == len(q.body) {
						w.finish(c, q)
					}
				})
			}
		}
	}
}

// insist sends requests as fast as the limit allows, and faster. Sometimes it waits
// for Retry-After, sometimes it does not.
func (w *world) insist(v *visitor, path string, left int) {
	c := w.open(v)
	if c == nil || left == 0 {
		return
	}
	q := w.newRequest(v.address, "POST", path, 415)
	q.answered = func(r *response) {
		pause := w.between(0, 300*time.Millisecond)
		if after := r.Header.Get("Retry-After"); after != "" && w.chance(70) {
			pause, _ = time.ParseDuration(after + "s")
		}
		w.after(pause, "", func() { w.insist(v, path, left-1) })
	}
	c.begin(q, time.Now())
	w.pushHead(c, q, q.raw())
	w.finish(c, q)
}

// planFlood plans that many addresses of one or more networks use up their limits;
// those of one network may leave some. More of them may come when the limits of the
// first are no longer used up. After each wave, clients of other networks come, which
// the flood must not affect. No two come at the same time, because the order in which
// they were served could not be replayed.
func (w *world) planFlood(at time.Duration) {
	networks, modest, isIPv4 := 1+w.rng.IntN(12), w.rng.IntN(12), w.chance(30)
	path := []string{"/api/upload", "/api/session"}[w.rng.IntN(2)]
	limit := int(w.rates[path[len("/api/"):]].Limit)
	come := func(address netip.Addr, requests int) {
		v := &visitor{address: address}
		c := w.open(v)
		for range requests {
			if c == nil {
				return
			}
			q := w.newRequest(v.address, "POST", path, 415)
			c.begin(q, time.Now())
			w.pushHead(c, q, q.raw())
			w.finish(c, q)
		}
	}
	for wave := range 1 + w.rng.IntN(3) {
		w.after(at, "flood", func() {})
		for i := range w.settings.RateLimitMaxClients + w.rng.IntN(20) {
			a := netip.MustParseAddr("2001:db8:500::").As16()
			a[5], a[6], a[7], a[15] = byte(i%networks), byte(wave), byte(i/networks), 1
			address := netip.AddrFrom16(a)
			if isIPv4 {
				address = netip.AddrFrom4([4]byte{198, 19, byte(i % networks), byte(wave<<6 + i/networks)})
			}
			requests := limit
			if i%networks == modest {
				requests = 1
			}
			w.after(at+time.Duration(i)*time.Microsecond, "", func() {
				w.flooders[address] = true
				come(address, requests)
			})
		}
		for i := range byte(4) {
			w.after(at+time.Millisecond+time.Duration(i)*time.Microsecond, "", func() {
				come(netip.AddrFrom4([4]byte{203, byte(wave), i, 9}), 1)
			})
		}
		at += w.between(time.Second, 10*time.Second)
	}
}

// stallMany sends large bodies of many clients, but not their last bytes.
func (w *world) stallMany() {
	for i := range 3 + w.rng.IntN(6) {
		v := &visitor{address: netip.AddrFrom4([4]byte{198, 18, byte(i), byte(w.rng.IntN(250))})}
		w.after(w.between(0, 2*time.Second), "", func() {
			c := w.open(v)
			if c == nil {
				return
			}
			q := w.newRequest(v.address, "POST", "/api/session", 400)
			q.headers = append(q.headers, "Content-Type: application/json")
			q.readsBody = true
			q.body = bytes.Repeat([]byte(" "), 10<<10+w.rng.IntN(60<<10))
			c.begin(q, time.Now())
			c.sending = true
			w.pushHead(c, q, q.raw())
			w.pushBody(c, q, q.body[:len(q.body)-1])
		})
	}
}

// planFault plans a fault and its end.
func (w *world) planFault(at time.Duration) {
	lasts := w.between(50*time.Millisecond, 15*time.Second)
	server := w.database.servers[w.rng.IntN(2)]
	after := func(d time.Duration, name string, do func()) {
		w.after(d, "", func() {
			if !w.healed {
				w.note("%s", name)
				do()
			}
		})
	}
	database := func(name string, begin, end func()) {
		name = "PostgreSQL " + server.address + " " + name
		after(at, name, func() { w.databaseTrouble.begin(time.Now()); begin() })
		after(at+lasts, name+": over", func() {
			end()
			w.databaseTrouble.finish(time.Now())
		})
	}
	redis := func(name string, begin, end func()) {
		changed := func() { w.redisChanges = append(w.redisChanges, time.Now()) }
		after(at, "Redis "+name, func() { w.redisTrouble.begin(time.Now()); changed(); begin() })
		after(at+lasts, "Redis "+name+": over", func() { end(); changed(); w.redisTrouble.finish(time.Now()) })
	}
	set := w.database.change
	kind := w.rng.IntN(21)
	if !w.scenario.redis && kind >= 14 {
		kind = w.rng.IntN(14)
	}
	if w.resource != nil && w.chance(20) {
		kind = 7 // at the right moment, this is rare
	}
	switch kind {
	case 0:
		database("hangs", func() { set(func() { server.hung = true }) }, func() { set(func() { server.hung = false }) })
	case 1:
		database("is killed", server.kill, func() { set(func() { server.down = false }) })
	case 2, 3:
		other := w.database.servers[0]
		if other == server {
			other = w.database.servers[1]
		}
		at2 := at + lasts
		after(at, "PostgreSQL "+server.address+" takes no writes any more", func() {
			w.databaseTrouble.begin(time.Now())
			server.fence()
		})
		after(at2, "PostgreSQL "+other.address+" takes writes", func() {
			other.unfence()
			w.databaseTrouble.finish(time.Now())
		})
	case 4:
		delay := w.between(time.Millisecond, 2*time.Second)
		database("is slow", func() { set(func() { server.delay = delay }) }, func() { set(func() { server.delay = 0 }) })
	case 5, 6:
		code := []string{
			"garbage", "08006", "0A000", "25006", "28P01", "3D000", "40001", "40P01", "42501", "42P01", "53100", "53200",
			"53300", "55P03", "57014", "57P01", "57P02", "57P03", "58030", "XX000", "XX001",
		}[w.rng.IntN(21)]
		database("answers "+code, func() { w.wrong.begin(time.Now()); set(func() { server.failure = code }) },
			func() { w.wrong.finish(time.Now()); set(func() { server.failure = "" }) })
	case 7, 8:
		how := []cut{cutBefore, cutAfter}[w.rng.IntN(2)]
		// Whichever server takes writes.
		lose := func(how cut) func() {
			return func() { set(func() { w.database.servers[0].cut, w.database.servers[1].cut = how, how }) }
		}
		database("or the other loses a connection at the next write", lose(how), lose(noCut))
		if w.resource != nil {
			for i := range byte(3) { // of whose changes one meets the fault, even if the others stall
				creator := &visitor{address: netip.AddrFrom4([4]byte{192, 0, 101, 1 + i})}
				changer := &visitor{address: netip.AddrFrom4([4]byte{192, 0, 102, 1 + i})}
				w.after(max(at-w.between(time.Second, 3*time.Second), 0), "", func() { w.send(creator, w.resource.create(w, creator)) })
				w.after(at+w.between(0, min(lasts, time.Second)), "", func() { w.send(changer, w.resource.change(w, changer)) })
			}
		}
	case 9:
		lasts = time.Millisecond
		database("loses its connections", func() { set(server.endSessions) }, func() {})
	case 13:
		after(at, "no file descriptor is left", func() { w.full.begin(time.Now()); w.network.full.Store(true) })
		after(at+lasts, "file descriptors are left again", func() { w.network.full.Store(false); w.full.finish(time.Now()) })
	case 18:
		redis("hangs", func() { w.redis.change(func() { w.redis.hung = true }) }, func() { w.redis.change(func() { w.redis.hung = false }) })
	case 14:
		redis("is killed", w.redis.kill, func() { w.redis.change(func() { w.redis.down = false; clear(w.redis.windows) }) })
	case 15, 19:
		failure := []string{"OOM command not allowed when used memory > 'maxmemory'.", "READONLY You can't write against a read only replica.",
			"LOADING Redis is loading the dataset in memory", "MOVED 1 10.2.0.9:6379", "ASK 1 10.2.0.9:6379", "TRYAGAIN later", "CLUSTERDOWN Hash slot not served",
			"MASTERDOWN Link with MASTER is down", "NOSCRIPT No matching script.", "NOAUTH Authentication required.", "NOPERM no permissions", "BUSY Redis is busy", "ERR simulated"}[w.rng.IntN(13)]
		if w.chance(40) {
			failure = brokenReplies()[w.rng.IntN(3)]
		}
		redis(fmt.Sprintf("answers %.5q", failure), func() { w.redis.change(func() { w.redis.failure = failure }) }, func() { w.redis.change(func() { w.redis.failure = "" }) })
	case 16:
		step := w.between(-20*time.Second, 20*time.Second)
		redis(fmt.Sprintf("steps its clock by %s and forgets", step), func() { w.redis.change(func() { w.redis.skew += step }); w.redis.forget() }, func() {})
	case 10:
		after(at, "the log blocks", func() { w.log.set(true, false) })
		after(at+lasts, "the log flows", func() { w.log.set(false, false) })
	case 11:
		after(at, "the log's reader is gone", func() { w.log.set(false, true) })
	case 12:
		database("and the other hang", func() {
			set(func() { w.database.servers[0].hung, w.database.servers[1].hung = true, true })
		}, func() {
			set(func() { w.database.servers[0].hung, w.database.servers[1].hung = false, false })
		})
	case 20:
		lasts = w.between(time.Microsecond, 10*time.Millisecond)
		redis("loses its connections for a moment", w.redis.kill, func() { w.redis.change(func() { w.redis.down = false }) })
	case 17:
		delay := w.between(time.Millisecond, 200*time.Millisecond)
		redis("is slow", func() { w.redis.change(func() { w.redis.delay = delay }) }, func() { w.redis.change(func() { w.redis.delay = 0 }) })
	}
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }
