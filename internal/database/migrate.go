package database

import (
	"context"
	"database/sql"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

const (
	// checkTimeout is how long it may take to see whether a migration is
	// pending: goose waits a second and tries again if several replicas create
	// its table at the same time.
	checkTimeout = 5 * time.Second
	// migrateTimeout is how long all migrations of a resource may take, with
	// waiting for another replica that runs them.
	migrateTimeout = 5 * time.Minute
)

// migrate brings the schema of every resource up to date. Of several
// PostgreSQL clients that start together one does it and the others wait.
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
		// Tries once a second, the least that goose accepts.
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, uint64(migrateTimeout/time.Second)))
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(boundedUnlock{locker}))
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
	upCtx, cancelUp := context.WithTimeout(ctx, migrateTimeout)
	defer cancelUp()
	results, err := provider.Up(upCtx)
	for _, result := range results {
		db.log.Info("database migrated", "table", m.Table, "migration", result.Source.Path)
	}
	return err
}

// boundedUnlock does not wait for a server that hangs: goose unlocks without a
// deadline, even when its context has ended. The lock also ends with its
// connection.
type boundedUnlock struct{ lock.SessionLocker }

func (l boundedUnlock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, postgresTimeout)
	defer cancel()
	return l.SessionLocker.SessionUnlock(ctx, conn)
}
