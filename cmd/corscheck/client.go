package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"example.com/api/internal/fetch"
	"example.com/api/internal/origin"
)

// The bounds that keep a hostile server from blocking the command or using up its
// memory.
const (
	requestTimeout     = 15 * time.Second
	maxResponseHeaders = 64 << 10
	maxResponseBody    = 64 << 10
)

// client sends messages as a browser does. It follows no redirect and keeps no
// cookies.
type client struct {
	transport *http.Transport
	timeout   time.Duration // of one request
	resolve   map[string]netip.AddrPort
	traceID   string
	request   checkRequest // the one that is checked at the moment
}

func newClient(o options) (*client, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if o.cacert != "" {
		pem, err := readFile(o.cacert, 4<<20)
		if err != nil {
			return nil, fmt.Errorf("--cacert: %w", err)
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--cacert: %s holds no PEM certificate", o.cacert)
		}
	}
	c := &client{timeout: o.timeout, resolve: o.resolve, traceID: o.traceID}
	c.transport = &http.Transport{
		Proxy:                  c.proxy,
		DialContext:            c.dial,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxResponseHeaders,
	}
	return c, nil
}

func (c *client) close() { c.transport.CloseIdleConnections() }

// proxy uses the environment's proxy, as browsers do, but not for what
// --resolve names.
func (c *client) proxy(r *http.Request) (*url.URL, error) {
	if _, ok := c.resolve[hostPort(r.URL)]; ok {
		return nil, nil
	}
	return http.ProxyFromEnvironment(r)
}

// hostPort is the host and port of u, with the scheme's default port.
func hostPort(u *url.URL) string {
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), origin.DefaultPort(u.Scheme)))
}

func (c *client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if to, ok := c.resolve[strings.ToLower(address)]; ok {
		address = to.String()
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// space returns the address space of the host that u leads to.
func (c *client) space(ctx context.Context, u *url.URL) fetch.Space {
	if to, ok := c.resolve[hostPort(u)]; ok {
		return fetch.SpaceOf(to.Addr())
	}
	if space := fetch.SpaceOfHost(u.Hostname()); space != fetch.SpaceUnknown {
		return space
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil || len(addrs) == 0 {
		return fetch.SpaceUnknown
	}
	return fetch.SpaceOf(addrs[0])
}

func (c *client) send(ctx context.Context, m fetch.Message) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var body io.Reader
	if m.Body {
		body = strings.NewReader(c.request.body)
	}
	req, err := http.NewRequestWithContext(ctx, m.Method, m.URL.String(), body)
	if err != nil {
		return reply{}, err
	}
	req.Header = c.header(m)
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		closed := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
		return reply{}, &sendError{message: m, err: err, timeout: c.timeout, closed: closed, needsTLS: closed && c.speaksTLS(ctx, m.URL)}
	}
	defer res.Body.Close()

	out := reply{Response: fetch.Response{Status: res.StatusCode}, Proto: res.Proto}
	names := make([]string, 0, len(res.Header))
	for name := range res.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range res.Header[name] {
			if res.ProtoMajor >= 2 {
				name = strings.ToLower(name) // as it came
			}
			out.Header = append(out.Header, fetch.Field{Name: name, Value: value})
		}
	}
	isProblem := strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json")
	if !isProblem && !c.request.safe {
		return out, nil // the headers decide
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return out, nil // has no end to wait for
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, maxResponseBody))
	if err != nil {
		out.Broken = err.Error()
		return out, nil
	}
	var problem struct{ Detail string }
	if isProblem && json.Unmarshal(data, &problem) == nil {
		out.Detail = problem.Detail
	}
	return out, nil
}

// speaksTLS reports whether a server that closes plain http connections
// without a response speaks TLS.
func (c *client) speaksTLS(ctx context.Context, u *url.URL) bool {
	if u.Scheme != "http" {
		return false
	}
	conn, err := c.dial(ctx, "tcp", hostPort(u))
	if err != nil {
		return false
	}
	defer conn.Close()
	err = tls.Client(conn, &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}).HandshakeContext(ctx)
	var certificate *tls.CertificateVerificationError
	return err == nil || errors.As(err, &certificate)
}

// traceparent is the header of W3C Trace Context with the trace-id.
func traceparent(traceID string) string {
	return "00-" + traceID + "-0000000000000001-01"
}

