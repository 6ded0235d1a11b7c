package tests

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// quota is the number of uploads that a client may send per hour.
const quota = 7

func TestBehindProxy(t *testing.T) {
	t.Parallel()
	eachEdge(t, func(t *testing.T, e *edge, startEdge func([2]string)) {
		redis := freePort(t)
		startRedis(t, redis)
		b := &proxied{edge: e}
		var upstreams [2]string
		for i := range b.replicas {
			b.replicas[i] = start(t, "APP_ENV=production", "HOST=127.0.0.1", "SESSION_SECRET="+secret,
				"ALLOWED_ORIGINS="+e.pageOrigin(), "ALLOWED_HOSTS=localhost", "TRUSTED_PROXIES=127.0.0.1",
				"REDIS_URL=redis://127.0.0.1:"+redis, fmt.Sprintf("RATE_LIMIT_UPLOAD=%d-H", quota))
			_, upstreams[i], _ = net.SplitHostPort(b.replicas[i].host)
			b.replicas[i].waitFor(t, "redis up", func() bool {
				return strings.Contains(b.replicas[i].get(t, "/readyz").body, `"redis":"up"`)
			})
		}
		startEdge(upstreams)
		for i, check := range []struct {
			name string
			run  func(t *testing.T, b *proxied, address string)
		}{
			{"spoofed headers", testSpoofedHeaders},
			{"shared limits", testSharedLimits},
			{"preflight", testPreflight},
			{"denied origin", testDeniedOrigin},
			{"same origin", testSameOrigin},
			{"upload over the limit", testLargeUpload},
			{"headers", testHeaders},
			{"plain http", testPlainHTTP},
			{"session", testSession},
			{"page", testPage},
			{"killed replica", testKilledReplica}, // must be last
		} {
			t.Run(check.name, func(t *testing.T) {
				// Each check has its own client, which is not the proxy's address.
				check.run(t, b, fmt.Sprintf("127.0.1.%d", i+1))
			})
		}
	})
}

// Headers that a client forges affect neither its limit, nor the log, nor the
// same-origin check.
func testSpoofedHeaders(t *testing.T, b *proxied, address string) {
	const another = "203.0.113.9"
	spoofed := [][]string{
		nil,
		{"X-Forwarded-For: " + another},
		{"X-Forwarded-For: " + another + ", 127.0.0.1"},
		{"X-Forwarded-For: " + another, "X-Forwarded-For: 127.0.0.1"},
		{"X-Forwarded-For: unknown"},
		{"X-Real-IP: " + another},
		{"Forwarded: for=" + another + ";proto=http;host=evil.com"},
		{"X-Forwarded-Proto: http"},
		{"X-Forwarded-Proto: http, https"},
		{"X-Forwarded-Host: evil.com", "X-Forwarded-Port: 80"},
		{"True-Client-IP: " + another, "X-Client-IP: " + another, "CF-Connecting-IP: " + another},
		{"Connection: X-Forwarded-For, X-Forwarded-Proto, Host", "X-Forwarded-For: " + another},
	}
	var want []string
	for n := range spoofed {
		want = append(want, fmt.Sprint(99-n)) // of the default limit of 100
	}
	b.checkCounts(t, address, want, func(address string) (remaining []string) {
		for _, lines := range spoofed {
			id := b.id()
			s := b.from(address, len(lines) == 0 || !strings.HasPrefix(lines[0], "Connection:"))
			a := s.get(t, "/api/hello", append(lines, id, "Origin: "+b.origin())...)
			s.client.CloseIdleConnections()
			checkStatus(t, a, http.StatusOK)
			if _, line := b.served(t, id); line["client.address"] != address {
				t.Errorf("%q: the log has the client %s, want %s", lines, line["client.address"], address)
			}
			if t.Failed() {
				t.Fatalf("failed with %q", lines)
			}
			remaining = append(remaining, strings.Join(a.header.Values("X-RateLimit-Remaining"), ", "))
		}
		return remaining
	})
}

