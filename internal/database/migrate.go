package database

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

const (
	// checkTimeout is how long the check for pending migrations may take: goose waits
	// a second and tries again if several replicas create its table at the same time.
	checkTimeout = 5 * time.Second
	// silence is how long the database may leave pings unanswered while
	// migrations run. They may take hours: an index of a large table does.
	silence = 10 * time.Second
	// lockEvery is the pause between two attempts to get the lock. It is short, because
	// many replicas that start together get the lock one after another.
	lockEvery = 50 * time.Millisecond
)

// migrate brings the schema of every resource up to date. Of several PostgreSQL
// clients that start together, one does this and the others wait.
func (db *DB) migrate(ctx context.Context) error {
	for _, m := range db.migrations {
		if err := db.migrateResource(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) migrateResource(ctx context.Context, m Migrations) error {
	folder, err := fs.Sub(m.Files, "migrations/"+string(db.engine))
	if err != nil {
		return err
	}
	options := []goose.ProviderOption{
		goose.WithDisableGlobalRegistry(true),
		goose.WithTableName(m.Table),
	}
	dialect := goose.DialectSQLite3
	if db.engine == Postgres {
		dialect = goose.DialectPostgres
		options = append(options, goose.WithSessionLocker(migrationLock{}))
	}
	provider, err := goose.NewProvider(dialect, db.write.DB, folder, options...)
	if err != nil {
		return err
	}
	checkCtx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	pending, err := provider.HasPending(checkCtx)
	if err != nil || !pending {
		return err
	}
	_, failed := errors.AsType[*goose.PartialError](db.state.Load().down)
	if !failed { // otherwise monitor is trying again, several times a second
		db.log.Info("database migrations are pending", "table", m.Table)
	}
	upCtx, cancelUp := context.WithCancel(ctx)
	defer cancelUp()
	go db.cancelWhenSilent(upCtx, cancelUp)
	results, err := provider.Up(upCtx)
	for _, result := range results {
		db.log.Info("database migrated", "table", m.Table, "migration", result.Source.Path)
	}
	return err
}

// cancelWhenSilent calls cancel once the database has not answered a ping for
// the time of silence. It returns when ctx ends.
func (db *DB) cancelWhenSilent(ctx context.Context, cancel context.CancelFunc) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for answered := time.Now(); time.Since(answered) < silence; {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if db.ping(ctx) == nil {
			answered = time.Now()
		}
	}
	cancel()
}

// migrationLock lets one PostgreSQL client at a time run migrations. It has the
// id of goose's own locker, which waits a second between its attempts. Waiting
// inside pg_advisory_lock instead would deadlock with CREATE INDEX CONCURRENTLY,
// which waits for every statement that runs.
type migrationLock struct{}

// SessionLock implements lock.SessionLocker.
func (migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	for {
		var locked bool
		err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", lock.DefaultLockID).Scan(&locked)
		if err != nil || locked {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockEvery):
		}
	}
}

// SessionUnlock implements lock.SessionLocker. It does not wait for a server
// that hangs: goose's context for it never ends. The lock also ends with its
// connection.
func (migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, postgresTimeout)
	defer cancel()
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", lock.DefaultLockID)
	return err
}
