package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

const (
	// pingTimeout keeps Up under half a second.
	pingTimeout = 300 * time.Millisecond
	// probeEvery is the pause between two attempts to reach a PostgreSQL that is
	// down. Together with the attempt's postgresTimeout, it ensures that PostgreSQL is
	// used again within 2 s after it is back.
	probeEvery = 200 * time.Millisecond
	// idleEvery is the time between two health probes of a PostgreSQL that is up.
	// While no operation runs, nothing else shows that another server has taken
	// over.
	idleEvery = time.Second
)

// state is a stretch of time in which the database was up or down. Each has its own
// pointer, so an operation that began in one state cannot end a later one. For
// SQLite, see checkFiles.
type state struct{ down error } // nil: it takes reads and writes; errReadOnly: only reads

// errReadOnly means that the server responds but takes no writes: it is a standby,
// or a primary that somebody has fenced.
var errReadOnly = errors.New("the server takes no writes")

// do runs one operation that uses one connection of the pool, within the
// engine's timeout, and returns ErrUnavailable if the database is to blame for
// its error. While the database is down it fails at once.
//
// An operation that gets no answer may only be slow, or wait for another client's
// lock. So the database counts as down only if it does not answer a ping either. If
// enough operations block, they hold every connection, and callers waiting for one
// fail as well.
func (db *DB) do(ctx context.Context, p pool, operation func(context.Context, *sql.DB) error) error {
	if err := db.checkFiles(); err != nil {
		return unavailable(err)
	}
	state := db.state.Load()
	if state.down != nil && (p.writes || !errors.Is(state.down, errReadOnly)) {
		return unavailable(state.down)
	}
	opCtx, cancel := context.WithTimeout(ctx, db.rules.timeout)
	defer cancel()
	err := p.run(opCtx, db.rules.wait, operation)
	if err == nil && p.writes && db.checkFiles() != nil {
		return withOutcome(unavailable(errFileGone), true) // committed into a file that nobody will find
	}
	switch {
	case err == nil, errors.Is(err, sql.ErrNoRows):
		return err
	case ctx.Err() != nil:
		return ctx.Err() // the caller's, and no sign of an outage
	case errors.Is(err, errBusy):
		return unavailable(err) // no sign of one either: the database was not asked
	case opCtx.Err() != nil:
		err = fmt.Errorf("no answer within %s: %w", db.rules.timeout, err)
	case !db.rules.unavailable(err):
		return err
	}
	if state.down == nil && db.rules.unreachable(err) { // otherwise monitor is at work already
		db.suspect(ctx, state)
	}
	return unavailable(err)
}

// suspect marks the database down if it does not answer a ping either, on a new
// connection.
func (db *DB) suspect(ctx context.Context, state *state) {
	db.generation.Add(1)
	if cause := db.ping(context.WithoutCancel(ctx)); db.rules.unreachable(cause) {
		db.markDown(state, cause)
	}
}

// unavailable returns ErrUnavailable with the cause only as text. If the cause were
// wrapped, our own timeout would look like the end of the caller's context.
func unavailable(cause error) error { return fmt.Errorf("%w: %v", ErrUnavailable, cause) }

// Up reports within half a second whether the database answers and takes
// writes.
func (db *DB) Up(ctx context.Context) bool {
	if db.checkFiles() != nil || db.state.Load().down != nil {
		return false
	}
	return db.ping(ctx) == nil
}

// watch marks the database down if it says that it takes no writes, or rejects the
// connection. No answer proves less, because a busy server may answer a ping late.
func (db *DB) watch(ctx context.Context) {
	state := db.state.Load()
	if state.down != nil {
		return // lost wakes monitor
	}
	err := db.ping(ctx)
	var network net.Error
	silent := ctx.Err() != nil || errors.As(err, &network) && network.Timeout()
	if !silent && db.rules.unreachable(err) {
		db.suspect(ctx, state)
	}
}

// ping checks that the database responds, on a connection that no operation uses.
// Concurrent callers share one result: queued one by one, the last of many clients
// of /readyz would time out and report the database as down. Once connections have
// become suspect, an earlier result is not shared any more.
func (db *DB) ping(ctx context.Context) error {
	result := db.pings.DoChan(strconv.FormatInt(db.generation.Load(), 10), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
		defer cancel()
		return nil, db.rules.ping(ctx, db.probe)
	})
	select {
	case r := <-result:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// markDown ends the state in which the database was up, unless it has already ended,
// and wakes monitor.
func (db *DB) markDown(was *state, cause error) {
	if !db.state.CompareAndSwap(was, &state{down: cause}) {
		return
	}
	db.warn("PostgreSQL is down; until it is back, requests that need it get 503", cause)
	db.lost <- struct{}{} // has room: only monitor ends this state, and it empties lost first
}

// warn logs the message or, if only writes fail, says so instead.
func (db *DB) warn(message string, cause error) {
	if errors.Is(cause, errReadOnly) {
		message = "PostgreSQL takes no writes; until it does, requests that change something get 503"
	}
	db.log.Warn(message, "error", cause)
}

// monitor notices when an idle PostgreSQL goes down, and brings one that is down
// back into use, until ctx ends.
func (db *DB) monitor(ctx context.Context) {
	defer close(db.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(idleEvery):
			db.watch(ctx)
			continue
		case <-db.lost:
		}
		for err := db.reconnect(ctx); err != nil; err = db.reconnect(ctx) {
			db.state.Store(&state{down: err}) // the newest reason
			db.log.Debug("PostgreSQL is still not available", "error", err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(probeEvery):
			}
		}
		db.state.Store(&state{})
		db.log.Info("PostgreSQL is available")
	}
}

// reconnect returns nil if a host responds, takes writes and has the schema, and
// errReadOnly if it takes no writes. It trusts no earlier connection.
func (db *DB) reconnect(ctx context.Context) error {
	host, err := db.findHost(ctx)
	if host == nil {
		return err
	}
	if errors.Is(err, errReadOnly) && errors.Is(db.state.Load().down, errReadOnly) && host == db.host.Load() {
		return err // nothing has changed: reads keep their connections
	}
	db.host.Store(host)
	db.generation.Add(1)
	if migrateErr := db.migrate(ctx); migrateErr != nil {
		return migrateErr
	}
	return err
}
