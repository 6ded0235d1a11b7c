// Package database opens the one database that all resources share, SQLite or
// PostgreSQL, and keeps it usable. It bounds how many operations wait for a
// connection and for how long, notices when the database goes down and when it is
// back, and runs the migrations of the resources. It knows none of their tables.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/singleflight"
)

// ErrUnavailable means that the database does not respond, rejects connections, or
// takes no writes; nothing is wrong with the request. Match it with errors.Is.
// The text continues with the cause, which is for the log: it may name hosts and
// files, but never a password. A write that ends in this error was not made, unless
// the error is also ErrOutcomeUnknown.
var ErrUnavailable = errors.New("the database is not available")

// ErrOutcomeUnknown means that a write may have been made: it was sent, and the
// database did not confirm it. The error is also ErrUnavailable.
var ErrOutcomeUnknown = errors.New("the change may have been made")

var errScheme = errors.New("the database URL has an unknown scheme; write file:app.db for SQLite or postgres://USER:PASSWORD@HOST/DATABASE")

// Engine is a kind of database. Resources write some of their SQL once for each.
type Engine string

// The values are the names of the folders of migrations.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// Migrations is the schema of one resource.
type Migrations struct {
	// Table records which of the migrations have run. Each resource has its own
	// table and numbers its migrations from 1. In one table for all, the first
	// migration of the next resource would count as done.
	Table string
	// Files holds migrations/sqlite/*.sql and migrations/postgres/*.sql, in
	// goose's format.
	Files fs.FS
}

// DB is an open database. Its methods are safe for concurrent use.
type DB struct {
	engine Engine
	// write is for changes, read for everything else, scan for what reads much;
	// see openSQLite and openPostgres.
	read, write, scan pool
	probe             *sql.DB // one connection, only for pings
	held              *sql.DB // of SQLite: one connection that only stays open; nil with PostgreSQL
	pings             singleflight.Group
	rules             rules
	migrations        []Migrations
	log               *slog.Logger

	// generation is incremented whenever connections to PostgreSQL may be dead
	// unnoticed. Those of an earlier generation are not used again.
	generation atomic.Int64

	state atomic.Pointer[state] // never nil; see health.go
	lost  chan struct{}         // wakes monitor; nil with SQLite
	stop  context.CancelFunc    // ends monitor or watchFiles
	done  chan struct{}         // closed when that has ended

	files []watchedFile                  // of SQLite; nil with PostgreSQL
	hosts []*pgx.ConnConfig              // of PostgreSQL, in the order of the URL
	host  atomic.Pointer[pgx.ConnConfig] // the one of hosts that is in use; never nil with PostgreSQL
}

// rules are what health.go needs to know of an engine.
type rules struct {
	timeout     time.Duration    // of one operation
	wait        time.Duration    // for a connection, within timeout
	unavailable func(error) bool // reports whether the database's state is to blame, not the statement
	unreachable func(error) bool // reports whether no server that takes writes responds, so that asking again only costs time

	// unanswered reports whether a write that returned the error may have been made:
	// it was sent, and the error is not the database's answer.
	unanswered func(error) bool

	// ping checks that the server responds, with a query that waits for no lock. It
	// returns errReadOnly if the server takes no writes.
	ping func(context.Context, *sql.DB) error
}

// Open opens the database that url names and brings the schema of every resource up
// to date. The caller must Close it. The context bounds only the opening. The
// function dial connects to a PostgreSQL server; nil means net.Dialer's. The log
// must not be nil.
//
//   - file:PATH is an SQLite file. It is created if it does not exist, readable
//     only by its owner. PATH is taken literally, without escapes or
//     parameters. A file that cannot be used is an error.
//   - postgres:// or postgresql:// is a PostgreSQL server. A server that cannot be
//     used now is not an error: until it can, every operation returns
//     ErrUnavailable.
func Open(ctx context.Context, url string, dial pgconn.DialFunc, log *slog.Logger, migrations ...Migrations) (*DB, error) {
	if path, ok := strings.CutPrefix(url, "file:"); ok {
		return openSQLite(ctx, path, log, migrations)
	}
	if isPostgres(url) {
		return openPostgres(ctx, url, dial, log, migrations)
	}
	return nil, errScheme
}

// CheckURL returns what is wrong with a URL for Open, as far as its text and the
// state of the file show. It creates and changes nothing, and its error never
// contains the password.
func CheckURL(url string) error {
	if path, ok := strings.CutPrefix(url, "file:"); ok {
		return checkFile(path)
	}
	if isPostgres(url) {
		_, err := parsePostgresURL(url)
		return err
	}
	return errScheme
}

