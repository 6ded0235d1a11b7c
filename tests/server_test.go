// Package tests holds the tests that know the server only from outside: its
// environment, its exit status, its log and its responses. Each test starts a
// process of its own in a directory of its own.
package tests

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program is the server, built once for all tests.
var program string

// TestMain builds the server, with the race detector if these tests have it.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "api")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	program = filepath.Join(folder, "api")
	build := exec.Command("go", "build", "-o", program)
	if hasRaceDetector() {
		build.Args = append(build.Args, "-race")
	}
	build.Dir = ".."
	if text, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n%s", build, err, text)
		return 1
	}
	// The go command caches the result of a test by the files that the test
	// opens. It would not run these again after a change of the server.
	_ = filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git"):
			return filepath.SkipDir
		case filepath.Ext(path) == ".go":
			_, err = os.Stat(path)
		}
		return err
	})
	return m.Run()
}

func hasRaceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

const (
	// patience is how long a test waits for something that should come soon.
	patience = 20 * time.Second
	// tick is the pause between two looks at something awaited.
	tick = 10 * time.Millisecond

	jsonType = "Content-Type: application/json"
	// vite is one of the origins that development allows.
	vite = "http://localhost:5173"
	// app is the origin of tests that set their own.
	app = "https://app.example.com"
	// secret is long enough to sign sessions with.
	secret = "0123456789abcdef0123456789abcdef"
)

// process is a run of the program.
type process struct {
	dir    string
	cmd    *exec.Cmd
	stdout *logBuffer // nothing is ever written there
	stderr *logBuffer
	exited chan struct{} // closed when the process has ended
}

// launch runs the program in dir with no environment but env.
func launch(t *testing.T, dir string, env ...string) *process {
	t.Helper()
	return launchWith(t, nil, dir, env...)
}

// launchWith is launch with arguments.
func launchWith(t *testing.T, args []string, dir string, env ...string) *process {
	t.Helper()
	p := &process{dir: dir, cmd: exec.Command(program, args...), stdout: new(logBuffer), stderr: new(logBuffer), exited: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = environment(env...)
	p.cmd.Stdout = p.stdout
	p.cmd.Stderr = p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait() // its verdict is read from ProcessState
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.exited
		if text := p.stdout.String(); text != "" {
			t.Errorf("standard output: got %q, want nothing: logs and messages go to standard error", text)
		}
	})
	return p
}

// environment returns env and what every program needs.
func environment(env ...string) []string {
	all := []string{"GORACE=atexit_sleep_ms=0"} // the race detector would wait a second at each exit
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			all = append(all, name+"="+value)
		}
	}
	return append(all, env...)
}

// wait returns the exit status; -1 stands for an end by a signal.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("still running after %s, want an end; log:\n%s", patience, p.stderr)
		return 0
	}
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signal %s: %v", s, err)
	}
}

// server is a process that listens.
type server struct {
	*process
	URL    string // without a trailing slash
	host   string // as a browser writes it in Host
	client *http.Client
}

// start runs the program in a new directory on a free port.
func start(t *testing.T, env ...string) *server {
	t.Helper()
	return startIn(t, t.TempDir(), append([]string{"PORT=0"}, env...)...)
}

// startIn is start without a PORT of its own. When the test ends the server
// is stopped; an exit status other than 0 or a data race fails the test.
func startIn(t *testing.T, dir string, env ...string) *server {
	t.Helper()
	p := launch(t, dir, env...)
	announced := p.announced(t, "listening")
	// A server on all interfaces names none that could be called.
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

// announced waits for the log line msg and returns the url it names.
func (p *process) announced(t *testing.T, msg string) *url.URL {
	t.Helper()
	p.waitFor(t, "a line that says "+msg, func() bool {
		return p.ended() || len(p.stderr.messages(msg)) > 0
	})
	lines := p.stderr.messages(msg)
	if len(lines) == 0 {
		t.Fatalf("ended before it said %q; log:\n%s", msg, p.stderr)
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

// waitFor polls until happened, or fails with the log.
func (p *process) waitFor(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !happened(); time.Sleep(tick) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within %s; log:\n%s", what, patience, p.stderr)
		}
	}
}

// newClient returns a client that follows no redirects, decodes nothing and,
// if from is set, calls from that address.
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

// from returns the same server as seen by another client.
func (s *server) from(address string) *server {
	other := *s
	other.client = newClient(address)
	return &other
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends one request; headers are lines such as "Origin: http://a.com".
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

// try is do for requests that may find no server.
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

// raw sends the lines as they are, for requests that net/http would tidy up.
// Host and Connection are added unless they are there.
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
		t.Fatalf("%s: no answer: %v", method, err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s: answer cut off: %v", method, err)
	}
	return answer{response.StatusCode, response.Header, string(read)}
}

// writeFile puts a file where a process will find it.
func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// without leaves the test out for what the machine lacks, and says so; in CI
// nothing may be lacking.
func without(t *testing.T, remedy string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(remedy)
	}
	fmt.Println("SKIP", t.Name()+":", remedy)
	t.Skip(remedy)
}

// freePort is a port that was free a moment ago.
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

func must[T any](t *testing.T, value T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// eventually polls until check has nothing to complain about.
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

func quoted(text string) string { return fmt.Sprintf("%q", text) }
