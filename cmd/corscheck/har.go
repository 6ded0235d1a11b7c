package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"example.com/api/internal/fetch"
	"example.com/api/internal/fetch/pasted"
)

// maxHAR bounds a HAR file, in bytes. Files with bodies are large.
const maxHAR = 256 << 20

// recorded is a sender that returns the responses in a HAR file.
type recorded struct {
	entries []pasted.Entry
	used    []bool
	unused  map[question][]int // indexes of entries that have a response
}

// question is what a message has in common with the entry that answers it.
type question struct {
	preflight bool
	method    string // of a preflight, the method that it asks for
	url       string // as a browser writes it
}

func newRecorded(entries []pasted.Entry) *recorded {
	s := &recorded{entries: entries, used: make([]bool, len(entries)), unused: make(map[question][]int)}
	for i, e := range entries {
		u, err := fetch.ParseURL(e.Call.URL)
		if err != nil || e.Status == 0 {
			continue
		}
		q := question{e.Preflight, e.Call.Method, u.String()}
		if e.Preflight {
			q.method = e.Asked
		}
		s.unused[q] = append(s.unused[q], i)
	}
	return s
}

var errNotRecorded = errors.New("the file has no response for it")

// send returns the first recorded response that has not been used yet.
func (s *recorded) send(_ context.Context, m fetch.Message) (reply, error) {
	q := question{m.Preflight, m.Method, m.URL.String()}
	if m.Preflight {
		q.method, _ = m.Header.Get("Access-Control-Request-Method")
	}
	unused := s.unused[q]
	if len(unused) == 0 {
		return reply{}, fmt.Errorf("%s %s: %w", m.Method, m.URL, errNotRecorded)
	}
	i := unused[0]
	s.unused[q], s.used[i] = unused[1:], true
	out := reply{Response: fetch.Response{Status: s.entries[i].Status}}
	for _, h := range s.entries[i].Response {
		out.Header = append(out.Header, fetch.Field{Name: h[0], Value: h[1]})
	}
	return out, nil
}

// runHAR judges the cross-origin entries of a HAR file.
func runHAR(ctx context.Context, o options, p *printer, stderr io.Writer) int {
	data, err := readFile(o.har, maxHAR)
	if err == nil {
		var entries []pasted.Entry
		if entries, err = pasted.HAR(data); err == nil {
			return judgeHAR(ctx, o, p, entries)
		}
		err = fmt.Errorf("%s %w", o.har, err)
	}
	fmt.Fprintf(stderr, "corscheck: %s\n", clean(err.Error()))
	return exitUsage
}

func judgeHAR(ctx context.Context, o options, p *printer, entries []pasted.Entry) int {
	s := newRecorded(entries)
	var results []result
	skipped := 0
	for i, e := range entries {
		if e.Preflight || s.used[i] {
			continue
		}
		r, ok := harRequest(e, o.request.Origin)
		if !ok || r.Origin == fetch.OriginOf(r.URL) {
			continue
		}
		judged, err := check(ctx, s, r)
		if err != nil {
			skipped++
			if !o.json {
				p.wrapped(yellow, "! ", fmt.Sprintf("%s %s: not judged: %v", methodOf(r.Request), r.URL, err))
			}
			continue
		}
		results = append(results, judged)
	}
	var blocked []result
	for _, r := range results {
		if r.exit() != exitAllowed {
			blocked = append(blocked, r)
		}
	}
	status := exitAllowed
	if len(blocked) > 0 {
		status = exitBlocked
	}
	if o.json {
		return p.jsonList(results, o.server, status)
	}
	for _, r := range results {
		if r.exit() == exitAllowed {
			p.wrapped(green, "✓ ", fmt.Sprintf("%s %s from %s", methodOf(r.Request), r.Request.URL, r.Request.Origin))
		}
	}
	for _, r := range blocked {
		p.blank()
		p.report(r, o.server)
	}
	p.blank()
	p.line(plain, fmt.Sprintf("%d cross-origin requests, %d blocked, %d not judged", len(results)+skipped, len(blocked), skipped))
	return status
}

// harRequest turns an entry into a request. It reports false for one that no
// page made, or whose page is not known.
func harRequest(e pasted.Entry, origin string) (checkRequest, bool) {
	if origin == "" {
		origin = e.Call.Origin
	}
	parsed, err := fetch.ParseOrigin(origin)
	if err != nil {
		return checkRequest{}, false
	}
	u, err := fetch.ParseURL(e.Call.URL)
	if err != nil {
		return checkRequest{}, false
	}
	r, err := requestOf(e.Call)
	if err != nil {
		return checkRequest{}, false
	}
	r.URL, r.Origin, r.BodyType = u, parsed, ""
	return r, true
}
