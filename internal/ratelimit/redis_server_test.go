package ratelimit_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"example.com/api/internal/ratelimit"
)

// TestMain makes a private CA and has the process trust it, as an operator
// would: SSL_CERT_FILE is read once, before the first certificate is checked.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "ratelimit")
	if err == nil {
		err = writeCertificates(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	certificates = dir
	os.Setenv("SSL_CERT_FILE", filepath.Join(dir, "ca.pem"))
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// certificates is the directory of ca.pem, server.pem and server.key, made for
// localhost and 127.0.0.1.
var certificates string

func writeCertificates(dir string) error {
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	for name, cert := range map[string]*x509.Certificate{"ca.pem": ca, "server.pem": server} {
		public := &key.PublicKey
		if cert == ca {
			public = &caKey.PublicKey
		}
		der, err := x509.CreateCertificate(rand.Reader, cert, ca, public, caKey)
		if err != nil {
			return err
		}
		if err := writePEM(filepath.Join(dir, name), "CERTIFICATE", der); err != nil {
			return err
		}
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, "server.key"), "PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// redisServer is a real redis-server on a free loopback port.
type redisServer struct {
	port    int
	args    []string
	process *exec.Cmd // nil: not running
}

// newRedisServer returns a server that is not started yet and ends with the
// test.
func newRedisServer(t testing.TB, args ...string) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		const remedy = "redis-server is missing; apt-get install --no-install-recommends redis-server"
		if os.Getenv("CI") == "true" {
			t.Fatal(remedy)
		}
		fmt.Println("SKIP", t.Name()+":", remedy)
		t.Skip(remedy)
	}
	s := &redisServer{port: freePort(t)}
	s.args = append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--dir", t.TempDir(),
		"--save", "", "--daemonize", "no", "--loglevel", "warning",
	}, args...)
	t.Cleanup(s.kill)
	return s
}

func startRedis(t testing.TB, args ...string) *redisServer {
	t.Helper()
	s := newRedisServer(t, args...)
	s.start(t)
	return s
}

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func (s *redisServer) start(t testing.TB) {
	t.Helper()
	s.process = exec.Command("redis-server", s.args...)
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "redis-server listens", func() bool {
		conn, err := net.Dial("tcp", s.address())
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func (s *redisServer) signal(signal syscall.Signal) {
	if s.process != nil {
		_ = s.process.Process.Signal(signal)
	}
}

func (s *redisServer) kill() {
	if s.process != nil {
		s.signal(syscall.SIGKILL)
		_ = s.process.Wait()
		s.process = nil
	}
}

func (s *redisServer) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }
func (s *redisServer) url() string     { return "redis://" + s.address() }

// do sends a command as an administrator would, and returns the reply. It
// repeats a command that gets none: Sentinel closes the connections to a server
// whose role it changes.
func (s *redisServer) do(t testing.TB, words ...string) string {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		reply, err := s.try(words...)
		if err == nil {
			return reply
		}
		if _, replied := rueidis.IsRedisErr(err); replied || time.Now().After(end) {
			t.Fatalf("%q: %v", words, err)
		}
	}
}

func (s *redisServer) try(words ...string) (string, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{s.address()}, ForceSingleClient: true, DisableCache: true,
	})
	if err != nil {
		return "", err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	reply := client.Do(ctx, client.B().Arbitrary(words...).Build())
	if err := reply.Error(); err != nil {
		return "", err
	}
	if n, err := reply.AsInt64(); err == nil {
		return strconv.FormatInt(n, 10), nil
	}
	text, _ := reply.ToString()
	return text, nil
}

// keys returns all keys, one per line.
func (s *redisServer) keys(t testing.TB) string {
	t.Helper()
	return s.do(t, "EVAL", "return table.concat(redis.call('KEYS', '*'), '\\n')", "0")
}

// commands returns how often clients have sent each command.
func (s *redisServer) commands(t testing.TB) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	for line := range strings.Lines(s.do(t, "INFO", "commandstats")) {
		name, stat, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		if ok {
			number, _, _ := strings.Cut(stat, ",")
			counts[name], _ = strconv.Atoi(number)
		}
	}
	return counts
}

// newRedis returns a store that ends with the test, and its log.
func newRedis(t testing.TB, url string) (*ratelimit.Redis, *logBuffer) {
	t.Helper()
	return newRedisOver(t, url, ratelimit.NewMemory(10_000))
}

func newRedisOver(t testing.TB, url string, local *ratelimit.Memory) (*ratelimit.Redis, *logBuffer) {
	t.Helper()
	return newRedisWithPrefix(t, url, "ratelimit:", local)
}

func newRedisWithPrefix(t testing.TB, url, prefix string, local *ratelimit.Memory) (*ratelimit.Redis, *logBuffer) {
	t.Helper()
	log := new(logBuffer)
	store, err := ratelimit.NewRedis(url, prefix, nil, local, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store, log
}

// await polls until the store is up or down, and returns how long that took.
func await(t testing.TB, store *ratelimit.Redis, state string, limit time.Duration) time.Duration {
	t.Helper()
	return eventually(t, limit, "Redis is "+state, func() bool { return store.State() == state })
}

func eventually(t testing.TB, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > limit {
			t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(start)
}

// logBuffer collects log lines.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// lines returns how often the store logged that Redis was lost, and found.
func (b *logBuffer) lines() (lost, found int) {
	text := b.String()
	return strings.Count(text, "Redis is not available"), strings.Count(text, "Redis is available")
}
