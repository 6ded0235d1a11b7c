// Package tests tests the server from outside, through its environment, exit
// status, log and responses. Each test starts its own process in its own
// directory.
package tests

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/api/config"
)

// program is the server, built once for all tests.
var program string

// TestMain builds the server. It enables the race detector if the tests
// themselves were built with it.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "api")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "api")
	build := exec.Command("go", "build", "-o", program)
	if hasRaceDetector() {
		build.Args = append(build.Args, "-race")
	}
	build.Dir = ".."
	if text, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n%s", build, err, text)
		return 1
	}
	return m.Run()
}

// openSources lets a change of the server run these tests again: the go command
// reuses a cached test result unless a file that a test opened has changed. It does
// not see what TestMain opens before the tests.
var openSources = sync.OnceFunc(func() {
	_ = filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git"):
			return filepath.SkipDir
		case slices.Contains([]string{".go", ".mod", ".sum", ".sql", ".yaml", ".html", ".js", ".css", ".gz"}, filepath.Ext(path)):
			_, err = os.Stat(path)
		}
		return err
	})
})

func hasRaceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

const (
	// patience is how long a test waits for something that should happen soon.
	patience = 20 * time.Second
	// tick is the pause between two polls.
	tick = 10 * time.Millisecond

	jsonType = "Content-Type: application/json"
	// vite is one of the origins allowed in development.
	vite = "http://localhost:5173"
	// app is the origin that tests list in ALLOWED_ORIGINS themselves.
	app = "https://app.example.com"
	// secret is long enough to sign sessions with.
	secret = "0123456789abcdef0123456789abcdef"
)

var (
	// production holds the settings that production requires.
	production = []string{"APP_ENV=production", "SESSION_SECRET=" + secret, "ALLOWED_ORIGINS=" + app}
	// unlimited turns off every rate limit. Tests append to it in parallel, so
	// it must have no spare capacity.
	unlimited = slices.Clip(everyLimit("off"))
)

// everyLimit returns settings that give each rate limit the same rate.
func everyLimit(rate string) []string {
	var env []string
	for _, name := range config.Names() {
		if strings.HasPrefix(name, "RATE_LIMIT_") && name != "RATE_LIMIT_MAX_CLIENTS" {
			env = append(env, name+"="+rate)
		}
	}
	return env
}

// process is a running or finished program.
type process struct {
	cmd    *exec.Cmd
	stdout *logBuffer
	stderr *logBuffer
	exited chan struct{} // closed when the process has exited
}

// runCommand starts the command. It records standard error unless the command
// already sends it elsewhere.
func runCommand(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	openSources()
	p := &process{cmd: cmd, stdout: new(logBuffer), stderr: new(logBuffer), exited: make(chan struct{})}
	cmd.Stdout = p.stdout
	if cmd.Stderr == nil {
		cmd.Stderr = p.stderr
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		cmd.Wait() // ProcessState holds the result
		close(p.exited)
	}()
	return p
}

// spawn starts a command. When the test ends, spawn interrupts it and waits for
// it to exit.
func spawn(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := runCommand(t, cmd)
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt) // after a kill, nginx would leave its workers running
		select {
		case <-p.exited:
		case <-time.After(patience):
			t.Errorf("%s is still running; log:\n%s", cmd.Path, p.stderr)
			cmd.Process.Kill()
		}
	})
	return p
}

// launch runs the server in dir with the environment of environment(env...).
func launch(t *testing.T, dir string, env ...string) *process {
	t.Helper()
	return launchWith(t, nil, dir, env...)
}

// launchWith is like launch but passes arguments to the server.
func launchWith(t *testing.T, args []string, dir string, env ...string) *process {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = environment(env...)
	p := runCommand(t, cmd)
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.exited
		if text := p.stdout.String(); text != "" {
			t.Errorf("standard output: got %q, want nothing, because logs and messages belong on standard error", text)
		}
	})
	return p
}

