// Command corscheck sends a cross-origin request as a browser would, says whether the
// browser blocks it and why, and names the change that helps.
//
//	go run ./cmd/corscheck https://api.example.com/items \
//	    --origin https://app.example.com --method PUT --credentials
//
// The package internal/fetch decides; this command sends, reads and prints.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"example.com/api/internal/fetch"
)

// The exit statuses.
const (
	exitAllowed = iota
	exitBlocked // also a finding of --audit and a failed row of --expect
	exitUsage
	exitUnreachable
)

// totalTimeout bounds a run, whatever the server does.
const totalTimeout = 2 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second signal kills the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}

// run is the command without the process around it. It returns the exit
// status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	ctx, cancel := context.WithTimeout(ctx, totalTimeout)
	defer cancel()

	o, err := parseOptions(args, stdin, stderr)
	if errors.Is(err, errHelp) {
		return exitAllowed
	}
	if err != nil {
		fmt.Fprintf(stderr, "corscheck: %s\nRun corscheck --help for the options.\n", clean(err.Error()))
		return exitUsage
	}
	p := &printer{w: stdout, color: useColor(stdout, getenv)}
	switch {
	case o.har != "":
		return runHAR(ctx, o, p, stderr)
	case o.expect != "":
		return runExpect(ctx, o, p, stderr)
	case o.audit:
		return runAudit(ctx, o, p, stderr)
	}
	return runCheck(ctx, o, p, stderr)
}

// runCheck judges the one request that the options describe.
func runCheck(ctx context.Context, o options, p *printer, stderr io.Writer) int {
	c, err := newClient(o)
	if err != nil {
		fmt.Fprintf(stderr, "corscheck: %s\n", clean(err.Error()))
		return exitUsage
	}
	defer c.close()
	result, err := check(ctx, c, o.request)
	if err != nil {
		return reportUnreachable(o, p, stderr, err)
	}
	if o.json {
		if err := p.json(result, o.server); err != nil {
			fmt.Fprintf(stderr, "corscheck: %v\n", err)
			return exitUsage
		}
	} else {
		p.report(result, o.server)
	}
	return result.exit()
}

func reportUnreachable(o options, p *printer, stderr io.Writer, err error) int {
	reason, text := unreachable(err)
	if o.json {
		p.jsonError(reason, text, err)
		return exitUnreachable
	}
	fmt.Fprintf(stderr, "corscheck: %s\n", clean(text))
	fmt.Fprintln(stderr, "A browser shows this as a failed fetch too, but no CORS header can help.")
	return exitUnreachable
}

// exit is the exit status for a result.
func (r result) exit() int {
	if r.Chromium.Verdict.Allowed && r.Firefox.Verdict.Allowed {
		return exitAllowed
	}
	return exitBlocked
}

// outcome is one engine's result for a request.
type outcome struct {
	Engine    fetch.Engine
	Exchanges []exchange
	Checks    []fetch.Check
	Verdict   fetch.Verdict
}

// exchange is a message and its response.
type exchange struct {
	Message  fetch.Message
	Response reply
	At       int // how many checks had been made before it was sent
}

// result is what all engines do with a request. The standard's outcome is computed
// from the responses to the browsers' messages, so it may be missing.
type result struct {
	Request           fetch.Request
	Cookies           []fetch.Cookie // those given, for the verdict on whether they are sent
	Chromium, Firefox outcome
	Standard          *outcome
}

// sender gets the responses to messages, from the network or from a recording.
type sender interface {
	send(context.Context, fetch.Message) (reply, error)
}

// reply is a response with what only the printer needs.
type reply struct {
	fetch.Response
	Proto  string // "HTTP/2.0"
	Detail string // the detail of a problem body (RFC 9457), if there is one
	// StandIn is the method that was sent in place of the message's own.
	StandIn string
	Broken  string // why the body could not be read to its end
}

// check finds out what each engine does with r. A message that two engines have in
// common is sent once.
func check(ctx context.Context, s sender, r checkRequest) (result, error) {
	shared := &once{next: s, got: map[string]reply{}}
	if r.safe {
		shared.next = safely{s}
	}
	if c, ok := s.(*client); ok {
		r.Spaces = map[string]fetch.Space{fetch.OriginOf(r.URL): c.space(ctx, r.URL)}
		if r.PageSpace == fetch.SpaceUnknown {
			r.PageSpace = pageSpace(r.Origin)
		}
		c.request = r
	}
	out := result{Request: r.Request, Cookies: r.cookies}
	for _, of := range []struct {
		engine fetch.Engine
		to     *outcome
	}{{fetch.Chromium(), &out.Chromium}, {fetch.Firefox(), &out.Firefox}} {
		o, err := follow(ctx, of.engine, r.Request, shared)
		if err != nil {
			return result{}, err
		}
		*of.to = o
	}
	shared.next = nothing{}
	if o, err := follow(ctx, fetch.Standard(), r.Request, shared); err == nil {
		out.Standard = &o
	}
	return out, nil
}

// pageSpace returns the address space of a page. A name that does not show it counts
// as public.
func pageSpace(origin string) fetch.Space {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return fetch.SpaceUnknown
	}
	if space := fetch.SpaceOfHost(u.Hostname()); space != fetch.SpaceUnknown {
		return space
	}
	return fetch.SpacePublic
}

// follow asks one engine until it has a verdict.
func follow(ctx context.Context, e fetch.Engine, r fetch.Request, s sender) (outcome, error) {
	o := outcome{Engine: e}
	var got []fetch.Response
	for {
		step := e.Next(r, got)
		if step.Verdict != nil {
			o.Checks, o.Verdict = step.Checks, *step.Verdict
			return o, nil
		}
		response, err := s.send(ctx, *step.Send)
		if failed, ok := errors.AsType[*sendError](err); ok {
			failed.before = o.Exchanges
		}
		if err != nil {
			return outcome{}, err
		}
		o.Exchanges = append(o.Exchanges, exchange{*step.Send, response, len(step.Checks)})
		got = append(got, response.Response)
	}
}

// once sends equal messages once.
type once struct {
	next sender
	got  map[string]reply
}

func (s *once) send(ctx context.Context, m fetch.Message) (reply, error) {
	key := fmt.Sprint(m.Method, m.URL, m.Header, m.Credentials)
	if r, ok := s.got[key]; ok {
		return r, nil
	}
	r, err := s.next.send(ctx, m)
	if err == nil {
		s.got[key] = r
	}
	return r, err
}

// safely sends nothing that may change data. Instead of any method other than GET and
// HEAD, it sends a GET to the same URL.
type safely struct{ next sender }

func (s safely) send(ctx context.Context, m fetch.Message) (reply, error) {
	if m.Preflight || m.Method == http.MethodGet || m.Method == http.MethodHead {
		return s.next.send(ctx, m)
	}
	m.Method, m.Body = http.MethodGet, false
	m.Header = slices.DeleteFunc(slices.Clone(m.Header), func(f fetch.Field) bool {
		return strings.HasPrefix(strings.ToLower(f.Name), "content-")
	})
	r, err := s.next.send(ctx, m)
	r.StandIn = m.Method
	return r, err
}

// nothing is a sender that has no responses.
type nothing struct{}

func (nothing) send(context.Context, fetch.Message) (reply, error) {
	return reply{}, errors.New("nothing is sent")
}
