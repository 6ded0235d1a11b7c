package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"example.com/api/internal/fetch"
	"example.com/api/internal/fetch/pasted"
	"example.com/api/internal/tracecontext"
)

const usage = `Usage: corscheck URL --origin ORIGIN [options]

corscheck sends what a browser would send, and says whether the browser lets
the page read the response, why not, and what to change. It sends the request
itself too, so a DELETE deletes.

The request
  --origin ORIGIN       the page's origin, for example http://localhost:5173
  --method METHOD       default GET, or POST with --data
  --header 'NAME: VAL'  a header that the page sets; may be repeated
  --data BODY           the body; as in fetch(), a string is text/plain
  --credentials         credentials: "include", or XMLHttpRequest's
                        withCredentials
  --cookie 'A=B; ATTR'  a cookie as the server set it, with its attributes; it
                        is sent if a browser would send it; may be repeated
  --mode MODE           cors (default), no-cors or same-origin
  --upload-listener     XMLHttpRequest with a listener on its upload, which
                        forces a preflight
  --from-curl 'curl …'  a request copied as cURL; - reads it from standard input
  --from-fetch 'fetch(…)'  a request copied as fetch; - reads it from standard
                        input
  --har FILE            judge the cross-origin entries of a HAR file; sends
                        nothing

The connection
  --cacert FILE         trust the certificates in FILE as well
  --resolve HOST:PORT:ADDRESS  connect to ADDRESS for HOST:PORT; may be repeated
  --timeout DURATION    how long a request may take; default 15s
  --trace-id ID         send ID in the header traceparent, so that the log of the
                        server can tell these requests from others
  --safe                change nothing: in place of POST, PUT, PATCH, DELETE and
                        the like, send the preflight and a GET to the same URL

Many requests
  --expect FILE         check the rows of FILE against the URL
  --format FORMAT       of --expect: text (default), tap or junit
  --audit               look for mistakes in the CORS policy of the URL
  --dry-run             of --audit: list the requests, send none

The output
  --server NAME         write the fix for: api (this project's server), nginx,
                        caddy, express, fastapi, spring; default: guessed
  --json                as JSON; docs/corscheck.md describes it

Exit status: 0 allowed, 1 blocked, 2 wrong usage, 3 not reachable.
`

var errHelp = errors.New("help")

// checkRequest is a request with what the command adds to it.
type checkRequest struct {
	fetch.Request
	body     string
	cookies  []fetch.Cookie
	recorded []string // "name=value" of cookies that a browser did send
	safe     bool     // send no method but GET, HEAD and the preflight's OPTIONS
}

