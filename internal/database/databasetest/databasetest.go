// Package databasetest gives tests empty databases: SQLite files, and databases of
// real PostgreSQL servers, which it can also stop, kill and pause.
package databasetest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	_ "modernc.org/sqlite"             // registers the driver "sqlite"

	"example.com/api/internal/processtest"
)

// shared is the server for all tests of a package that do not stop it. The first
// test that needs it starts it.
var (
	startShared = sync.OnceValues(func() (*Postgres, error) {
		p, err := newPostgres()
		if err != nil {
			return nil, err
		}
		shared = p
		return p, p.Start()
	})
	shared *Postgres // nil: no test asked for it
)

// Run runs the tests of a package, stops the shared server and returns the exit
// status. A TestMain calls it.
func Run(m *testing.M) int {
	status := m.Run()
	if shared != nil {
		shared.Stop(syscall.SIGQUIT)
		os.RemoveAll(shared.dir)
	}
	return status
}

// Each runs one test against both kinds of database; newURL creates an empty
// one and returns its URL.
func Each(t *testing.T, test func(t *testing.T, newURL func(t testing.TB) string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, NewSQLite)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, Shared(t).NewDatabase)
	})
}

// NewSQLite returns the URL of a file that does not exist yet.
func NewSQLite(t testing.TB) string {
	return "file:" + filepath.Join(t.TempDir(), "app.db")
}

// Shared returns the running server that all tests of the package share. If
// PostgreSQL's programs are missing, it skips the test, or fails it in CI.
func Shared(t testing.TB) *Postgres {
	t.Helper()
	p, err := startShared()
	need(t, err)
	return p
}

// Own returns a server for one test. It is not started yet, and it is removed when
// the test ends.
func Own(t *testing.T) *Postgres {
	t.Helper()
	p, err := newPostgres()
	need(t, err)
	t.Cleanup(func() {
		if p.process != nil {
			p.SignalAll(syscall.SIGKILL)
		}
		os.RemoveAll(p.dir)
	})
	return p
}

