package items

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
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

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"modernc.org/sqlite" // registers the driver "sqlite", too
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// openTimeout is how long Open waits for the migrations of a PostgreSQL
	// that answers; what is not done by then is done in the background.
	openTimeout = 10 * time.Second
	// postgresConns is how many connections one process holds at most, but for
	// one that looks whether the server answers: well under a server's usual
	// limit of 100 for all replicas together.
	postgresConns = 10
	// A connection is replaced now and then, so that replicas find a new
	// primary and a load that is over leaves no idle connections behind.
	postgresConnLife = 30 * time.Minute
	postgresConnIdle = 5 * time.Minute
)

var errScheme = errors.New("the database URL has no scheme that is known; write file:app.db for SQLite or postgres://USER:PASSWORD@HOST/DATABASE")

//go:embed migrations
var migrations embed.FS

// dialect is all that differs between the two databases once they are open.
type dialect struct {
	goose       goose.Dialect
	folder      string           // of its migrations
	find        string           // the function that finds a text in a text, from 1; 0 is none
	timeout     time.Duration    // of one operation
	wait        time.Duration    // in line for a connection, within the timeout
	look        string           // a quick query for a sign of life: one number
	unavailable func(error) bool // is it the database's state, not the statement?
	gone        func(error) bool // and is nobody there, so that asking on only costs time?
}

// Open opens the store that url names and brings its schema up to date. The
// caller closes the store; ctx bounds only the opening; log must not be nil.
//
//   - file:PATH is an SQLite file, made when there is none, readable only by
//     its owner. PATH is taken as it is, without escapes or parameters. A file
//     that cannot be used is an error.
//   - postgres:// or postgresql:// is a PostgreSQL server. One that does not
//     answer is no error: every method says ErrUnavailable until it does.
func Open(ctx context.Context, url string, log *slog.Logger) (*Store, error) {
	if path, ok := strings.CutPrefix(url, "file:"); ok {
		return openSQLite(ctx, path, log)
	}
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return openPostgres(ctx, url, log)
	}
	return nil, errScheme
}

// CheckURL says what is wrong with a URL for Open, as far as its text and a
// look at the file show. It makes and changes nothing.
func CheckURL(url string) error {
	if path, ok := strings.CutPrefix(url, "file:"); ok {
		return checkFile(path)
	}
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		_, err := parsePostgresURL(url)
		return err
	}
	return errScheme
}

// Close ends what the store does in the background and its connections.
func (s *Store) Close() error {
	if s.stop != nil {
		s.stop()
		<-s.kept
	}
	// SQLite's writer last: it moves the write-ahead log into the file.
	return errors.Join(s.lookout.Close(), s.read.Close(), s.write.Close())
}

// openSQLite opens two pools on one file, and one connection for looks. SQLite
// has one writer at a time, and in WAL mode it does not disturb readers. So
// writes queue in Go for the one connection of their pool, in order and no
// longer than their time-out, where more connections would poll for SQLite's
// lock and could fail with "database is locked"; reads have a pool that never
// waits for a write.
func openSQLite(ctx context.Context, path string, log *slog.Logger) (*Store, error) {
	path, err := prepareFile(path)
	if err != nil {
		return nil, err
	}
	// The busy time-out is for other programs' locks, a backup's say; it comes
	// first, as the change to WAL needs it. FULL syncs each commit to the disk
	// before it is acknowledged. Times are integers; see the migration.
	dsn := func(parameters string) string {
		return (&url.URL{Scheme: "file", Path: path}).String() +
			"?_busy_timeout=1000&_time_integer_format=unix_micro&_inttotime=1" + parameters
	}
	write, err := sql.Open("sqlite", dsn("&_pragma=journal_mode(WAL)&_synchronous=FULL&_txlock=immediate"))
	if err != nil {
		return nil, err
	}
	read, err := sql.Open("sqlite", dsn("&_query_only=1"))
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	lookout, err := sql.Open("sqlite", dsn("&_query_only=1"))
	if err != nil {
		return nil, errors.Join(err, read.Close(), write.Close())
	}
	lookout.SetMaxOpenConns(1)
	readers := runtime.GOMAXPROCS(0) // reading is work for the processor: more than one each gains nothing
	s := &Store{read: newPool(read, readers), write: newPool(write, 1), lookout: lookout, log: log, dialect: dialect{
		goose: goose.DialectSQLite3, folder: "migrations/sqlite", find: "instr", timeout: sqliteTimeout, wait: sqliteTimeout,
		look:        "SELECT count(*) FROM (SELECT 1 FROM items LIMIT 1)", // reads the file
		unavailable: sqliteUnavailable,
		gone:        func(error) bool { return false },
	}}
	s.period.Store(&period{})
	if err := s.startSQLite(ctx); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("SQLite cannot use the file %q: %w; name a database that this server may write, or a new file", path, err)
	}
	return s, nil
}

// startSQLite checks that the file is in WAL mode and migrates it.
func (s *Store) startSQLite(ctx context.Context) error {
	started := time.Now()
	for attempt := 1; ; attempt++ {
		err := s.tryStartSQLite(ctx)
		// Another process may have migrated the same file at the same time: then
		// nothing is pending any more. Or it holds the file's lock just now. Any
		// other error comes again.
		again := attempt == 1 || sqliteBusy(err) && time.Since(started) < busyTimeout
		if err == nil || !again {
			return err
		}
		time.Sleep(20 * time.Millisecond) // where SQLite saw a deadlock, it did not wait
	}
}