func testSharedLimits(t *testing.T, b *proxied, address string) {
	form, formType := upload(t, part{"file", "a.txt", "text/plain", "a"})
	replicas := make(map[int]bool)
	want := slices.Concat(slices.Repeat([]string{"201"}, quota), slices.Repeat([]string{"429"}, 5))
	for _, client := range []string{address, "127.0.1.200"} {
		b.checkCounts(t, client, want, func(client string) (statuses []string) {
			s := b.from(client, true)
			for n := range want {
				id := b.id()
				a := s.do(t, "POST", "/api/upload", form, formType, id, "Origin: "+b.pageOrigin(), fmt.Sprintf("X-Forwarded-For: 203.0.113.%d", n))
				checkReadable(t, a, b.pageOrigin())
				if a.status != http.StatusCreated {
					checkProblem(t, a, http.StatusTooManyRequests)
				}
				replica, _ := b.served(t, id)
				replicas[replica] = true
				statuses = append(statuses, fmt.Sprint(a.status))
			}
			return statuses
		})
	}
	if len(replicas) != 2 { // Caddy picks at random if both are idle
		t.Error("one replica served all requests")
	}
}

func testPreflight(t *testing.T, b *proxied, address string) {
	a := b.from(address, true).do(t, "OPTIONS", "/api/session", "", "Origin: "+b.pageOrigin(),
		"Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: content-type")
	checkStatus(t, a, http.StatusNoContent)
	checkHeaders(t, a, map[string]string{
		"Access-Control-Allow-Origin":      b.pageOrigin(),
		"Access-Control-Allow-Credentials": "true",
		"Access-Control-Max-Age":           "600",
	})
	if !hasToken(a.header, "Access-Control-Allow-Methods", "PUT") || !hasToken(a.header, "Access-Control-Allow-Headers", "Content-Type") {
		t.Errorf("got %v, want the method and the header allowed", a.header)
	}
	checkVary(t, a, "Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers")
}

func testDeniedOrigin(t *testing.T, b *proxied, address string) {
	for _, origin := range []string{"https://evil.com", "http://localhost:" + b.api, "https://localhost", "null"} {
		checkDenied(t, b.from(address, true).get(t, "/api/hello", "Origin: "+origin))
	}
}

// A page from the API's own origin needs no CORS headers. To recognize it, the
// API must learn its public scheme and port from the proxy.
func testSameOrigin(t *testing.T, b *proxied, address string) {
	for _, http2 := range []bool{true, false} {
		a := b.from(address, http2).do(t, "POST", "/api/session", `{"name":"a"}`, jsonType, "Origin: "+b.origin())
		checkStatus(t, a, http.StatusCreated)
		checkNoCORS(t, a)
	}
}

// The proxy passes on an upload over the limit, because its own error would have
// no CORS headers.
func testLargeUpload(t *testing.T, b *proxied, address string) {
	form, formType := upload(t, part{"file", "a.bin", "application/octet-stream", strings.Repeat("x", 11<<20)})
	for _, http2 := range []bool{true, false} {
		a := b.from(address, http2).do(t, "POST", "/api/upload", form, formType, "Origin: "+b.pageOrigin())
		checkProblem(t, a, http.StatusRequestEntityTooLarge)
		checkReadable(t, a, b.pageOrigin())
	}
}

