package simulation

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// request is what a client sends, and what the model knows about it.
type request struct {
	id         string // its X-Request-ID, or its number where the response has another or none
	badID      string // the X-Request-ID that it sends instead of its own; "": none
	client     netip.Addr
	conn       *client
	method     string
	path       string
	shown      string // the path in the trace, without what chance decides; "": as it is
	route      *route // nil: no route has the path
	origin     origin
	host       string
	scheme     string // that the client used
	site       string // Sec-Fetch-Site; "": none
	asks       string // Access-Control-Request-Method; "": no preflight
	asksFor    string // Access-Control-Request-Headers
	version    string // of HTTP
	headers    []string
	body       []byte // nil: none
	readsBody  bool   // its handler reads the body and keeps it in memory
	statuses   []int  // of the handler, if nothing fails
	settle     func() // before the response is judged
	answered   func(*response)
	unanswered func() // the client cannot know what became of it
	begunAt    time.Time
	headAt     time.Time // when the headers were complete; zero: not yet
	lastAt     time.Time // when the last byte so far was sent
	complete   bool
	bodyFrom   int64         // how many bytes the connection had carried before the body
	held       map[int]int64 // bytes of the body that the server had read, by tick
	peak       int64         // the most bytes of all bodies that were sent and may have been held
	usesWrites bool
	usesReads  bool
}

// response is what a client receives.
type response struct {
	*http.Response
	body []byte
	at   time.Time
	// within is how long this response and those that arrived by then may take
	// together: only the last of them is known to have arrived at that time.
	within time.Duration
}

// client is one connection to the server. It does nothing by itself: the world sends
// for it and reads what has arrived.
type client struct {
	name    string
	conn    *Conn
	in      []byte
	pending []*request // in the order in which they were sent
	sent    int64      // bytes
	sending bool       // a request is sent in parts
	last    time.Time  // of the last response
	closing bool       // the last response said so
	gaveUp  bool       // the client closed or reset it
	over    bool
	window  int // bytes that it reads at a time; 0: everything at once
}

// raw returns the bytes of the head.
func (q *request) raw() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/%s\r\nHost: %s\r\nX-Request-ID: %s\r\n", q.method, q.path, q.version, q.host, cmp.Or(q.badID, q.id))
	for _, line := range q.origin.lines {
		fmt.Fprintf(&b, "Origin: %s\r\n", line)
	}
	if q.site != "" {
		fmt.Fprintf(&b, "Sec-Fetch-Site: %s\r\n", q.site)
	}
	if q.asks != "" {
		fmt.Fprintf(&b, "Access-Control-Request-Method: %s\r\nAccess-Control-Request-Headers: %s\r\n", q.asks, q.asksFor)
	}
	for _, line := range q.headers {
		b.WriteString(line + "\r\n")
	}
	if q.body != nil && !q.is(chunked) {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(q.body))
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// policy is the limit that counts the request, or "" if none does yet.
func (q *request) policy() string {
	if q.route == nil || q.headAt.IsZero() {
		return ""
	}
	return q.route.policies[q.method]
}

// is reports whether a header line of the request is as given.
func (q *request) is(line string) bool { return slices.Contains(q.headers, line) }

func (q *request) String() string {
	text := fmt.Sprintf("%s %s %s", q.id, q.method, cmp.Or(q.shown, q.path))
	if len(q.origin.lines) > 0 {
		text += fmt.Sprintf(" from %q", strings.Join(q.origin.lines, ", "))
	}
	return text
}

// begin registers that the connection starts to send a request.
func (c *client) begin(q *request, now time.Time) {
	q.conn, q.begunAt, q.lastAt = c, now, now
	q.held = make(map[int]int64)
	c.pending = append(c.pending, q)
}

// push sends bytes of the request that was begun last.
func (c *client) push(q *request, p []byte) {
	c.conn.push(p)
	c.sent += int64(len(p))
	q.lastAt = time.Now()
}

// receive reads what has arrived and returns the responses that are complete. The
// error is io.EOF or a reset.
func (c *client) receive() (responses []*response, err error) {
	n := c.window
	if n == 0 {
		n = 1 << 30
	}
	data, at, err := c.conn.pull(n)
	if len(data) == 0 && err == nil {
		return nil, nil
	}
	c.in = append(c.in, data...)
	for len(c.in) > 0 {
		method := ""
		if len(c.pending) > 0 {
			method = c.pending[0].method
		}
		r, size, parseErr := parseResponse(c.in, method, err != nil)
		if parseErr != nil {
			return responses, fmt.Errorf("a response that is not HTTP: %w: %.200q", parseErr, c.in)
		}
		if r == nil {
			break
		}
		c.in = c.in[size:]
		if r.StatusCode == http.StatusContinue {
			continue
		}
		r.at = at
		responses = append(responses, r)
		if method != "" {
			c.pending = c.pending[1:] // the caller has the request from before
		}
	}
	return responses, err
}

// parseResponse returns the first response in data and its size, or nil if it is
// not complete.
func parseResponse(data []byte, method string, ended bool) (*response, int, error) {
	if !bytes.Contains(data, []byte("\r\n\r\n")) {
		return nil, 0, nil
	}
	source := bytes.NewReader(data)
	in := bufio.NewReader(source)
	r, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		return nil, 0, err
	}
	if method != http.MethodHead && r.ContentLength < 0 && len(r.TransferEncoding) == 0 && !ended {
		return nil, 0, nil // it goes on until the connection is closed
	}
	body, err := io.ReadAll(r.Body)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	return &response{Response: r, body: body}, len(data) - source.Len() - in.Buffered(), nil
}