func (s *Store) tryStartSQLite(ctx context.Context) error {
	var mode string
	if err := s.write.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("its journal mode is %q, not wal (is it on a network file system?)", mode)
	}
	return s.migrate(ctx)
}

// sqliteBusy reports whether another process holds the lock; it was waited for
// for as long as _busy_timeout says.
func sqliteBusy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

// checkFile refuses a path that is none, or where a file is in the way.
// SQLite would take a file of one byte for an empty database and write over
// it, and name no reason for a path it cannot open.
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
	if errors.Is(err, fs.ErrNotExist) { // it will be made
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
		return fmt.Errorf("the file %q is no SQLite database; it is left as it is: name another", path)
	}
	return nil
}

func cannotOpen(err error) error {
	return fmt.Errorf("the SQLite file cannot be opened: %w; its directory must exist and be writable", err)
}

// prepareFile makes the file when there is none and returns its absolute path.
// SQLite would make it readable for all.
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

func parsePostgresURL(text string) (*pgx.ConnConfig, error) {
	u, urlErr := url.Parse(text)
	config, err := pgx.ParseConfig(text)
	if urlErr == nil && err == nil {
		return config, nil
	}
	// Where the URL has its password in the one place for it, pgx masks it in
	// its text (not in its error, which holds the whole URL).
	if urlErr != nil || u.Fragment != "" || strings.Contains(strings.ToLower(u.RawQuery), "pass") ||
		u.User == nil && strings.Contains(text, "@") || strings.Count(text, "@") > 1 {
		return nil, errors.New("the database URL cannot be read; write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the password as %XX")
	}
	return nil, fmt.Errorf("the database URL is wrong: %v", err)
}

// openPostgres opens one pool, and one connection for looks beside it, and
// starts keep.
func openPostgres(ctx context.Context, rawURL string, log *slog.Logger) (*Store, error) {
	config, err := parsePostgresURL(rawURL)
	if err != nil {
		return nil, err
	}
	keepCtx, stop := context.WithCancel(context.Background())
	s := &Store{
		log: log,
		dialect: dialect{
			goose: goose.DialectPostgres, folder: "migrations/postgres", find: "strpos", timeout: postgresTimeout, wait: postgresWait,
			look:        "SELECT 1", // waits for no lock
			unavailable: postgresUnavailable,
			gone:        postgresGone,
		},
		lost: make(chan struct{}, 1), stop: stop, kept: make(chan struct{}),
	}
	s.write = s.openPool(*config, postgresConns)
	s.read = s.write
	s.lookout = s.openPool(*config, 1).DB
	firstCtx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	err = s.probe(firstCtx)
	s.period.Store(&period{down: err})
	go s.keep(keepCtx)
	if ctx.Err() != nil {
		_ = s.Close()
		return nil, ctx.Err()
	}
	if err != nil {
		log.Warn("PostgreSQL is not available; until it is, requests that need it get 503", "error", err)
		s.lost <- struct{}{}
	}
	return s, nil
}

// openPool opens connections that know their generation. SetMaxIdleConns(0)
// would do away with idle ones, too, but closes the wrong ones when another
// connection becomes idle at the same time (Go 1.26).
func (s *Store) openPool(config pgx.ConnConfig, conns int) pool {
	const generation = "generation"
	earlier := func(c *pgx.Conn) bool {
		return c.PgConn().CustomData()[generation] != s.generation.Load()
	}
	db := stdlib.OpenDB(config,
		stdlib.OptionAfterConnect(func(_ context.Context, c *pgx.Conn) error {
			c.PgConn().CustomData()[generation] = s.generation.Load()
			return nil
		}),
		stdlib.OptionShouldPing(func(_ context.Context, p stdlib.ShouldPingParams) bool {
			return p.IdleDuration > time.Second && !earlier(p.Conn) // nor wait for a dead one
		}),
		stdlib.OptionResetSession(func(_ context.Context, c *pgx.Conn) error {
			if earlier(c) {
				return driver.ErrBadConn // database/sql closes it and takes another
			}
			return nil
		}))
	db.SetConnMaxLifetime(postgresConnLife)
	db.SetConnMaxIdleTime(postgresConnIdle)
	return newPool(db, conns)
}

// migrate brings the schema up to date. Of several PostgreSQL clients that
// start together one does it and the others wait.
func (s *Store) migrate(ctx context.Context) error {
	folder, err := fs.Sub(migrations, s.dialect.folder)
	if err != nil {
		return err
	}
	options := []goose.ProviderOption{
		goose.WithDisableGlobalRegistry(true),
		// Each resource counts its own migrations from 1: in goose's one table
		// for all, the first of the next resource would be taken for done.
		goose.WithTableName("items_migrations"),
	}
	if s.dialect.goose == goose.DialectPostgres {
		// Tries once a second, the least that goose takes.
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, uint64(migrateTimeout/time.Second)))
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(unlockInTime{locker}))
	}
	provider, err := goose.NewProvider(s.dialect.goose, s.write.DB, folder, options...)
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
	done, err := provider.Up(upCtx)
	for _, m := range done {
		s.log.Info("database migrated", "migration", m.Source.Path)
	}
	return err
}

// unlockInTime does not wait for a server that hangs: goose unlocks without a
// deadline, even when ctx has ended. The lock ends with its connection, too.
type unlockInTime struct{ lock.SessionLocker }

func (l unlockInTime) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, postgresTimeout)
	defer cancel()
	return l.SessionLocker.SessionUnlock(ctx, conn)
}