func testHeaders(t *testing.T, b *proxied, address string) {
	s := b.from(address, true)
	for path, status := range map[string]int{"/": 200, "/api/hello": 200, "/nowhere": 404, "/api/session": 401} {
		a := s.get(t, path, "Origin: "+b.pageOrigin())
		checkStatus(t, a, status)
		checkReadable(t, a, b.pageOrigin())
		checkHeaders(t, a, securityHeaders)
		checkHeaders(t, a, map[string]string{
			"Strict-Transport-Security": "max-age=31536000; includeSubDomains",
			"Via":                       absent,
			"Forwarded":                 absent,
			"Alt-Svc":                   absent,
			"X-Request-ID":              a.header.Get("X-Request-ID"), // exactly once
		})
	}
	response, err := s.client.Get(s.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.ProtoMajor != 2 {
		t.Errorf("got %s, want HTTP/2", response.Proto)
	}
}

func testPlainHTTP(t *testing.T, b *proxied, address string) {
	s := b.from(address, true)
	s.URL = "http://localhost:" + b.plain
	const target = "/api/a%2Fb%20c?x=1&y=%2F+%26"
	for _, method := range []string{"GET", "HEAD", "POST"} {
		a := s.do(t, method, target, "")
		if a.status != http.StatusPermanentRedirect && a.status != http.StatusMovedPermanently {
			t.Errorf("%s: got %d, want a redirect", method, a.status)
		}
		// The proxy assumes the standard ports.
		checkHeaders(t, a, map[string]string{"Location": "https://localhost" + target, "Strict-Transport-Security": absent})
	}
	// The proxy does not redirect to a host that is not its own.
	a, err := s.try("GET", "/", "", "Host: evil.com")
	if location := a.header.Get("Location"); err == nil && location != "https://localhost/" {
		t.Errorf("Host: evil.com: got %d, Location %q, want no redirect or one to the API", a.status, location)
	}
}

func testSession(t *testing.T, b *proxied, address string) {
	s := b.from(address, true)
	signedInBy := b.id()
	a := s.do(t, "POST", "/api/session", `{"name":"Ada"}`, jsonType, signedInBy, "Origin: "+b.pageOrigin())
	checkStatus(t, a, http.StatusCreated)
	cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	if err != nil || cookie.Name != "__Host-session" || !cookie.Secure || !cookie.HttpOnly {
		t.Fatalf("got %q, %v, want a cookie for https only", a.header["Set-Cookie"], err)
	}
	one, _ := b.served(t, signedInBy)
	eventually(t, func() error {
		id := b.id()
		a := s.get(t, "/api/session", "Cookie: "+cookie.Name+"="+cookie.Value, id, "Origin: "+b.pageOrigin())
		checkStatus(t, a, http.StatusOK)
		checkContains(t, a.body, `"Ada"`)
		checkReadable(t, a, b.pageOrigin())
		if other, _ := b.served(t, id); other == one {
			return fmt.Errorf("replica %d served every request of the session", one)
		}
		return nil
	})
}

func testPage(t *testing.T, b *proxied, address string) {
	s := b.from(address, true)
	s.URL = b.pageOrigin()
	for path, want := range map[string]struct {
		status       int
		cacheControl string
	}{
		"/":               {http.StatusOK, absent},
		"/assets/page.js": {http.StatusOK, "public, max-age=31536000, immutable"},
		"/assets/none.js": {http.StatusNotFound, absent}, // the next build may contain it
		"/none":           {http.StatusNotFound, absent},
	} {
		a := s.get(t, path)
		checkStatus(t, a, want.status)
		checkHeaders(t, a, map[string]string{
			"Cache-Control":           want.cacheControl,
			"Content-Security-Policy": "default-src 'self'; connect-src " + b.origin() + "; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
			"X-Content-Type-Options":  "nosniff",
			"Referrer-Policy":         "strict-origin-when-cross-origin",
			"Server":                  absent,
		})
	}
	a := s.get(t, "/")
	if a.body != indexPage || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Errorf("got %s %q, want the page", a.header.Get("Content-Type"), a.body)
	}
}

// Once a replica has been killed, no request fails.
func testKilledReplica(t *testing.T, b *proxied, address string) {
	clients := make([]*server, 4)
	for i := range clients { // their connections have been used
		clients[i] = b.from(address, i%2 == 0)
		for range 4 {
			checkStatus(t, clients[i].get(t, "/"), http.StatusOK)
		}
	}
	b.replicas[0].cmd.Process.Kill()
	<-b.replicas[0].exited
	var group sync.WaitGroup
	for _, s := range clients {
		group.Go(func() {
			for n := range 50 {
				if a, err := s.try("GET", "/", ""); err != nil || a.status != http.StatusOK {
					t.Errorf("request %d after the kill: got %d, %v, want 200", n, a.status, err)
				}
			}
		})
	}
	group.Wait()
}