type options struct {
	request checkRequest
	url     *url.URL // nil for --har

	har, expect, format string
	audit, dryRun       bool
	server              string
	json                bool
	cacert              string
	traceID             string // 32 hexadecimal digits, or empty
	timeout             time.Duration
	resolve             map[string]netip.AddrPort // by host:port
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string     { return strings.Join(*l, ", ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func parseOptions(args []string, stdin io.Reader, stderr io.Writer) (options, error) {
	var (
		o                          options
		origin, method, data, mode string
		fromCurl, fromFetch        string
		headers, cookies, resolves list
		credentials, listener      bool
		safe                       bool
		flags                      = flag.NewFlagSet("corscheck", flag.ContinueOnError)
	)
	flags.SetOutput(io.Discard)
	flags.StringVar(&origin, "origin", "", "")
	flags.StringVar(&method, "method", "", "")
	flags.StringVar(&method, "X", "", "")
	flags.Var(&headers, "header", "")
	flags.Var(&headers, "H", "")
	flags.StringVar(&data, "data", "", "")
	flags.StringVar(&data, "d", "", "")
	flags.BoolVar(&credentials, "credentials", false, "")
	flags.Var(&cookies, "cookie", "")
	flags.StringVar(&mode, "mode", string(fetch.ModeCORS), "")
	flags.StringVar(&fromCurl, "from-curl", "", "")
	flags.StringVar(&fromFetch, "from-fetch", "", "")
	flags.StringVar(&o.har, "har", "", "")
	flags.StringVar(&o.cacert, "cacert", "", "")
	flags.StringVar(&o.traceID, "trace-id", "", "")
	flags.Var(&resolves, "resolve", "")
	flags.StringVar(&o.expect, "expect", "", "")
	flags.StringVar(&o.format, "format", "", "")
	flags.BoolVar(&o.audit, "audit", false, "")
	flags.BoolVar(&o.dryRun, "dry-run", false, "")
	flags.StringVar(&o.server, "server", "", "")
	flags.BoolVar(&o.json, "json", false, "")
	flags.BoolVar(&listener, "upload-listener", false, "")
	flags.DurationVar(&o.timeout, "timeout", requestTimeout, "")
	flags.BoolVar(&safe, "safe", false, "")

	// The URL may stand before, between or after the flags.
	var rest []string
	for len(args) > 0 {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stderr, usage)
			return options{}, errHelp
		} else if err != nil {
			return options{}, err
		}
		if args = flags.Args(); len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	set := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { set[f.Name] = true })

	if err := o.checkCombination(set, rest); err != nil {
		return options{}, err
	}
	var err error
	if o.resolve, err = parseResolve(resolves); err != nil {
		return options{}, err
	}
	if o.har != "" {
		if origin != "" {
			o.request.Origin, err = parseOrigin(origin)
		}
		return o, err
	}

	call, err := pastedCall(fromCurl, fromFetch, stdin)
	if err != nil {
		return options{}, err
	}
	if len(rest) > 0 {
		call.URL = rest[0]
	}
	if o.url, err = fetch.ParseURL(call.URL); err != nil {
		return options{}, fmt.Errorf("the URL %q %w", call.URL, err)
	}
	if origin != "" {
		call.Origin = origin
	}
	if call.Origin == "" && o.expect == "" && !o.audit {
		return options{}, errors.New("--origin is missing: the origin of the page that calls, for example http://localhost:5173")
	}
	if call.Origin != "" {
		if o.request.Origin, err = parseOrigin(call.Origin); err != nil {
			return options{}, err
		}
	}
	for _, line := range headers {
		name, value, found := strings.Cut(line, ":")
		if !found {
			return options{}, fmt.Errorf("--header %q: write it as 'Name: value'", line)
		}
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if fetch.IsForbiddenRequestHeader(name, value) {
			return options{}, fmt.Errorf("--header %q: browsers do not let a page set it%s", line, insteadOf(name))
		}
		call.Headers = append(call.Headers, [2]string{name, value})
	}
	for _, line := range cookies {
		c, ok := fetch.ParseCookie(line)
		if !ok {
			return options{}, fmt.Errorf("--cookie %q: write it as 'name=value; Attribute'", line)
		}
		o.request.cookies = append(o.request.cookies, c)
	}
	if set["data"] || set["d"] {
		call.Body, call.HasBody = data, true
	}
	if method != "" {
		call.Method = method
	}
	if credentials {
		call.Credentials = "include"
	}
	if set["mode"] {
		call.Mode = mode
	}
	r, err := requestOf(call)
	if err != nil {
		return options{}, err
	}
	r.URL, r.Origin, r.cookies = o.url, o.request.Origin, o.request.cookies
	r.UploadListener, r.XHR, r.safe = listener, listener, safe
	o.request = r
	return o, nil
}

// insteadOf returns the option that has the effect that such a header would have.
func insteadOf(name string) string {
	switch strings.ToLower(name) {
	case "cookie":
		return "; use --cookie"
	case "origin", "referer":
		return "; use --origin"
	}
	return ""
}

func (o options) checkCombination(set map[string]bool, rest []string) error {
	pasted := set["from-curl"] || set["from-fetch"]
	switch {
	case len(rest) > 1:
		return fmt.Errorf("one URL at a time; leave out %q", rest[1])
	case o.har != "" && (len(rest) > 0 || pasted || o.audit || o.expect != ""):
		return errors.New("--har judges what is recorded; leave out the URL and the other ways to name a request")
	case o.har == "" && len(rest) == 0 && !pasted:
		return errors.New("the URL is missing: corscheck https://api.example.com/items --origin https://app.example.com")
	case pasted && len(rest) > 0, set["from-curl"] && set["from-fetch"]:
		return errors.New("the URL is in the copied request; leave out the other one")
	case o.audit && o.expect != "":
		return errors.New("--audit and --expect are two commands; run them one after the other")
	case o.dryRun && !o.audit:
		return errors.New("--dry-run belongs to --audit")
	case o.timeout <= 0:
		return fmt.Errorf("--timeout %s: write a duration above zero, for example 5s", o.timeout)
	case set["trace-id"] && tracecontext.TraceID(http.Header{"Traceparent": {traceparent(o.traceID)}}) == "":
		return fmt.Errorf("--trace-id %q: write 32 hexadecimal digits in lower case, not all of them zero", o.traceID)
	case set["safe"] && (o.har != "" || o.audit || o.expect != ""):
		return errors.New("--safe belongs to a single request; --audit and --har change nothing, and --expect sends its rows")
	case o.json && o.expect != "":
		return errors.New("--json belongs to a request, --har and --audit; --expect has --format tap and junit")
	case o.format != "" && o.expect == "":
		return errors.New("--format belongs to --expect")
	case !slices.Contains([]string{"", "text", "tap", "junit"}, o.format):
		return fmt.Errorf("--format %q: write text, tap or junit", o.format)
	case o.server != "" && !slices.Contains(serverNames(), o.server):
		return fmt.Errorf("--server %q: write one of %s", o.server, strings.Join(serverNames(), ", "))
	}
	return nil
}

