package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/api/internal/fetch"
	"example.com/api/internal/tracecontext"
)

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(headers(200, "Access-Control-Allow-Origin: *"))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := corscheck(t, s.URL, "--origin", "https://app.example.com"); status != exitUnreachable || !strings.Contains(stderr, "--cacert") {
		t.Errorf("without the CA: got status %d, %q", status, stderr)
	}
	// httptest's certificate is for example.com, too.
	status, stdout, stderr := corscheck(t, "https://example.com:"+u.Port(), "--origin", "https://app.example.com", "--cacert", ca, "--resolve", "example.com:"+u.Port()+":127.0.0.1")
	if status != exitAllowed || !strings.Contains(stdout, "200 OK (HTTP/2)") {
		t.Errorf("got status %d, %s%s", status, stdout, stderr)
	}
	if status, _, stderr := corscheck(t, "https://other.example:"+u.Port(), "--origin", "https://app.example.com", "--cacert", ca, "--resolve", "other.example:"+u.Port()+":127.0.0.1"); status != exitUnreachable || !strings.Contains(stderr, "certificate for another name") {
		t.Errorf("another name: got status %d, %q", status, stderr)
	}
	if status, _, stderr := corscheck(t, "https://localhost:"+portOf(t, serve(t, headers(200))), "--origin", "https://app.example.com"); status != exitUnreachable || !strings.Contains(stderr, "does not speak TLS") {
		t.Errorf("plain http: got status %d, %q", status, stderr)
	}
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// What the browser adds to a request of its own.
func TestSentHeaders(t *testing.T) {
	var got []http.Header
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header)
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Methods", "*")
	})
	if status, stdout, _ := corscheck(t, address, "--origin", testPage, "--method", "DELETE"); status != exitAllowed || len(got) != 2 {
		t.Fatalf("got status %d, %d requests\n%s", status, len(got), stdout)
	}
	for _, h := range got {
		for name, want := range map[string]string{"Origin": testPage, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Referer": testPage + "/", "Accept": "*/*"} {
			if h.Get(name) != want {
				t.Errorf("%s: got %q, want %q", name, h.Get(name), want)
			}
		}
	}
	if got[0].Get("Access-Control-Request-Method") != "DELETE" || got[1].Get("Access-Control-Request-Method") != "" {
		t.Errorf("got %v", got)
	}
}

// raw serves bytes as they are, endlessly if they end in an ellipsis.
func raw(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 4096))
				repeated, endless := strings.CutSuffix(text, "…")
				_, err := conn.Write([]byte(repeated))
				line := repeated[strings.LastIndex(strings.TrimSuffix(repeated, "\n"), "\n")+1:]
				for endless && err == nil {
					_, err = conn.Write([]byte(line))
				}
			}()
		}
	}()
	return fmt.Sprintf("http://localhost:%d/", l.Addr().(*net.TCPAddr).Port)
}

func TestHostileServers(t *testing.T) {
	const allowed = "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\n"
	for _, tt := range []struct {
		name, response string
		status         int
		want           string
	}{
		{"endless body", allowed + "\r\n" + "x\n…", exitAllowed, "ALLOWED"},
		{"endless problem", allowed + "Content-Type: application/problem+json\r\n\r\n{\n…", exitAllowed, "ALLOWED"},
		{"endless headers", allowed + "X-A: b\r\n…", exitUnreachable, "gave no response"},
		{"endless interim responses", "HTTP/1.1 103 Early Hints\r\n\r\n\r\n…", exitUnreachable, "gave no response"},
		{"no HTTP", "\x00\x01\x02\r\n\r\n", exitUnreachable, "gave no response"},
		{"nothing", "", exitUnreachable, "gave no response"},
		{"terminal escapes", "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: \x1b]0;pwned\x07\x1b[2J\u202eevil\xff\r\nContent-Length: 0\r\n\r\n", exitUnreachable, `\x1b]0;pwned`},
		{"bytes outside ASCII", "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: \u202eevil\xff\r\nContent-Length: 0\r\n\r\n", exitBlocked, `\u{202e}evil`},
		{"escapes in a problem", "HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\nContent-Length: 27\r\n\r\n{\"detail\": \"\\u001b[31mred\"}", exitBlocked, `\x1b[31mred`},
		{"escapes in a redirect", "HTTP/1.1 302 Found\r\nAccess-Control-Allow-Origin: *\r\nLocation: ftp://a/%1b\u202e\r\nContent-Length: 0\r\n\r\n", exitBlocked, `ftp://a/%1b\u202e`},
	} {
		status, stdout, stderr := corscheck(t, raw(t, tt.response), "--origin", testPage)
		if status != tt.status || !strings.Contains(stdout+stderr, tt.want) {
			t.Errorf("%s: got status %d, %s%s", tt.name, status, stdout, stderr)
		}
		if i := strings.IndexFunc(stdout+stderr, func(r rune) bool { return r < ' ' && r != '\n' || r == '\u202e' || r == 0x7f }); i >= 0 {
			t.Errorf("%s: the output holds %q", tt.name, (stdout + stderr)[i:i+1])
		}
	}
}

func TestRedirectLoop(t *testing.T) {
	requests := 0
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Location", fmt.Sprintf("/%d", requests))
		w.WriteHeader(http.StatusFound)
	})
	status, stdout, _ := corscheck(t, address, "--origin", testPage)
	if status != exitBlocked || !strings.Contains(stdout, "more than 20 redirects") || requests > 21 {
		t.Errorf("got status %d after %d requests\n%s", status, requests, stdout)
	}
}

func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address := "http://" + l.Addr().String()
	o, err := parseOptions([]string{address, "--origin", testPage}, nil, nil)
	if err != nil || o.timeout != requestTimeout || requestTimeout > 30*time.Second {
		t.Errorf("the timeout is %v, %v", o.timeout, err)
	}
	status, stdout, _ := corscheck(t, address, "--origin", testPage, "--timeout", "50ms", "--json")
	if status != exitUnreachable || !strings.Contains(stdout, "did not respond within 50ms") || !strings.Contains(stdout, `"reason": "TimedOut"`) {
		t.Errorf("got status %d, %s", status, stdout)
	}
}

// What a browser adds, by page, target and request.
func TestBrowserHeaders(t *testing.T) {
	const page = "https://app.example.com"
	for _, tt := range []struct {
		name    string
		request checkRequest
		message fetch.Message
		url     string
		want    string
	}{
		{"cross-site", pageAt(page), fetch.Message{}, "https://b.example/", "Accept: */*|Referer: https://app.example.com/|Sec-Fetch-Dest: empty|Sec-Fetch-Mode: cors|Sec-Fetch-Site: cross-site|User-Agent: corscheck"},
		{"same site", pageAt(page), fetch.Message{}, "https://api.example.com/", "Accept: */*|Referer: https://app.example.com/|Sec-Fetch-Dest: empty|Sec-Fetch-Mode: cors|Sec-Fetch-Site: same-site|User-Agent: corscheck"},
		{"same origin", pageAt(page), fetch.Message{}, page + "/a", "Accept: */*|Referer: https://app.example.com/|Sec-Fetch-Dest: empty|Sec-Fetch-Mode: cors|Sec-Fetch-Site: same-origin|User-Agent: corscheck"},
		{"plain http tells no Sec-Fetch", pageAt("http://app.example.com"), fetch.Message{}, "http://b.example/", "Accept: */*|Referer: http://app.example.com/|User-Agent: corscheck"},
		{"https hides itself from http", pageAt(page), fetch.Message{}, "http://b.example/", "Accept: */*|User-Agent: corscheck"},
		{"http shows itself to https", pageAt("http://app.example.com"), fetch.Message{}, "https://b.example/", "Accept: */*|Referer: http://app.example.com/|Sec-Fetch-Dest: empty|Sec-Fetch-Mode: cors|Sec-Fetch-Site: cross-site|User-Agent: corscheck"},
		{"an opaque origin has no address", pageAt("null"), fetch.Message{}, "http://b.example/", "Accept: */*|User-Agent: corscheck"},
		{"not from a page", checkRequest{}, fetch.Message{}, "https://b.example/", "Accept: */*|User-Agent: corscheck"},
		{"no-cors", checkRequest{Request: fetch.Request{Origin: page, Mode: fetch.ModeNoCORS}}, fetch.Message{}, page, "Accept: */*|Referer: https://app.example.com/|Sec-Fetch-Dest: empty|Sec-Fetch-Mode: no-cors|Sec-Fetch-Site: same-origin|User-Agent: corscheck"},
		{"the page's own Accept and User-Agent", checkRequest{}, fetch.Message{Header: fetch.Header{{Name: "accept", Value: "a/b"}, {Name: "user-agent", Value: "me"}, {Name: "x-a", Value: "1"}, {Name: "X-A", Value: "2"}}}, "http://b.example/", "Accept: a/b|User-Agent: me|X-A: 1|X-A: 2"},
	} {
		tt.message.URL = parsed(t, tt.url)
		c := &client{request: tt.request}
		var got []string
		for name, values := range c.header(tt.message) {
			for _, value := range values {
				got = append(got, name+": "+value)
			}
		}
		slices.Sort(got)
		if got := strings.Join(got, "|"); got != tt.want {
			t.Errorf("%s: got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func pageAt(s string) checkRequest { return checkRequest{Request: fetch.Request{Origin: s}} }

func parsed(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Cookies go with the requests that carry credentials, if a browser sends
// them.
func TestSentCookies(t *testing.T) {
	with := func(recorded []string, lines ...string) checkRequest {
		r := pageAt("https://app.example.com")
		r.recorded = recorded
		for _, line := range lines {
			c, _ := fetch.ParseCookie(line)
			r.cookies = append(r.cookies, c)
		}
		return r
	}
	for _, tt := range []struct {
		name    string
		request checkRequest
		message fetch.Message
		url     string
		want    string
	}{
		{"credentials", with(nil, "a=1", "b=2; SameSite=Strict"), fetch.Message{Credentials: true}, "https://api.example.com/", "a=1; b=2"},
		{"no credentials", with([]string{"r=0"}, "a=1"), fetch.Message{}, "https://api.example.com/", ""},
		{"a preflight", with([]string{"r=0"}, "a=1"), fetch.Message{Credentials: true, Preflight: true}, "https://api.example.com/", ""},
		{"recorded", with([]string{"r=0"}, "a=1"), fetch.Message{Credentials: true}, "https://api.example.com/", "r=0; a=1"},
		{"cross-site", with(nil, "a=1; SameSite=Lax", "b=2; SameSite=None; Secure"), fetch.Message{Credentials: true}, "https://b.example/", "b=2"},
		{"none at all", with(nil), fetch.Message{Credentials: true}, "https://api.example.com/", ""},
	} {
		tt.message.URL = parsed(t, tt.url)
		c := &client{request: tt.request}
		h := c.header(tt.message)
		if _, present := h["Cookie"]; h.Get("Cookie") != tt.want || present != (tt.want != "") {
			t.Errorf("%s: got %q, want %q", tt.name, h["Cookie"], tt.want)
		}
	}
}

// --resolve decides about the address, the address space and the proxy.
func TestResolve(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://proxy.example:3128")
	t.Setenv("HTTPS_PROXY", "http://proxy.example:3128")
	t.Setenv("NO_PROXY", "")
	c := &client{resolve: map[string]netip.AddrPort{
		"a.example:80": netip.MustParseAddrPort("192.168.0.1:80"), "a.example:443": netip.MustParseAddrPort("127.0.0.1:443"),
		"a.example:8080": netip.MustParseAddrPort("1.1.1.1:8080"),
	}}
	for address, want := range map[string]fetch.Space{
		"http://a.example/": fetch.SpaceLocal, "https://a.example/": fetch.SpaceLoopback, "http://a.example:8080/": fetch.SpacePublic,
		"http://localhost:8080/": fetch.SpaceLoopback, "http://10.0.0.1/": fetch.SpaceLocal,
	} {
		if got := c.space(t.Context(), parsed(t, address)); got != want {
			t.Errorf("%s: got %v, want %v", address, got, want)
		}
	}
	if proxy, err := c.proxy(&http.Request{URL: parsed(t, "http://a.example/")}); err != nil || proxy != nil {
		t.Errorf("a name that --resolve gives: got the proxy %v, %v", proxy, err)
	}
}

// Only a problem's detail is read from a body.
func TestDetail(t *testing.T) {
	for _, tt := range []struct{ contentType, body, want string }{
		{"application/problem+json", `{"detail": "why"}`, "why"},
		{"application/problem+json; charset=utf-8", `{"detail": "why"}`, "why"},
		{"application/json", `{"detail": "why"}`, ""},
		{"application/problem+json", `{"detail": 1}`, ""},
		{"application/problem+json", `{"detail": "` + strings.Repeat("x", maxResponseBody) + `"}`, ""},
	} {
		address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tt.contentType)
			_, _ = w.Write([]byte(tt.body))
		})
		c, err := newClient(options{timeout: requestTimeout})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.send(t.Context(), fetch.Message{Method: "GET", URL: parsed(t, address)})
		c.close()
		if err != nil || got.Detail != tt.want {
			t.Errorf("%s, %.20s: got %q, %v", tt.contentType, tt.body, got.Detail, err)
		}
	}
}

// What people are told when there is no response.
func TestUnreachable(t *testing.T) {
	at := func(err error) error {
		return &sendError{message: fetch.Message{URL: &url.URL{Scheme: "http", Host: "a.example"}}, err: err, timeout: 4 * time.Second}
	}
	for _, tt := range []struct {
		err          error
		reason, want string
	}{
		{at(&net.DNSError{Name: "a.example", IsNotFound: true}), nameNotFound, "http://a.example cannot be reached: the name a.example is not known."},
		{at(syscall.ECONNREFUSED), connectionRefused, "http://a.example cannot be reached: nothing listens there"},
		{at(syscall.EHOSTUNREACH), hostUnreachable, "no route leads to its address"},
		{at(x509.UnknownAuthorityError{}), untrustedAuthority, "name its CA with --cacert"},
		{at(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "a.example"}), wrongName, "for another name"},
		{at(x509.CertificateInvalidError{Cert: &x509.Certificate{}, Reason: x509.Expired}), invalidCertificate, "that is not valid: x509: certificate has expired"},
		{at(tls.RecordHeaderError{Msg: "x"}), needsHTTP, "does not speak TLS"},
		{at(context.DeadlineExceeded), timedOut, "http://a.example did not respond within 4s."},
		{at(context.Canceled), interrupted, "interrupted."},
		{&sendError{message: fetch.Message{URL: &url.URL{Scheme: "http", Host: "a.example"}}, err: io.EOF, closed: true}, connectionClosed, "gave no response: the connection was closed"},
		{at(errors.New("odd")), invalidResponse, "http://a.example gave no response: odd."},
		{errors.New("odd"), invalidResponse, "the server gave no response: odd."},
	} {
		if reason, got := unreachable(tt.err); reason != tt.reason || !strings.Contains(got, tt.want) {
			t.Errorf("%v: got %s, %q, want %s, %q", tt.err, reason, got, tt.reason, tt.want)
		}
	}
}

// quiet closes a connection whose first byte is not that of a TLS handshake, as
// some servers do. Others send an alert or an error in plain text.
type quiet struct{ net.Listener }

func (l quiet) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &quietConn{Conn: conn}, nil
}