// environment returns env and the variables that every program needs.
func environment(env ...string) []string {
	all := []string{"GORACE=atexit_sleep_ms=0"} // otherwise the race detector would delay each exit by a second
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GOCACHE", "GOPATH", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN"} {
		if value, ok := os.LookupEnv(name); ok {
			all = append(all, name+"="+value)
		}
	}
	return append(all, env...)
}

// wait waits for the process to exit and returns its exit status, or -1 if a
// signal killed it.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("still running after %s, want it to exit; log:\n%s", patience, p.stderr)
		return 0
	}
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signal %s: %v", s, err)
	}
}

// server is a process that serves HTTP.
type server struct {
	*process
	URL    string // without a trailing slash
	host   string // as a browser sends it in the Host header
	client *http.Client
}

// start runs the server in a new directory and on a free port. See startIn.
func start(t *testing.T, env ...string) *server {
	t.Helper()
	return startIn(t, t.TempDir(), append([]string{"PORT=0"}, env...)...)
}

// startIn runs the server in dir, waits until it listens, and stops it when
// the test ends. The test fails if the exit status is not 0 or if the server
// reports a data race.
func startIn(t *testing.T, dir string, env ...string) *server {
	t.Helper()
	p := launch(t, dir, env...)
	announced := p.announced(t, "listening")
	// A server that listens on all interfaces announces an address that clients
	// cannot call.
	_, port, err := net.SplitHostPort(announced.Host)
	if err != nil {
		t.Fatal(err)
	}
	if ip := net.ParseIP(announced.Hostname()); ip == nil || ip.IsUnspecified() {
		announced.Host = net.JoinHostPort("127.0.0.1", port)
	}
	s := &server{process: p, URL: announced.String(), host: announced.Host, client: newClient("")}
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		select {
		case <-p.exited:
		default:
			p.signal(t, syscall.SIGTERM)
			if status := p.wait(t); status != 0 {
				t.Errorf("exit status after SIGTERM: got %d, want 0; log:\n%s", status, p.stderr)
			}
		}
		if strings.Contains(p.stderr.String(), "DATA RACE") {
			t.Errorf("data race in the server:\n%s", p.stderr)
		}
	})
	return s
}

// startProduction starts a production server. See start.
func startProduction(t *testing.T, env ...string) *server {
	t.Helper()
	return start(t, append(production, env...)...)
}

// announced waits for a log line with this message and returns its URL.
func (p *process) announced(t *testing.T, msg string) *url.URL {
	t.Helper()
	p.waitFor(t, "log line with the message "+msg, func() bool {
		return p.ended() || len(p.stderr.messages(msg)) > 0
	})
	lines := p.stderr.messages(msg)
	if len(lines) == 0 {
		t.Fatalf("exited before it logged %q; log:\n%s", msg, p.stderr)
	}
	address, err := url.Parse(lines[0]["url"])
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// waitFor polls until happened returns true. If that takes too long, it fails
// the test and prints the log.
func (p *process) waitFor(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !happened(); time.Sleep(tick) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within %s; log:\n%s", what, patience, p.stderr)
		}
	}
}

