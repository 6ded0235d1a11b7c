package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/api/internal/database/databasetest"
)

// That a commit is on the disk before it is acknowledged shows only when the
// power fails, so this checks the settings.
func TestSQLiteSettings(t *testing.T) {
	t.Parallel()
	url := "file:" + filepath.Join(t.TempDir(), "app.db")
	db, err := Open(context.Background(), url, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal"} {
		var got string
		if err := db.write.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("PRAGMA %s: got %q, %v, want %q", pragma, got, err, want)
		}
	}
	if n := db.write.Stats().MaxOpenConnections; n != 1 {
		t.Errorf("got %d writers, want 1", n)
	}
	if _, err := db.read.Exec("CREATE TABLE x (y TEXT)"); err == nil {
		t.Error("a reader wrote")
	}

	// A transaction holds the write lock from its start: if it took the lock at
	// its first write, it would fail if another process wrote since its first read.
	tx, err := db.write.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	other, err := sql.Open("sqlite", url)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Exec("BEGIN IMMEDIATE"); !sqliteUnavailable(err) {
		t.Errorf("BEGIN IMMEDIATE during another transaction: got %v, want SQLITE_BUSY", err)
	}
}

// Operations get a connection in the order in which they asked for it; if chance
// decided, some of many would wait past their timeout.
func TestFirstComeFirstServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const waiting, each = 100, 10 * time.Millisecond // together less than the timeout
		db := &DB{rules: rules{timeout: sqliteTimeout, wait: sqliteTimeout}}
		db.state.Store(&state{})
		p := pool{semaphore: make(chan struct{}, 1), waiting: new(atomic.Int64), timeouts: new(atomic.Int64)}
		var order []int
		var wg sync.WaitGroup
		for i := range waiting {
			wg.Go(func() {
				err := db.do(t.Context(), p, func(context.Context, *sql.DB) error {
					time.Sleep(each)
					order = append(order, i)
					return nil
				})
				if err != nil {
					t.Errorf("%d: %v", i, err)
				}
			})
			synctest.Wait() // it waits
		}
		if got := p.waiting.Load(); got != waiting-1 {
			t.Errorf("waiting for the connection: got %d, want %d", got, waiting-1)
		}
		wg.Wait()
		if got := p.waiting.Load(); got != 0 {
			t.Errorf("waiting in the end: got %d, want 0", got)
		}
		if !slices.IsSorted(order) || len(order) != waiting {
			t.Errorf("served in this order: %d", order)
		}
	})
}

// Under more load than can be served, every connection stays busy and the rest
// fails early: no operation is admitted too late to finish, and nothing counts
// as an outage.
func TestOverload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const conns, clients, each, lasts = 10, 80, 250 * time.Millisecond, 6 * time.Second
		db := &DB{rules: rules{timeout: postgresTimeout, wait: postgresWait, unavailable: postgresUnavailable, unreachable: postgresUnreachable}}
		db.state.Store(&state{})
		p := pool{semaphore: make(chan struct{}, conns), waiting: new(atomic.Int64), timeouts: new(atomic.Int64)}
		var served, refused, cutOff atomic.Int64
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for end := time.Now().Add(lasts); time.Now().Before(end); {
					err := db.do(t.Context(), p, func(ctx context.Context, _ *sql.DB) error {
						select {
						case <-time.After(each):
							served.Add(1)
						case <-ctx.Done():
							cutOff.Add(1)
						}
						return nil
					})
					if errors.Is(err, ErrUnavailable) {
						refused.Add(1)
					} else if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if p.timeouts.Load() != refused.Load() || refused.Load() == 0 {
			t.Errorf("timeouts: got %d, want the %d operations that were refused", p.timeouts.Load(), refused.Load())
		}
		if possible := int64(conns * (lasts / each)); served.Load() < possible || cutOff.Load() > 0 || db.generation.Load() > 0 {
			t.Errorf("served %d of %d, cut off %d, generation %d; want all served, 0 and 0", served.Load(), possible, cutOff.Load(), db.generation.Load())
		}
		if refused.Load() == 0 {
			t.Error("no overload: the test shows nothing")
		}
	})
}

// An error of the program or of a resource is not an outage, which a client
// would wait for.
func TestOwnErrorsAreNotAnOutage(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	for _, err := range []error{
		sql.ErrNoRows,
		errors.New("the resource's own error"),
		db.QueryRow("SELECT 'x'").Scan(&n),
		db.QueryRow("SELECT 1").Scan(&n, &n),
		db.QueryRow("SELECT $1", struct{}{}).Scan(&n),
	} {
		if err == nil || postgresUnavailable(err) {
			t.Errorf("%v is taken for an outage", err)
		}
	}
	for _, err := range []error{io.ErrUnexpectedEOF, sql.ErrConnDone, pgconn.ErrConnClosed, driver.ErrBadConn, context.DeadlineExceeded} {
		if !postgresUnavailable(err) {
			t.Errorf("%v is not taken for an outage", err)
		}
	}
}

// Reads that hold every connection do not make a file look dead.
func TestSQLitePingsPastReads(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, err := Open(ctx, "file:"+filepath.Join(t.TempDir(), "app.db"), nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for range db.read.Stats().MaxOpenConnections {
		conn, err := db.read.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if !db.Up(ctx) {
		t.Error("got down, want up")
	}
}

// An operation whose time is over is interrupted, and database/sql closes its
// connection. If that happens to every connection, the write-ahead log must still be
// the one that was opened, or the file would count as replaced until a restart.
func TestSQLiteInterruptedConnections(t *testing.T) {
	t.Parallel()
	db, err := Open(context.Background(), "file:"+filepath.Join(t.TempDir(), "app.db"), nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, pool := range []*sql.DB{db.read.DB, db.scan.DB, db.write.DB, db.probe} {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		var n int
		err := pool.QueryRowContext(ctx, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n").Scan(&n)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a query without an end: got %v, want context.DeadlineExceeded", err)
		}
	}
	if err := db.checkFiles(); err != nil {
		t.Error(err)
	}
}

// A connection that was begun to one host and completed after another host has taken
// over must not be used again.
func TestPostgresConnectionOfTheTimeBefore(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var armed atomic.Bool
	held, release := make(chan struct{}), make(chan struct{})
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if armed.CompareAndSwap(true, false) {
			close(held)
			<-release
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	db, err := Open(ctx, databasetest.Shared(t).NewDatabase(t), dial, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	backend := func() (pid int, err error) {
		err = db.Read(ctx, func(ctx context.Context, pool *sql.DB) error {
			return pool.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&pid)
		})
		return pid, err
	}
	armed.Store(true)
	var before, after int
	done := make(chan struct{})
	go func() {
		defer close(done)
		before, _ = backend() // on a busy machine, its time may be over
	}()
	<-held
	db.generation.Add(1) // as reconnect does
	close(release)
	<-done
	databasetest.Eventually(t, 10*time.Second, "a second read", func() (ok bool) {
		after, err = backend()
		return err == nil
	})
	if before == after {
		t.Errorf("both reads used the connection %d", before)
	}
}