type quietConn struct {
	net.Conn
	once sync.Once
}

func (c *quietConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.once.Do(func() {
		if n > 0 && p[0] != 0x16 {
			c.Conn.Close()
			n, err = 0, io.EOF
		}
	})
	return n, err
}

// What is wrong with a response is told by the message that it answers.
func TestUnreachableOverTheWire(t *testing.T) {
	secure := httptest.NewUnstartedServer(headers(200))
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	silent := func(address string) string {
		s := httptest.NewUnstartedServer(headers(200))
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		s.Listener.Close()
		listener, err := net.Listen("tcp", address)
		if err != nil && strings.HasPrefix(address, "[") {
			return "" // a machine without IPv6
		} else if err != nil {
			t.Fatal(err)
		}
		s.Listener = quiet{listener}
		s.StartTLS()
		t.Cleanup(s.Close)
		return strings.Replace(s.URL, "https:", "http:", 1)
	}
	for _, tt := range []struct{ name, url, want string }{
		{"plain http to TLS that sends an alert", raw(t, "\x15\x03\x01\x00\x02\x02\x46"), needsTLS},
		{"plain http to TLS that says nothing", silent("127.0.0.1:0"), needsTLS},
		{"plain http to TLS that says nothing, on IPv6", silent("[::1]:0"), needsTLS},
		{"closed without a response", raw(t, ""), connectionClosed},
		{"not http", raw(t, "SSH-2.0-x\r\n"), invalidResponse},
		{"a certificate that nobody signed", secure.URL, untrustedAuthority},
		{"TLS to plain http", strings.Replace(serve(t, headers(200)), "http:", "https:", 1), needsHTTP},
	} {
		if tt.url == "" {
			continue
		}
		status, stdout, _ := corscheck(t, tt.url, "--origin", testPage, "--method", "PUT", "--json")
		var got struct {
			Reason    string
			Exchanges []jsonExchange
		}
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatal(err)
		}
		if status != exitUnreachable || got.Reason != tt.want || len(got.Exchanges) != 1 || !got.Exchanges[0].Preflight {
			t.Errorf("%s: got status %d, %s", tt.name, status, stdout)
		}
	}
}

