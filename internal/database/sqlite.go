package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"modernc.org/sqlite" // also registers the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// sqliteTimeout is how long one operation may take, including waiting for its turn.
	// A client must learn of a failure within 2 s.
	sqliteTimeout = 1500 * time.Millisecond
	// watchEvery is the pause between two checks of the files while no operation runs.
	watchEvery = 250 * time.Millisecond
	// busyTimeout is how long opening an SQLite file may wait for other processes that
	// open it at the same time.
	busyTimeout = 10 * time.Second
)

// openSQLite opens three pools on one file, and one connection for pings. SQLite has
// one writer at a time, which in WAL mode does not disturb readers. So writes queue
// in Go for the one connection of their pool, in order and no longer than their
// timeout. More connections would poll for SQLite's lock and could fail with
// "database is locked". Reads have a pool that never waits for a write. Scans have
// one connection, which keeps no more than one processor busy.
func openSQLite(ctx context.Context, path string, log *slog.Logger, migrations []Migrations) (*DB, error) {
	path, err := prepareFile(path)
	if err != nil {
		return nil, err
	}
	// The busy timeout is for the locks of other programs, such as a backup. It comes
	// first because the change to WAL needs it. FULL syncs each commit to the disk
	// before it is acknowledged. Columns of type TIMESTAMP hold Unix microseconds as
	// integers.
	open := func(parameters string) *sql.DB {
		db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path}).String()+
			"?_busy_timeout=1000&_time_integer_format=unix_micro&_inttotime=1"+parameters)
		if err != nil {
			panic(err) // the driver is missing: Open does not touch the file yet
		}
		return db
	}
	write := open("&_pragma=journal_mode(WAL)&_synchronous=FULL&_txlock=immediate")
	read, scan, probe, held := open("&_query_only=1"), open("&_query_only=1"), open("&_query_only=1"), open("&_query_only=1")
	probe.SetMaxOpenConns(1)
	readers := runtime.GOMAXPROCS(0) // reading keeps a processor busy, so more connections than processors gain nothing
	watchCtx, stop := context.WithCancel(context.Background())
	db := &DB{
		engine: SQLite, read: newPool(read, readers, false), write: newPool(write, 1, true), scan: newPool(scan, 1, false), probe: probe, held: held,
		migrations: migrations, log: log, stop: stop, done: make(chan struct{}),
		rules: rules{
			timeout: sqliteTimeout, wait: sqliteTimeout, // an operation may wait for the one writer all the time
			unavailable: sqliteUnavailable,
			unreachable: func(error) bool { return false },
			unanswered:  sqliteUnanswered,
			ping: func(ctx context.Context, pool *sql.DB) error {
				var n int
				return pool.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n) // reads the file
			},
		},
	}
	db.state.Store(&state{})
	err = db.startSQLite(ctx)
	if err == nil {
		err = db.recordFiles(path)
	}
	go db.watchFiles(watchCtx)
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("SQLite cannot use the file %q: %w; name a database file that this server may write, or a new file", path, err)
	}
	return db, nil
}

// startSQLite checks that the file is in WAL mode and migrates it.
func (db *DB) startSQLite(ctx context.Context) error {
	started := time.Now()
	for attempt := 1; ; attempt++ {
		err := db.tryStartSQLite(ctx)
		// Another process may have migrated the same file at the same time; then
		// nothing is pending any more. Or it holds the file's lock just now. Any
		// other error would come again.
		again := attempt == 1 || sqliteBusy(err) && time.Since(started) < busyTimeout
		if err == nil || !again {
			return err
		}
		time.Sleep(20 * time.Millisecond) // SQLite does not wait if it detects a deadlock
	}
}

func (db *DB) tryStartSQLite(ctx context.Context) error {
	var mode string
	if err := db.write.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("its journal mode is %q, not wal (is it on a network file system?)", mode)
	}
	if err := db.migrate(ctx); err != nil {
		return err
	}
	// From here on, one connection is always open, because SQLite removes the
	// write-ahead log when the last one closes. It is never used again, because
	// database/sql closes a connection whose operation was interrupted.
	return db.rules.ping(ctx, db.held)
}