func TestRequestsFromProxies(t *testing.T) {
	t.Parallel()
	eachEdge(t, func(t *testing.T, e *edge, startEdge func([2]string)) {
		u := &upstream{begun: make(chan struct{}, 1)}
		var upstreams [2]string
		for i := range upstreams {
			s := httptest.NewServer(u)
			t.Cleanup(s.Close)
			_, upstreams[i], _ = net.SplitHostPort(s.Listener.Addr().String())
		}
		startEdge(upstreams)
		const address = "127.0.1.1"
		s := e.from(address, true)
		t.Cleanup(s.client.CloseIdleConnections)

		t.Run("headers", func(t *testing.T) {
			const another = "203.0.113.9"
			checkStatus(t, s.get(t, "/a%2Fb?c=%20d", "X-Forwarded-For: "+another, "X-Forwarded-For: 127.0.0.1",
				"X-Forwarded-Proto: http", "X-Forwarded-Host: evil.com", "X-Real-IP: "+another,
				"Forwarded: for="+another, "Origin: https://a.com", "Cookie: a=b; c=d", "X-Request-ID: x"), http.StatusOK)
			u.mu.Lock()
			defer u.mu.Unlock()
			if got := u.received.Host + u.received.RequestURI; got != "localhost:"+e.api+"/a%2Fb?c=%20d" {
				t.Errorf("got %s, want host, port, path and query unchanged", got)
			}
			checkHeaders(t, answer{header: u.received.Header}, map[string]string{
				"X-Forwarded-For":   address,
				"X-Forwarded-Proto": "https",
				"Forwarded":         absent,
				"X-Real-IP":         absent,
				"Origin":            "https://a.com",
				"Cookie":            "a=b; c=d",
				"X-Request-ID":      "x",
			})
			if host := u.received.Header.Get("X-Forwarded-Host"); cmp.Or(host, u.received.Host) != u.received.Host {
				t.Errorf("X-Forwarded-Host: got %q, want none or the Host", host)
			}
		})
		t.Run("uploads are streamed", func(t *testing.T) {
			reader, writer := io.Pipe()
			defer writer.Close()
			go func() {
				writer.Write(make([]byte, 100_000))
				select {
				case <-u.begun: // before the rest is sent
				case <-time.After(patience):
					t.Error("the API received nothing before the upload was complete")
				}
				writer.Write(make([]byte, 100_000))
				writer.Close()
			}()
			response, err := s.client.Post(s.URL+"/api/upload", "multipart/form-data", reader)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("got %d, want 200", response.StatusCode)
			}
		})
		t.Run("failed requests are not repeated", func(t *testing.T) { // comes last, because nginx then avoids the upstream
			checkStatus(t, s.do(t, "POST", "/hang-up", "{}"), http.StatusBadGateway)
			if got := u.hungUp.Load(); got != 1 {
				t.Errorf("the API received the request %d times, want once", got)
			}
		})
	})
}

// edge is a proxy from deploy/ that runs with its shipped configuration.
type edge struct {
	*process
	api, page, plain string // the ports of the API, the page and plain http
	roots            *x509.CertPool
	server           string // its Server header, or "" for none
}

// edges holds a function for each proxy. It starts the proxy in front of the
// upstreams, which are ports of 127.0.0.1, and returns once it responds.
var edges = map[string]func(t *testing.T, e *edge, upstreams [2]string){
	"caddy": startCaddy,
	"nginx": startNginx,
}

// newEdge chooses the ports before the proxy starts, because the upstreams may
// need to know them.
func newEdge(t *testing.T) *edge {
	t.Helper()
	return &edge{api: fixedPort(t), page: fixedPort(t), plain: fixedPort(t)}
}

// eachEdge runs the test for each proxy, in parallel.
func eachEdge(t *testing.T, test func(t *testing.T, e *edge, start func(upstreams [2]string))) {
	for name, start := range edges {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(name); err != nil {
				without(t, name+" is missing; apt-get install --no-install-recommends "+map[string]string{"caddy": "caddy", "nginx": "nginx-light"}[name])
			}
			e := newEdge(t)
			test(t, e, func(upstreams [2]string) { start(t, e, upstreams) })
		})
	}
}

