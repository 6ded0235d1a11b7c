package items_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// postgres is a real server on a free loopback port. Its programs refuse to
// run as root, so under root they run as another user.
type postgres struct {
	bin, dir string // programs; data and socket
	port     int
	as       *syscall.Credential // nil: as this process
	process  *exec.Cmd           // nil: stopped
	log      bytes.Buffer        // read it only when stopped
	exited   chan struct{}
	database atomic.Int64 // counts databases made
}

// errNoPostgres says that the programs are missing on this machine.
var errNoPostgres = errors.New("PostgreSQL's programs are missing; apt-get install postgresql")

// newPostgres makes a server that is not started yet. The caller removes dir.
func newPostgres() (*postgres, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return nil, errNoPostgres
	}
	dir, err := os.MkdirTemp("", "items-postgres")
	if err != nil {
		return nil, err
	}
	p := &postgres{bin: filepath.Dir(found[len(found)-1]), dir: dir}
	if p.as, err = unprivileged(); err != nil {
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

// unprivileged is whom to run a program as so that it is not root; nil when
// this process is not root itself.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.ParseUint(account.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(account.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
}

func (p *postgres) data() string { return filepath.Join(p.dir, "data") }

func (p *postgres) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, program), args...)
	cmd.Dir = p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as}
	return cmd
}

// url names a database of this server.
func (p *postgres) url(database string) string {
	return fmt.Sprintf("postgres://api:secret-word@127.0.0.1:%d/%s?sslmode=disable", p.port, database)
}

// start starts the server and returns when it answers.
func (p *postgres) start() error {
	p.process = p.command("postgres", "-D", p.data(), "-p", strconv.Itoa(p.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="+p.dir,
		"-c", "recovery_init_sync_method=syncfs") // after a kill: not one sync a file, of which it has a thousand
	p.log.Reset()
	p.process.Stdout, p.process.Stderr = &p.log, &p.log
	if err := p.process.Start(); err != nil {
		return err
	}
	p.exited = make(chan struct{})
	go func() { p.process.Wait(); close(p.exited) }()

	db, err := sql.Open("pgx", p.url("postgres"))
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

// stop ends the server: SIGINT cleanly, SIGQUIT at once, as in a crash.
func (p *postgres) stop(signal syscall.Signal) {
	p.process.Process.Signal(signal)
	<-p.exited
}

// signalAll signals the server and all its backends; SIGKILL is the end of
// power, SIGSTOP and SIGCONT a machine that hangs for a while.
func (p *postgres) signalAll(signal syscall.Signal) {
	server := p.process.Process.Pid
	syscall.Kill(server, syscall.SIGSTOP) // so that it starts no further backend
	awaitStopped(server)                  // one that it is just starting would be missed below
	for _, pid := range append(children(server), server) {
		syscall.Kill(pid, signal)
		if signal == syscall.SIGSTOP {
			awaitStopped(pid)
		}
	}
	if signal == syscall.SIGKILL {
		<-p.exited
	}
}

// awaitStopped returns when pid is stopped or gone: a signal is only on its way
// when kill returns, and a process ends the system call that it is in first.
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

// processStat returns a process's state, as ps shows it, and its parent; ""
// and 0 for one that is gone.
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

// newDatabase makes an empty database and returns its URL.
func (p *postgres) newDatabase(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", p.database.Add(1))
	execRaw(t, p.url("postgres"), "CREATE DATABASE "+name)
	return p.url(name)
}

// execRaw runs one statement past the store.
func execRaw(t testing.TB, url, statement string) {
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

// needPostgres skips, or fails in CI, where PostgreSQL's programs are missing.
func needPostgres(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errNoPostgres) && os.Getenv("CI") != "true" {
		t.Skipf("SKIP: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// ownPostgres is a server for one test, not started, gone when it ends.
func ownPostgres(t *testing.T) *postgres {
	t.Helper()
	p, err := newPostgres()
	needPostgres(t, err)
	t.Cleanup(func() {
		if p.process != nil {
			p.signalAll(syscall.SIGKILL)
		}
		os.RemoveAll(p.dir)
	})
	return p
}