// watchedFile is a file of the database as it was when it was opened.
type watchedFile struct {
	path string
	info os.FileInfo
}

// recordFiles records the files that checkFiles must find again. The write-ahead log
// is next to the file that a symbolic link names, not next to the link.
func (db *DB) recordFiles(path string) error {
	file, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	for _, name := range []string{path, file + "-wal"} {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) && name != path {
			continue // SQLite cannot create it next to a read-only file
		}
		if err != nil {
			return err
		}
		db.files = append(db.files, watchedFile{name, info})
	}
	return nil
}

// checkFiles returns an error while the file at the database's path, or its
// write-ahead log, is not the one that was opened. SQLite would continue with the
// files that it has open, and everything that it acknowledged would be lost when the
// process ends. Each change is logged once.
func (db *DB) checkFiles() error {
	var missing error
	for _, f := range db.files {
		if info, err := os.Stat(f.path); err != nil || !os.SameFile(info, f.info) {
			missing = fmt.Errorf("%w: %s", errFileGone, f.path)
			break
		}
	}
	was := db.state.Load()
	switch {
	case missing != nil && was.down == nil && db.state.CompareAndSwap(was, &state{down: missing}):
		db.log.Warn("the SQLite file was removed or replaced; until the original is back or the server is restarted, requests that need it get 503", "error", missing)
	case missing == nil && db.files != nil && was.down != nil && db.state.CompareAndSwap(was, &state{}):
		db.log.Info("the SQLite file is back")
	}
	return missing
}

var errFileGone = errors.New("the file was removed or replaced")

// watchFiles notices a change even while no operation runs, until ctx ends.
func (db *DB) watchFiles(ctx context.Context) {
	defer close(db.done)
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = db.checkFiles() // logs the change
		}
	}
}

// sqliteBusy reports whether another process holds the lock. The driver has already
// waited for as long as _busy_timeout says.
func sqliteBusy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

// sqliteUnavailable reports whether the disk or another process caused the error,
// and not the statement.
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

// sqliteUnanswered is rules.unanswered. The driver returns the error of the context
// even if that ended during the commit, and a commit whose sync to the disk failed
// may have been stored after all.
func sqliteUnanswered(err error) bool {
	var e *sqlite.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_IOERR
}

// checkFile rejects a path that does not name a file, and a file that is not a
// database. SQLite would take a file of one byte for an empty database and overwrite
// it, and it would give no reason for a path that it cannot open.
func checkFile(path string) error {
	switch {
	case path == "" || path == ":memory:":
		return fmt.Errorf("the database URL file:%s names no file; write file:app.db", path)
	case strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///"):
		return fmt.Errorf("the database URL file:%s names a host; write file:app.db or file:/data/app.db", path)
	case strings.ContainsRune(path, '?'):
		return fmt.Errorf("the database URL file:%s has parameters, which the server sets itself; write only the path", path)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) { // it will be created
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			return cannotOpen(err)
		}
		return nil
	}
	if err != nil {
		return cannotOpen(err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("the SQLite file %q is a directory or a device; name a file", path)
	}
	if info.Size() == 0 {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return cannotOpen(err)
	}
	defer file.Close()
	const magic = "SQLite format 3\x00" // SQLite file format, 1.3.1
	head := make([]byte, len(magic))
	const smallestDatabase = 512 // bytes: SQLite's smallest page
	if _, err := io.ReadFull(file, head); err != nil || string(head) != magic || info.Size() < smallestDatabase {
		return fmt.Errorf("the file %q is not an SQLite database and was left unchanged; name another file", path)
	}
	return nil
}

func cannotOpen(err error) error {
	return fmt.Errorf("the SQLite file cannot be opened: %w; its directory must exist and be writable", err)
}

// prepareFile creates the file if it does not exist and returns its absolute
// path. SQLite itself would create it readable by everybody.
func prepareFile(path string) (string, error) {
	if err := checkFile(path); err != nil {
		return "", err
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	file, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return "", cannotOpen(err)
	}
	return path, file.Close()
}