// newClient returns a client that does not follow redirects or decompress
// bodies. If from is not empty, the client connects from that address.
func newClient(from string) *http.Client {
	dialer := new(net.Dialer)
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	return &http.Client{
		Transport:     &http.Transport{DialContext: dialer.DialContext, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       patience + 15*time.Second,
	}
}

// from returns the same server with a client that connects from the address.
func (s *server) from(address string) *server {
	other := *s
	other.client = newClient(address)
	return &other
}

// answer is a response with its whole body.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends one request. Headers are lines such as "Origin: http://a.com".
func (s *server) do(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	a, err := s.try(method, path, body, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v; log:\n%s", method, path, err, s.stderr)
	}
	return a
}

func (s *server) get(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	return s.do(t, "GET", path, "", headers...)
}

// try is like do but returns an error if there is no response.
func (s *server) try(method, path, body string, headers ...string) (answer, error) {
	request, err := http.NewRequestWithContext(context.Background(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			request.Host = value
			continue
		}
		request.Header.Add(name, value)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(read)}, err
}

// preflight sends the preflight request of a browser.
func (s *server) preflight(t *testing.T, path, origin, method string, headers ...string) answer {
	t.Helper()
	return s.do(t, "OPTIONS", path, "", append(headers, "Origin: "+origin, "Access-Control-Request-Method: "+method)...)
}

// status sends one request on a new connection and returns the status, or 0
// if there is no response.
func (s *server) status(method, path, body string) int {
	client := newClient("")
	defer client.CloseIdleConnections()
	other := *s
	other.client = client
	a, err := other.try(method, path, body, jsonType)
	if err != nil {
		return 0
	}
	return a.status
}

// signIn starts a session and returns its cookie as a request header.
func signIn(t *testing.T, s *server, name string) string {
	t.Helper()
	a := s.do(t, "POST", "/api/session", fmt.Sprintf(`{"name":%q}`, name), jsonType)
	checkStatus(t, a, http.StatusCreated)
	cookie := setCookie(t, a)
	return "Cookie: " + cookie.Name + "=" + cookie.Value
}

// setCookie returns the only cookie that the response sets.
func setCookie(t *testing.T, a answer) *http.Cookie {
	t.Helper()
	lines := a.header.Values("Set-Cookie")
	if len(lines) != 1 {
		t.Fatalf("Set-Cookie: got %q, want one", lines)
	}
	cookie, err := http.ParseSetCookie(lines[0])
	if err != nil {
		t.Fatalf("Set-Cookie %q: %v", lines[0], err)
	}
	return cookie
}

// raw sends the lines unchanged, for requests that net/http would not send.
// It adds Host, unless the lines have one, and Connection: close.
func (s *server) raw(t *testing.T, lines ...string) answer {
	t.Helper()
	conn := s.dial(t)
	defer conn.Close()
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "Host:") }) {
		lines = append(lines, "Host: "+s.host)
	}
	fmt.Fprintf(conn, "%s\r\nConnection: close\r\n\r\n", strings.Join(lines, "\r\n"))
	method, _, _ := strings.Cut(lines[0], " ")
	return readAnswer(t, conn, method)
}

func (s *server) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", s.host, patience)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience + 15*time.Second))
	return conn
}

func readAnswer(t *testing.T, conn net.Conn, method string) answer {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s: no response: %v", method, err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s: the response was cut off: %v", method, err)
	}
	return answer{response.StatusCode, response.Header, string(read)}
}

// readFile reads a file. A relative name is relative to the repository.
func readFile(t *testing.T, name string) string {
	t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join("..", name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// writeFile creates a file in dir and returns its path.
func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// without skips the test because this machine lacks something, and prints the
// remedy. In CI, where nothing may be missing, it fails the test instead.
func without(t *testing.T, remedy string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(remedy)
	}
	fmt.Println("SKIP", t.Name()+":", remedy)
	t.Skip(remedy)
}

// freePort returns a port that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return must(t, port, err)
}

// claimed holds the ports that fixedPort has returned.
var claimed sync.Map

// fixedPort returns a free port that the kernel does not use for outgoing
// connections, so it stays free while a server on it restarts.
func fixedPort(t *testing.T) string {
	t.Helper()
	for range 1000 {
		port := fmt.Sprint(20000 + rand.IntN(10000))
		if _, taken := claimed.LoadOrStore(port, true); taken {
			continue
		}
		if listener, err := net.Listen("tcp", ":"+port); err == nil {
			listener.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return ""
}

func must[T any](t *testing.T, value T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// eventually polls until check returns nil. If that takes too long, it fails
// the test with the last error.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(tick)
	}
}