func parseOrigin(s string) (string, error) {
	origin, err := fetch.ParseOrigin(s)
	if err != nil {
		return "", fmt.Errorf("the origin %q %w", s, err)
	}
	return origin, nil
}

// parseResolve reads curl's HOST:PORT:ADDRESS.
func parseResolve(lines []string) (map[string]netip.AddrPort, error) {
	out := map[string]netip.AddrPort{}
	for _, line := range lines {
		host, rest, _ := strings.Cut(line, ":")
		port, address, found := strings.Cut(rest, ":")
		to, err := netip.ParseAddrPort("0.0.0.0:" + port)
		addr, err2 := netip.ParseAddr(strings.Trim(address, "[]"))
		if !found || host == "" || err != nil || err2 != nil {
			return nil, fmt.Errorf("--resolve %q: write it as HOST:PORT:ADDRESS, for example api.example.com:443:127.0.0.1", line)
		}
		out[strings.ToLower(host)+":"+port] = netip.AddrPortFrom(addr, to.Port())
	}
	return out, nil
}

// maxPasted bounds what is read from standard input. It is more than package pasted
// accepts, so that a longer text is rejected and not cut off.
const maxPasted = 2 << 20

func pastedCall(curl, fetchCall string, stdin io.Reader) (pasted.Call, error) {
	for _, text := range []*string{&curl, &fetchCall} {
		if *text == "-" {
			read, err := io.ReadAll(io.LimitReader(stdin, maxPasted))
			if err != nil {
				return pasted.Call{}, fmt.Errorf("standard input: %w", err)
			}
			*text = string(read)
		}
	}
	switch {
	case curl != "":
		call, err := pasted.Curl(curl)
		if err != nil {
			return pasted.Call{}, fmt.Errorf("--from-curl: %w", err)
		}
		return call, nil
	case fetchCall != "":
		call, err := pasted.Fetch(fetchCall)
		if err != nil {
			return pasted.Call{}, fmt.Errorf("--from-fetch: %w", err)
		}
		return call, nil
	}
	return pasted.Call{}, nil
}

// requestOf turns a call into a request without URL and origin.
func requestOf(call pasted.Call) (checkRequest, error) {
	r := checkRequest{body: call.Body, recorded: call.Cookies}
	r.Method, r.Body = call.Method, call.HasBody
	if r.Method == "" && r.Body {
		r.Method = "POST"
	}
	if r.Body {
		r.BodyType = "text/plain;charset=UTF-8"
	}
	for _, h := range call.Headers {
		r.Header = append(r.Header, fetch.Field{Name: h[0], Value: h[1]})
	}
	switch call.Credentials {
	case "", "omit", "same-origin", "include":
		r.Credentials = fetch.Credentials(call.Credentials)
	default:
		return checkRequest{}, fmt.Errorf("credentials %q: write omit, same-origin or include", call.Credentials)
	}
	switch call.Mode {
	case "", "cors", "no-cors", "same-origin":
		r.Mode = fetch.Mode(call.Mode)
	default:
		return checkRequest{}, fmt.Errorf("mode %q: write cors, no-cors or same-origin", call.Mode)
	}
	switch call.Redirect {
	case "", "follow", "error", "manual":
		r.Redirect = fetch.Redirect(call.Redirect)
	default:
		return checkRequest{}, fmt.Errorf("redirect %q: write follow, error or manual", call.Redirect)
	}
	return r, nil
}

// readFile reads a file that the user named, up to a limit.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is larger than %d MiB", name, limit>>20)
	}
	return data, err
}
