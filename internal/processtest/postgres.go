package processtest

import (
	"errors"
	"os/exec"
	"path/filepath"
)

// ErrNoPostgres means that PostgreSQL's server programs are missing here.
var ErrNoPostgres = errors.New("PostgreSQL's programs are missing; install postgresql (postgresql-server on Fedora)")

// Postgres returns the directory of PostgreSQL's server programs: the newest in the
// first of the places where packages install them, or the one on the PATH.
func Postgres() (string, error) {
	for _, pattern := range postgresPlaces() {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return filepath.Dir(found[len(found)-1]), nil
		}
	}
	program, err := exec.LookPath("postgres")
	if err != nil {
		return "", ErrNoPostgres
	}
	return filepath.Dir(program), nil
}

// postgresPlaces is also the list in scripts/postgres.sh.
func postgresPlaces() []string {
	return []string{
		"/usr/lib/postgresql/*/bin/postgres",          // Debian, Ubuntu
		"/usr/libexec/postgresql*/postgres",           // Alpine
		"/usr/pgsql-*/bin/postgres",                   // postgresql.org's packages for Fedora
		"/opt/homebrew/opt/postgresql@*/bin/postgres", // Homebrew
		"/usr/local/opt/postgresql@*/bin/postgres",    // Homebrew on Intel
	}
}