// Engine returns the kind of database that was opened.
func (db *DB) Engine() Engine { return db.engine }

// Close ends the background work and closes all connections.
func (db *DB) Close() error {
	db.stop()
	<-db.done
	var held error
	if db.held != nil {
		held = db.held.Close()
	}
	// SQLite's writer closes last: it moves the write-ahead log into the file.
	return errors.Join(held, db.probe.Close(), db.scan.Close(), db.read.Close(), db.write.Close())
}

// Read runs an operation that changes nothing. It may use one connection of
// the pool at a time: rows must be closed before the next query.
//
// Read, Scan, Write and Transaction return within 2 s. They return ErrUnavailable if
// the database is to blame, the error of ctx if ctx has ended, and otherwise the
// operation's own error, unchanged.
func (db *DB) Read(ctx context.Context, operation func(ctx context.Context, pool *sql.DB) error) error {
	return db.do(ctx, db.read, operation)
}

// Scan is Read for an operation that may read many rows, such as a search. It
// has connections of its own, so that one client's searches do not make other
// reads wait.
func (db *DB) Scan(ctx context.Context, operation func(ctx context.Context, pool *sql.DB) error) error {
	return db.do(ctx, db.scan, operation)
}

// Write runs an operation that makes one change with one statement. It may use one
// connection of the pool at a time.
func (db *DB) Write(ctx context.Context, operation func(ctx context.Context, pool *sql.DB) error) error {
	unknown := false
	err := db.do(ctx, db.write, func(ctx context.Context, pool *sql.DB) error {
		err := operation(ctx, pool)
		unknown = db.rules.unanswered(err)
		return err
	})
	return withOutcome(err, unknown)
}

// Transaction runs an operation that makes several changes, to the tables of one or
// more resources. It commits them if the operation returns nil. Otherwise, none of
// them is made.
func (db *DB) Transaction(ctx context.Context, operation func(ctx context.Context, tx *sql.Tx) error) error {
	unknown := false
	err := db.do(ctx, db.write, func(ctx context.Context, pool *sql.DB) error {
		tx, err := pool.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // does nothing after Commit
		if err := operation(ctx, tx); err != nil {
			return err
		}
		err = tx.Commit() // what fails before is rolled back
		unknown = db.rules.unanswered(err)
		return err
	})
	return withOutcome(err, unknown)
}

func withOutcome(err error, unknown bool) error {
	if unknown && errors.Is(err, ErrUnavailable) {
		return fmt.Errorf("%w; %w", err, ErrOutcomeUnknown)
	}
	return err
}

// pool is a set of connections and a semaphore that admits as many operations. When
// callers wait, database/sql hands a free connection to any of them, so some of many
// callers would wait past their timeout. A channel admits them in order.
type pool struct {
	*sql.DB
	writes    bool
	semaphore chan struct{} // holds one value for each running operation
	waiting   *atomic.Int64 // operations that wait for a connection
	timeouts  *atomic.Int64 // operations that got no connection in time
}

func newPool(db *sql.DB, conns int, writes bool) pool {
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return pool{DB: db, writes: writes, semaphore: make(chan struct{}, conns), waiting: new(atomic.Int64), timeouts: new(atomic.Int64)}
}

// PoolStats is the state of one of the pools.
type PoolStats struct {
	Max, Used, Idle int   // connections
	Waiting         int64 // operations that wait for a connection
	Timeouts        int64 // operations that have got none in time
}

// Stats returns the state of the pools read, scan and write.
func (db *DB) Stats() map[string]PoolStats {
	return map[string]PoolStats{"read": db.read.stats(), "scan": db.scan.stats(), "write": db.write.stats()}
}

func (p pool) stats() PoolStats {
	stats := p.DB.Stats()
	return PoolStats{
		Max: stats.MaxOpenConnections, Used: stats.InUse, Idle: stats.Idle,
		Waiting: p.waiting.Load(), Timeouts: p.timeouts.Load(),
	}
}

// errBusy means that more operations are running than there are connections.
var errBusy = errors.New("all connections are in use")

// run runs the operation as soon as a connection is free, or returns errBusy if
// none becomes free within wait.
func (p pool) run(ctx context.Context, wait time.Duration, operation func(context.Context, *sql.DB) error) error {
	if err := p.acquire(ctx, wait); err != nil {
		return err
	}
	defer func() { <-p.semaphore }()
	return operation(ctx, p.DB)
}

func (p pool) acquire(ctx context.Context, wait time.Duration) error {
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case p.semaphore <- struct{}{}:
		return nil
	case <-timer.C:
		p.timeouts.Add(1)
		return errBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}