func need(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, processtest.ErrNoPostgres) && os.Getenv("CI") != "true" {
		t.Skipf("SKIP: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Exec runs one statement on a connection of its own.
func Exec(t testing.TB, url, statement string) {
	t.Helper()
	driver := "pgx"
	if strings.HasPrefix(url, "file:") {
		driver = "sqlite"
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// Eventually polls until ok returns true, and returns how long that took. It fails
// the test after limit.
func Eventually(t testing.TB, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > limit {
			t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(start)
}

// Postgres is a real server on a free loopback port. Its programs refuse to
// run as root, so under root they run as another user.
type Postgres struct {
	bin, dir string // programs; data and socket
	port     int
	as       *processtest.User // nil: as this process
	process  *exec.Cmd         // nil: stopped
	log      bytes.Buffer      // read it only when stopped
	exited   chan struct{}
	database atomic.Int64 // counts the databases created
}

// newPostgres creates a server that is not started yet. The caller removes dir.
func newPostgres() (*Postgres, error) {
	bin, err := processtest.Postgres()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "postgres")
	if err != nil {
		return nil, err
	}
	p := &Postgres{bin: bin, dir: dir}
	if p.as, err = processtest.Unprivileged(); err != nil {
		return nil, err
	}
	if p.as != nil {
		if err := os.Chown(dir, int(p.as.Uid), int(p.as.Gid)); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.port = listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	initdb := p.command("initdb", "-D", p.data(), "-U", "api", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return p, nil
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

func (p *Postgres) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, program), args...)
	cmd.Dir = p.dir
	processtest.RunAs(cmd, p.as)
	return cmd
}

// URL names a database of this server.
func (p *Postgres) URL(database string) string {
	return fmt.Sprintf("postgres://api:secret-word@127.0.0.1:%d/%s?sslmode=disable", p.port, database)
}

// URL names a database of several servers, of which one takes writes.
func URL(database string, servers ...*Postgres) string {
	hosts := make([]string, len(servers))
	for i, p := range servers {
		hosts[i] = net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port))
	}
	return "postgres://api:secret-word@" + strings.Join(hosts, ",") + "/" + database + "?sslmode=disable"
}

// Standby returns a running server that replicates p by streaming. p must be running,
// and waits for the standby with each commit. The standby is removed when the test
// ends.
func (p *Postgres) Standby(t *testing.T) *Postgres {
	t.Helper()
	standby := Own(t)
	if err := os.RemoveAll(standby.data()); err != nil {
		t.Fatal(err)
	}
	backup := p.command("pg_basebackup", "-D", standby.data(), "-R", "--checkpoint=fast", "--no-sync",
		"-d", fmt.Sprintf("postgres://api@127.0.0.1:%d/postgres?application_name=standby", p.port))
	if out, err := backup.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v\n%s", err, out)
	}
	if err := standby.Start(); err != nil {
		t.Fatal(err)
	}
	p.Set(t, "synchronous_standby_names", "standby")
	return standby
}

// Promote makes a standby a primary and returns when it takes writes.
func (p *Postgres) Promote(t *testing.T) {
	t.Helper()
	if out, err := p.command("pg_ctl", "-D", p.data(), "-w", "promote").CombinedOutput(); err != nil {
		t.Fatalf("pg_ctl promote: %v\n%s", err, out)
	}
}

// Set changes a setting of the running server.
func (p *Postgres) Set(t testing.TB, setting, value string) {
	t.Helper()
	url := p.URL("postgres") + "&default_transaction_read_only=off"
	Exec(t, url, "ALTER SYSTEM SET "+setting+" = '"+value+"'")
	Exec(t, url, "SELECT pg_reload_conf()")
}

// Start starts the server and returns when it answers.
func (p *Postgres) Start() error {
	p.process = p.command("postgres", "-D", p.data(), "-p", strconv.Itoa(p.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="+p.dir,
		"-c", "recovery_init_sync_method=syncfs") // after a kill: otherwise it syncs each of its thousand files
	p.log.Reset()
	p.process.Stdout, p.process.Stderr = &p.log, &p.log
	if err := p.process.Start(); err != nil {
		return err
	}
	p.exited = make(chan struct{})
	go func() { p.process.Wait(); close(p.exited) }()

	db, err := sql.Open("pgx", p.URL("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		select {
		case <-p.exited:
			return fmt.Errorf("postgres ended:\n%s", p.log.String())
		default:
		}
		if err = db.Ping(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("postgres does not answer: %w", err)
}

// Stop ends the server: cleanly with SIGINT, at once, as in a crash, with SIGQUIT.
func (p *Postgres) Stop(signal syscall.Signal) {
	p.process.Process.Signal(signal)
	<-p.exited
}

// SignalAll signals the server and all its backends. SIGKILL stands for a power cut;
// Pause and Resume of processtest stand for a machine that hangs for a while.
func (p *Postgres) SignalAll(signal syscall.Signal) {
	server := p.process.Process.Pid
	processtest.Signal(server, processtest.Pause) // so that it does not start another backend
	awaitStopped(server)                          // a backend that it is just starting would be missed below
	for _, pid := range append(children(server), server) {
		processtest.Signal(pid, signal)
		if signal == processtest.Pause {
			awaitStopped(pid)
		}
	}
	if signal == syscall.SIGKILL {
		<-p.exited
	}
}

// awaitStopped returns when pid is stopped or gone. kill returns before the signal
// arrives, and a process first finishes its system call.
func awaitStopped(pid int) {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if state, _ := processStat(pid); state != "R" && state != "S" && state != "D" {
			return
		}
	}
}

// children returns the processes whose parent is pid.
func children(pid int) []int {
	var found []int
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range processes {
		child, _ := strconv.Atoi(filepath.Base(name))
		if _, parent := processStat(child); parent == pid {
			found = append(found, child)
		}
	}
	slices.Sort(found)
	return found
}

// processStat returns a process's state, as ps shows it, and its parent. It returns ""
// and 0 if the process is gone.
func processStat(pid int) (state string, parent int) {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	// pid (name) state ppid: the name may hold blanks and brackets.
	_, rest, _ := strings.Cut(string(stat), ") ")
	if fields := strings.Fields(rest); len(fields) > 1 {
		state = fields[0]
		parent, _ = strconv.Atoi(fields[1])
	}
	return state, parent
}

// NewDatabase creates an empty database and returns its URL.
func (p *Postgres) NewDatabase(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", p.database.Add(1))
	Exec(t, p.URL("postgres"), "CREATE DATABASE "+name)
	return p.URL(name)
}

// Log collects log lines. Its zero value is ready to use.
type Log struct {
	mu   sync.Mutex
	text []byte
}

// Logger returns a logger that writes to l, at every level.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

// String returns all lines.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// Count returns how often the lines contain the text.
func (l *Log) Count(text string) int { return strings.Count(l.String(), text) }