// The trace-id marks every request in the server's log, and CORS knows nothing
// of it: no preflight asks for it, and it is not among the headers sent.
func TestTraceID(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	var arrived []string
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		arrived = append(arrived, tracecontext.TraceID(r.Header)+" "+r.Header.Get("Access-Control-Request-Headers"))
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "X-A")
	})
	_, stdout, _ := corscheck(t, address, "--origin", testPage, "--header", "X-A: 1", "--trace-id", id, "--json")
	if want := []string{id + " x-a", id + " "}; !slices.Equal(arrived, want) {
		t.Errorf("got %q, want %q", arrived, want)
	}
	if strings.Contains(stdout, id) {
		t.Errorf("the output has the trace-id: %s", stdout)
	}
}

// With --safe, nothing is changed: no method arrives but GET, HEAD and OPTIONS.
func TestSafe(t *testing.T) {
	for _, tt := range []struct {
		args    []string
		want    string // the requests that arrive
		standIn string
	}{
		{[]string{"--method", "DELETE"}, "OPTIONS /, GET /", "GET"},
		{[]string{"--data", "a=b"}, "GET /", "GET"},
		{[]string{"--data", "a=b", "--upload-listener"}, "OPTIONS /, GET /", "GET"},
		{[]string{"--method", "post", "--header", "Content-Type: application/json"}, "OPTIONS /, GET /", "GET"},
		{[]string{"--method", "HEAD"}, "HEAD /", ""},
		{nil, "GET /", ""},
	} {
		var arrived []string
		address := serve(t, func(w http.ResponseWriter, r *http.Request) {
			arrived = append(arrived, r.Method+" "+r.URL.Path)
			if r.ContentLength > 0 || r.Header.Get("Content-Type") != "" {
				t.Errorf("%v: a body was sent: %v", tt.args, r.Header)
			}
			for _, name := range []string{"Origin", "Methods", "Headers"} {
				w.Header().Set("Access-Control-Allow-"+name, "*")
			}
		})
		_, stdout, stderr := corscheck(t, append([]string{address, "--origin", testPage, "--safe", "--json"}, tt.args...)...)
		var got jsonResult
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatalf("%v: %v %s", tt.args, err, stderr)
		}
		last := got.Exchanges[len(got.Exchanges)-1]
		if strings.Join(arrived, ", ") != tt.want || !got.Allowed || last.StandIn != tt.standIn || last.Method != got.Method {
			t.Errorf("%v: got %q, %s", tt.args, arrived, stdout)
		}
	}
}

// A body that breaks off fails a fetch whose headers are in order.
func TestBrokenBody(t *testing.T) {
	for _, tt := range []struct{ response, want string }{
		{"Content-Length: 9\r\n\r\nshort", "unexpected EOF"},
		{"Content-Length: 5\r\n\r\nwhole", ""},
		{"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
	} {
		address := raw(t, "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\n"+tt.response)
		_, stdout, stderr := corscheck(t, address, "--origin", testPage, "--safe", "--json")
		var got jsonResult
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatalf("%v %s", err, stderr)
		}
		if got.Exchanges[0].Broken != tt.want {
			t.Errorf("%q: got %s", tt.response, stdout)
		}
	}
}
