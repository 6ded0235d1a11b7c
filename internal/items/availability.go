package items

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// sqliteTimeout and postgresTimeout are how long one operation may take,
	// with connecting and waiting for a connection: a client hears of an outage
	// within 2 s. After PostgreSQL's comes a look.
	sqliteTimeout   = 1500 * time.Millisecond
	postgresTimeout = 1200 * time.Millisecond
	// postgresWait leaves an operation that got its turn time to finish: cut off
	// midway it costs its connection, and under more load than can be served
	// all would end so. SQLite's one writer may be waited for all the time.
	postgresWait = postgresTimeout / 2
	// lookTimeout keeps the answer of Up under half a second.
	lookTimeout = 300 * time.Millisecond
	// probeEvery is the pause between two probes of a PostgreSQL that is down:
	// with a probe's postgresTimeout it is in use again within 2 s of its return.
	probeEvery = 200 * time.Millisecond
	// checkTimeout is how long it may take to see whether a migration is
	// pending: goose waits a second and tries again where several replicas
	// make its table at the same time.
	checkTimeout = 5 * time.Second
	// busyTimeout is how long opening an SQLite file may be kept waiting by
	// other processes that open it at the same time.
	busyTimeout = 10 * time.Second
	// migrateTimeout is how long all migrations may take, with waiting for
	// another replica that runs them.
	migrateTimeout = 5 * time.Minute
)

// period is a stretch of time through which the database answered, or did not.
// Each is its own pointer, so an operation that began in one period cannot
// end a later one. SQLite's first period lasts for ever: a file answers at
// once, well or badly.
type period struct{ down error } // nil: it answers

// do runs one operation that takes one connection of the pool, within the
// dialect's timeout, and gives its error the meaning that callers know. While
// the database is down it fails at once.
//
// One that fails for want of an answer may only be slow, or wait for somebody's
// lock: the database counts as down when it does not answer a look either.
// Enough that wait may hold all connections; then others fail, too, who wait
// for one or are handed one that a time-out has closed.
func (s *Store) do(ctx context.Context, p pool, operation func(context.Context) error) error {
	period := s.period.Load()
	if period.down != nil {
		return unavailable(period.down)
	}
	opCtx, cancel := context.WithTimeout(ctx, s.dialect.timeout)
	defer cancel()
	err := p.inTurn(opCtx, s.dialect.wait, operation)
	switch {
	case err == nil, errors.Is(err, ErrNotFound):
		return err
	case errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	case ctx.Err() != nil:
		return ctx.Err() // the caller's, and no sign of an outage
	case errors.Is(err, errNoTurn):
		return unavailable(err) // so is this: it never asked the database
	case opCtx.Err() != nil:
		err = fmt.Errorf("no answer within %s: %w", s.dialect.timeout, err)
	case !s.dialect.unavailable(err):
		return err
	}
	if s.dialect.gone(err) {
		s.generation.Add(1)
		if s.dialect.gone(s.look(context.WithoutCancel(ctx))) {
			s.fell(period, err)
		}
	}
	return unavailable(err)
}

// unavailable says ErrUnavailable with the cause as text: were it wrapped, a
// time-out of ours would pass for the caller's context.
func unavailable(cause error) error { return fmt.Errorf("%w: %v", ErrUnavailable, cause) }

// Up reports within half a second whether the database answers.
func (s *Store) Up(ctx context.Context) bool {
	if s.period.Load().down != nil {
		return false
	}
	return s.look(ctx) == nil
}

// look asks the database for a sign of life, past the operations. Who asks
// meanwhile gets the same answer: in a line of their own, a crowd at /readyz
// would make the last of them take the database for dead. Once connections
// have become suspect, it is another question.
func (s *Store) look(ctx context.Context) error {
	answer := s.looks.DoChan(strconv.FormatInt(s.generation.Load(), 10), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
		defer cancel()
		var n int
		return nil, s.lookout.QueryRowContext(ctx, s.dialect.look).Scan(&n)
	})
	select {
	case result := <-answer:
		return result.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fell ends the period in which the database answered, unless that is over
// already, and wakes keep.
func (s *Store) fell(was *period, cause error) {
	if s.lost == nil || !s.period.CompareAndSwap(was, &period{down: cause}) {
		return
	}
	s.log.Warn("PostgreSQL was lost; until it is back, requests that need it get 503", "error", cause)
	s.lost <- struct{}{} // has room: only keep begins a period, and it empties lost before
}

// keep brings a PostgreSQL that is down back into use, until ctx ends.
func (s *Store) keep(ctx context.Context) {
	defer close(s.kept)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.lost:
		}
		for err := s.probe(ctx); err != nil; err = s.probe(ctx) {
			s.period.Store(&period{down: err}) // the newest reason
			s.log.Debug("PostgreSQL is still not available", "error", err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(probeEvery):
			}
		}
		s.period.Store(&period{})
		s.log.Info("PostgreSQL is available")
	}
}

// probe returns nil when PostgreSQL answers and has the schema.
func (s *Store) probe(ctx context.Context) error {
	s.generation.Add(1)
	pingCtx, cancel := context.WithTimeout(ctx, postgresTimeout)
	defer cancel()
	if err := s.write.PingContext(pingCtx); err != nil {
		return err
	}
	return s.migrate(ctx)
}

// sqliteUnavailable tells what the disk or another process did to the file
// from what is wrong with a statement.
func sqliteUnavailable(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff { // the primary code of an extended one
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM,
		sqlite3.SQLITE_PERM, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	}
	return false
}

// postgresUnavailable tells what the server's state forbids from what is wrong
// with a statement, and from what database/sql says of a Go type that fits no
// column. What is in neither's words is the network's.
func postgresUnavailable(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return !strings.HasPrefix(err.Error(), "sql: ") || errors.Is(err, sql.ErrConnDone) || errors.Is(err, sql.ErrTxDone)
	}
	switch {
	case strings.HasPrefix(e.Code, "08"), // connection exception
		strings.HasPrefix(e.Code, "28"), // invalid authorization
		strings.HasPrefix(e.Code, "3D"), // no such database
		strings.HasPrefix(e.Code, "53"), // disk full, out of memory, too many connections
		strings.HasPrefix(e.Code, "57"), // shutting down, starting up, cancelled by its administrator
		strings.HasPrefix(e.Code, "58"), // I/O error
		e.Code == "25006":               // read-only: a standby
		return true
	}
	return false
}

// postgresGone tells a server that is not there from one that answers, though
// with a refusal: that costs nobody time, so it is asked every time.
func postgresGone(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return err != nil
	}
	return strings.HasPrefix(e.Code, "08") || strings.HasPrefix(e.Code, "57P")
}