func (e *edge) origin() string     { return "https://localhost:" + e.api }
func (e *edge) pageOrigin() string { return "https://localhost:" + e.page }

const indexPage = "<!doctype html><title>The page</title>\n"

func writePage(t *testing.T, dir string) {
	t.Helper()
	writeFile(t, dir, "index.html", indexPage)
	if err := os.Mkdir(filepath.Join(dir, "assets"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "assets"), "page.js", "// code")
}

func startCaddy(t *testing.T, e *edge, upstreams [2]string) {
	dir := t.TempDir()
	writePage(t, dir)
	file := writeFile(t, dir, "Caddyfile", replaced(t, "deploy/Caddyfile",
		"\tskip_install_trust\n", "\tskip_install_trust\n\thttp_port "+e.plain+"\n\thttps_port "+e.api+"\n",
		"health_interval 1s", "health_interval 200ms"))
	// At startup, Caddy deletes empty certificate directories. If it deletes the
	// one it is about to write to, it retries only after a minute.
	directory := filepath.Join(dir, "certificates/local/localhost")
	if err := os.MkdirAll(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, directory, "not-empty", "")
	cmd := exec.Command("caddy", "run", "--config", file, "--adapter", "caddyfile")
	cmd.Env = []string{
		"HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "XDG_DATA_HOME=" + dir, "CADDY_STORAGE=" + dir,
		"API_SITE=" + e.origin(), "PAGE_SITE=" + e.pageOrigin(), "PAGE_ROOT=" + dir,
		"API_1=127.0.0.1:" + upstreams[0], "API_2=127.0.0.1:" + upstreams[1],
	}
	e.process = spawn(t, cmd)
	e.roots = x509.NewCertPool()
	e.waitFor(t, "certificate authority of Caddy", func() bool {
		certificate, err := os.ReadFile(filepath.Join(dir, "pki/authorities/local/root.crt"))
		return e.ended() || err == nil && e.roots.AppendCertsFromPEM(certificate)
	})
	e.awaitResponse(t)
}

func startNginx(t *testing.T, e *edge, upstreams [2]string) {
	dir := t.TempDir()
	writePage(t, dir)
	certificate := writeCertificate(t, dir)
	e.roots = x509.NewCertPool()
	e.roots.AppendCertsFromPEM(certificate)
	e.server = "nginx"
	file := writeFile(t, dir, "nginx.conf", replaced(t, "deploy/nginx.conf",
		"pid /tmp/nginx.pid;", "pid "+dir+"/nginx.pid;",
		"http {\n", "http {\n  access_log off; client_body_temp_path "+dir+"/body; proxy_temp_path "+dir+"/proxy;"+
			" fastcgi_temp_path "+dir+"/fastcgi; uwsgi_temp_path "+dir+"/uwsgi; scgi_temp_path "+dir+"/scgi;\n",
		"api-1:8080", "127.0.0.1:"+upstreams[0],
		"api-2:8080", "127.0.0.1:"+upstreams[1],
		"listen 80;", "listen "+e.plain+";",
		"listen 443 ssl http2;", "listen "+e.api+" ssl http2;",
		"listen 8443 ssl http2;", "listen "+e.page+" ssl http2;",
		"connect-src https://localhost;", "connect-src "+e.origin()+";",
		"root /srv;", "root "+dir+";",
		"/etc/nginx/tls/", dir+"/"))
	globals := "daemon off;"
	if os.Getuid() == 0 {
		globals += " user root;" // only the owner of the test directory can read it
	}
	e.process = spawn(t, exec.Command("nginx", "-e", "stderr", "-g", globals, "-c", file))
	e.awaitResponse(t)
}