// header returns m's header with the lines that a browser adds.
func (c *client) header(m fetch.Message) http.Header {
	h := http.Header{"User-Agent": {"corscheck"}}
	if !slices.ContainsFunc(m.Header, func(f fetch.Field) bool { return strings.EqualFold(f.Name, "Accept") }) {
		h.Set("Accept", "*/*")
	}
	for _, f := range m.Header {
		if strings.EqualFold(f.Name, "User-Agent") {
			h.Del("User-Agent")
		}
		h[http.CanonicalHeaderKey(f.Name)] = append(h[http.CanonicalHeaderKey(f.Name)], f.Value)
	}
	if c.traceID != "" {
		h.Set("Traceparent", traceparent(c.traceID))
	}
	if c.request.Origin == "" {
		return h // not from a page
	}
	if c.request.Origin != "null" && (!strings.HasPrefix(c.request.Origin, "https:") || m.URL.Scheme == "https") {
		h.Set("Referer", c.request.Origin+"/")
	}
	if fetch.IsTrustworthy(m.URL) {
		mode := c.request.Mode
		if mode == "" {
			mode = fetch.ModeCORS
		}
		h.Set("Sec-Fetch-Mode", string(mode))
		h.Set("Sec-Fetch-Dest", "empty")
		switch {
		case fetch.OriginOf(m.URL) == c.request.Origin:
			h.Set("Sec-Fetch-Site", "same-origin")
		case fetch.Chromium().SameSite(c.request.Origin, m.URL):
			h.Set("Sec-Fetch-Site", "same-site")
		default:
			h.Set("Sec-Fetch-Site", "cross-site")
		}
	}
	if m.Credentials && !m.Preflight {
		pairs := slices.Clone(c.request.recorded)
		for _, cookie := range c.request.cookies {
			if sends(fetch.Chromium().CheckCookie(cookie, c.request.Origin, m.URL, fetch.CredentialsInclude)) {
				pairs = append(pairs, cookie.Name+"="+cookie.Value)
			}
		}
		if len(pairs) > 0 {
			h.Set("Cookie", strings.Join(pairs, "; "))
		}
	}
	return h
}

// sends reports whether a browser with its usual settings sends a cookie that
// has the problem.
func sends(p fetch.CookieProblem) bool { return p == "" || p == fetch.CookieThirdParty }

// sendError is a message that got no response.
type sendError struct {
	message fetch.Message
	err     error
	timeout time.Duration // that the message had
	before  []exchange    // what was answered before it

	closed   bool // the server closed the connection
	needsTLS bool // and it speaks TLS
}

func (e *sendError) Error() string { return e.err.Error() }
func (e *sendError) Unwrap() error { return e.err }

// The reasons why there is no response, as --json names them.
const (
	nameNotFound       = "NameNotFound"
	connectionRefused  = "ConnectionRefused"
	hostUnreachable    = "HostUnreachable"
	untrustedAuthority = "UntrustedAuthority"
	wrongName          = "WrongName"
	invalidCertificate = "InvalidCertificate"
	needsHTTP          = "NeedsHTTP"
	needsTLS           = "NeedsTLS"
	timedOut           = "TimedOut"
	interrupted        = "Interrupted"
	connectionClosed   = "ConnectionClosed"
	invalidResponse    = "InvalidResponse"
)

// unreachable returns why there is no response: the reason, and a sentence with the
// remedy.
func unreachable(err error) (reason, text string) {
	where, failed := "the server", &sendError{timeout: requestTimeout}
	if errors.As(err, &failed) {
		where = fetch.OriginOf(failed.message.URL)
	}
	var (
		dns       *net.DNSError
		unknown   x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		certified *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &dns):
		return nameNotFound, fmt.Sprintf("%s cannot be reached: the name %s is not known.", where, dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return connectionRefused, where + " cannot be reached: nothing listens there. Is the server running, on this port?"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return hostUnreachable, where + " cannot be reached: no route leads to its address."
	case errors.As(err, &unknown):
		return untrustedAuthority, where + " has a certificate of an unknown authority; name its CA with --cacert."
	case errors.As(err, &hostname):
		return wrongName, where + " has a certificate for another name: " + hostname.Error() + "."
	case errors.As(err, &invalid), errors.As(err, &certified):
		return invalidCertificate, where + " has a certificate that is not valid: " + err.Error() + "."
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return needsHTTP, where + " does not speak TLS; use http:// for it."
	case failed.needsTLS, strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`): // a TLS alert
		return needsTLS, where + " speaks TLS; use https:// for it."
	case errors.Is(err, context.DeadlineExceeded):
		return timedOut, fmt.Sprintf("%s did not respond within %s.", where, failed.timeout)
	case errors.Is(err, context.Canceled):
		return interrupted, "interrupted."
	case failed.closed:
		return connectionClosed, where + " gave no response: the connection was closed: " + err.Error() + "."
	}
	return invalidResponse, where + " gave no response: " + err.Error() + "."
}
