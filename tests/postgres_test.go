package tests

import (
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"example.com/api/internal/processtest"
)

// postgres is a PostgreSQL server. If the tests run as root, it runs as another
// user, because PostgreSQL refuses to run as root.
type postgres struct {
	port    string
	dir     string
	command func(program string, args ...string) *exec.Cmd
	process *process
	admin   *sql.DB
}

func startPostgres(t *testing.T) *postgres {
	t.Helper()
	bin, err := processtest.Postgres()
	if err != nil {
		without(t, err.Error())
	}
	dir, err := os.MkdirTemp("", "postgres") // other users cannot enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	as, err := processtest.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	p := &postgres{port: fixedPort(t), dir: dir, command: func(program string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, program), append([]string{"-D", filepath.Join(dir, "data")}, args...)...)
		cmd.Dir = dir
		processtest.RunAs(cmd, as)
		return cmd
	}}
	if text, err := p.command("initdb", "-U", "api", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, text)
	}
	if p.admin, err = sql.Open("pgx", p.url("postgres")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.admin.Close() })
	p.start(t)
	return p
}

func (p *postgres) start(t *testing.T) {
	t.Helper()
	// No test here cuts the power, so fsync is not needed.
	p.process = spawn(t, p.command("postgres", "-p", p.port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="+p.dir, "-c", "fsync=off"))
	p.process.waitFor(t, "response of PostgreSQL", func() bool { return p.process.ended() || p.admin.Ping() == nil })
}

func (p *postgres) url(database string) string {
	return "postgres://api@127.0.0.1:" + p.port + "/" + database + "?sslmode=disable"
}

// newDatabase creates an empty database and returns its URL.
func (p *postgres) newDatabase(t *testing.T, name string) string {
	t.Helper()
	if _, err := p.admin.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	return p.url(name)
}