// replaced returns a file in which the first string of each pair is replaced by
// the second. It fails the test if the file no longer has the first.
func replaced(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	text := readFile(t, name)
	for pair := range slices.Chunk(pairs, 2) {
		want := 1
		if pair[0] == "/etc/nginx/tls/" {
			want = 4 // the certificate and key of the API and of the page
		}
		if got := strings.Count(text, pair[0]); got != want {
			t.Fatalf("%s has %q %d times, want %d", name, pair[0], got, want)
		}
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	return text
}

// writeCertificate writes server.crt and server.key for localhost to dir.
func writeCertificate(t *testing.T, dir string) (certificate []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	writeFile(t, dir, "server.crt", string(certificate))
	writeFile(t, dir, "server.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	return certificate
}

// from returns the proxy as a server, with a client that connects from the
// address and uses HTTP/2 or only HTTP/1.1.
func (e *edge) from(address string, http2 bool) *server {
	s := &server{process: e.process, URL: e.origin(), host: "localhost:" + e.api, client: newClient(address)}
	transport := s.client.Transport.(*http.Transport)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, _, target string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(target)
		if err != nil {
			return nil, err
		}
		return dial(ctx, "tcp", "127.0.0.1:"+port) // the source address is IPv4
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: e.roots}
	transport.ForceAttemptHTTP2 = http2
	s.client.Transport = unsigned{transport, e.server}
	return s
}

// unsigned removes the proxy's own Server header from responses, so that the
// checks for the API's responses apply to them.
type unsigned struct {
	*http.Transport
	server string
}

func (s unsigned) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := s.Transport.RoundTrip(request)
	if err == nil && s.server != "" && slices.Equal(response.Header["Server"], []string{s.server}) {
		response.Header.Del("Server")
	}
	return response, err
}

// awaitResponse waits until the API responds through the proxy.
func (e *edge) awaitResponse(t *testing.T) {
	t.Helper()
	s := e.from("127.0.0.1", true)
	defer s.client.CloseIdleConnections()
	e.waitFor(t, "response through the proxy", func() bool {
		if e.ended() {
			t.Fatalf("the proxy exited; log:\n%s", e.stderr)
		}
		a, err := s.try("GET", "/readyz", "")
		return err == nil && a.status == http.StatusOK
	})
}

// proxied is a proxy with two production replicas that share their rate limits.
type proxied struct {
	*edge
	replicas [2]*server
	requests atomic.Int64 // the number of ids that have been used
}

// id returns a new X-Request-ID header.
func (b *proxied) id() string { return fmt.Sprintf("X-Request-ID: test-%d", b.requests.Add(1)) }

// served returns the replica that served the request, and its log line.
func (b *proxied) served(t *testing.T, id string) (replica int, line map[string]string) {
	t.Helper()
	_, id, _ = strings.Cut(id, ": ")
	b.waitFor(t, "log line of the request "+id, func() bool {
		for i, r := range b.replicas {
			for _, text := range r.linesWith(strconv.Quote(id)) {
				if fields := logFields(text); fields["msg"] == "request" && fields["request_id"] == id {
					replica, line = i, fields
					return true
				}
			}
		}
		return false
	})
	return replica, line
}

// checkCounts calls send with the address 127.0.1.x, then 127.0.2.x and so on, until
// it returns what is wanted. If the machine stalls for 50 ms, a replica counts by
// itself for a moment, so one client of several is enough.
func (b *proxied) checkCounts(t *testing.T, address string, want []string, send func(address string) []string) {
	t.Helper()
	var got [5][]string
	for n := range got {
		got[n] = send(strings.Replace(address, "127.0.1.", fmt.Sprintf("127.0.%d.", n+1), 1))
		if slices.Equal(got[n], want) {
			return
		}
	}
	t.Errorf("got %q with these clients, want %q with each", got, want)
}

// upstream replaces the API and records what the proxy sends.
type upstream struct {
	mu       sync.Mutex
	received *http.Request // the last request to a path that ServeHTTP does not name
	hungUp   atomic.Int64  // requests to /hang-up
	begun    chan struct{} // receives a value when the body of an upload begins
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/readyz":
	case "/hang-up":
		u.hungUp.Add(1)
		panic(http.ErrAbortHandler)
	case "/api/upload":
		if _, err := io.ReadFull(r.Body, make([]byte, 1)); err == nil {
			u.begun <- struct{}{}
		}
		io.Copy(io.Discard, r.Body)
	default:
		u.mu.Lock()
		defer u.mu.Unlock()
		u.received = r
	}
}
