package database_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/api/internal/database"
	"example.com/api/internal/database/databasetest"
	"example.com/api/internal/processtest"
)

// longest is how long a request may take while the database is down, and how
// long it may take until a database that is back is used again.
const longest = 2 * time.Second

// atOnce is well below the time that a request would wait for a database, and
// above the pauses of a busy machine.
const atOnce = 500 * time.Millisecond

// readers is how many connections read from PostgreSQL at most.
const readers = 6

// timed returns an operation's error and how long it took.
func timed(operation func() error) (time.Duration, error) {
	start := time.Now()
	err := operation()
	return time.Since(start), err
}

func TestPostgresIsDownAtStart(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := databasetest.Own(t)
	log := &databasetest.Log{}
	var s things
	took, _ := timed(func() error { s = openLogged(t, p.URL("postgres"), log.Logger()); return nil })
	if took > longest {
		t.Errorf("Open took %s, want at most %s", took, longest)
	}
	for range 3 {
		took, err := timed(func() error { return second(s.Get(ctx, "none")) })
		if !errors.Is(err, database.ErrUnavailable) || took > atOnce {
			t.Errorf("Get: got %v in %s, want ErrUnavailable at once", err, took)
		}
		if !strings.Contains(err.Error(), "connect") || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("got %q, want the cause and no password", err)
		}
	}
	if s.Up(ctx) {
		t.Error("Up: got true, want false")
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	back := databasetest.Eventually(t, longest, "the server is used", func() bool { return s.Up(ctx) })
	create(t, s, "x")
	t.Logf("in use %s after the server answered", back)
	for line, want := range map[string]int{"PostgreSQL is not available": 1, "database migrated": 1, "PostgreSQL is available": 1, "secret-word": 0} {
		if got := log.Count(line); got != want {
			t.Errorf("got %d log lines with %q, want %d:\n%s", got, line, want, log)
		}
	}
}

// A server that hangs with its connections open costs the first callers their
// timeout, and no later caller.
func TestPostgresHangs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := databasetest.Own(t)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	log := &databasetest.Log{}
	s := openLogged(t, p.URL("postgres"), log.Logger())
	id := create(t, s, "x")
	for round := range 2 {
		p.SignalAll(processtest.Pause)
		if took, up := timed(func() error { return boolErr(s.Up(ctx)) }); up == nil || took > time.Second {
			t.Errorf("Up: got %v in %s, want false within 1s", up == nil, took)
		}
		var wg sync.WaitGroup
		for range 30 { // more than there are connections
			wg.Go(func() {
				took, err := timed(func() error { return second(s.Get(ctx, id)) })
				if !errors.Is(err, database.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || took > longest {
					t.Errorf("Get: got %v in %s, want only ErrUnavailable within %s", err, took, longest)
				}
			})
		}
		wg.Wait()
		for range 20 {
			if took, err := timed(func() error { return second(s.Get(ctx, id)) }); !errors.Is(err, database.ErrUnavailable) || took > atOnce {
				t.Errorf("Get while known to be down: got %v in %s, want ErrUnavailable at once", err, took)
			}
		}
		p.SignalAll(processtest.Resume)
		back := databasetest.Eventually(t, longest, "the server is used", func() bool { return second(s.Get(ctx, id)) == nil })
		t.Logf("in use %s after the server went on", back)
		for line, want := range map[string]int{"PostgreSQL is down": round + 1, "PostgreSQL is available": round + 1} {
			if got := log.Count(line); got != want {
				t.Errorf("got %d log lines with %q, want %d:\n%s", got, line, want, log)
			}
		}
	}
}

func boolErr(ok bool) error {
	if !ok {
		return errors.New("false")
	}
	return nil
}

// Through stops and starts under load no call returns an error other than
// ErrUnavailable, none takes long, and no acknowledged text is lost.
func TestPostgresStopsUnderLoad(t *testing.T) {
	t.Parallel()
	p := databasetest.Own(t)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	log := &databasetest.Log{}
	s := openLogged(t, p.URL("postgres"), log.Logger())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg sync.WaitGroup
	var created, refused atomic.Int64
	for n := range 12 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				took, err := timed(func() error {
					id, err := s.Create(context.Background(), fmt.Sprint(n, i))
					if err != nil {
						return err
					}
					created.Add(1)
					return errors.Join(
						s.Update(context.Background(), id, "updated"),
						second(s.Get(context.Background(), id)))
				})
				if took > 3*longest { // three calls
					t.Errorf("took %s", took)
				}
				if errors.Is(err, database.ErrUnavailable) {
					refused.Add(1)
					time.Sleep(time.Millisecond) // a client that tries again, not a busy loop
				} else if err != nil {
					t.Errorf("got %v, want ErrUnavailable", err)
					return
				}
			}
		})
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		before := created.Load()
		databasetest.Eventually(t, 10*time.Second, "load", func() bool { return created.Load() > before+100 })
		before = refused.Load()
		if signal == syscall.SIGKILL {
			p.SignalAll(signal)
		} else {
			p.Stop(signal)
		}
		databasetest.Eventually(t, longest, "clients receive an error", func() bool { return refused.Load() > before })
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		before = created.Load()
		back := databasetest.Eventually(t, longest, "texts are created again", func() bool { return created.Load() > before })
		t.Logf("after %s: in use %s after the server answered", signal, back)
	}
	cancel()
	wg.Wait()
	// Texts that were not acknowledged may also be there.
	if got := int64(len(all(t, s))); got < created.Load() {
		t.Errorf("got %d texts, want the %d acknowledged ones", got, created.Load())
	}
	if n := log.Count("was lost"); n > 6 {
		t.Errorf("got %d outages in the log for 3:\n%s", n, log)
	}
}

// A server that hangs does not keep the one that unlocks after a migration: the
// context with which goose unlocks never ends.
func TestPostgresHangsAtUnlock(t *testing.T) {
	t.Parallel()
	url, silence := relay(t, databasetest.Shared(t).NewDatabase(t), 0)
	pool, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	locker := database.MigrationLock{}
	if err := locker.SessionLock(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	silence()
	took, err := timed(func() error { return locker.SessionUnlock(context.WithoutCancel(t.Context()), conn) })
	if !errors.Is(err, context.DeadlineExceeded) || took > longest {
		t.Errorf("got %v after %s, want context.DeadlineExceeded within %s", err, took, longest)
	}
}

// The existing connections to PostgreSQL fall silent, as when its host dies and
// another takes over its address. Callers that hold one fail in time; the next
// callers are not handed one that was idle.
func TestPostgresConnectionsFallSilent(t *testing.T) {
	t.Parallel()
	shared := databasetest.Shared(t)
	url, silence := relay(t, shared.NewDatabase(t), 0)
	s := open(t, url)
	id := create(t, s, "x")
	get := func() error { return second(s.Get(context.Background(), id)) }
	for round := range 3 {
		// As many that wait for a lock at the same time open every connection.
		other, tx := lock(t, url, "LOCK TABLE things")
		var wg sync.WaitGroup
		for range readers {
			wg.Go(func() {
				if err := get(); err != nil {
					t.Errorf("round %d: Get before: %v", round, err)
				}
			})
		}
		databasetest.Eventually(t, longest, "every connection waits", func() bool { return lockWaiters(t, other) == readers })
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()

		silence()
		if took, err := timed(get); !errors.Is(err, database.ErrUnavailable) || took > longest {
			t.Errorf("round %d: Get over a silent connection: got %v in %s, want ErrUnavailable within %s", round, err, took, longest)
		}
		databasetest.Eventually(t, longest, "another connection is used", func() bool { return get() == nil })
		for range 30 {
			wg.Go(func() {
				if took, err := timed(get); err != nil || took > longest/2 {
					t.Errorf("round %d: Get afterwards: got %v in %s", round, err, took)
				}
			})
		}
		wg.Wait()
	}
}

// Many clients that ask whether the server answers, over a slow network, are no
// sign that it does not.
func TestManyPings(t *testing.T) {
	t.Parallel()
	shared := databasetest.Shared(t)
	url, _ := relay(t, shared.NewDatabase(t), 5*time.Millisecond)
	s := open(t, url)
	var down atomic.Int64
	for range 3 { // if the machine pauses, all of them fail together
		var wg sync.WaitGroup
		down.Store(0)
		for range 300 { // one after the other, they would take 3 s
			wg.Go(func() {
				if !s.Up(context.Background()) {
					down.Add(1)
				}
			})
		}
		wg.Wait()
		if down.Load() == 0 {
			return
		}
	}
	t.Errorf("%d of 300 callers were told that it does not answer", down.Load())
}

// relay stands between a client and the PostgreSQL of url, and delays what it
// forwards. silence stops forwarding over the existing connections without
// closing them.
func relay(t *testing.T, url string, delay time.Duration) (relayed string, silence func()) {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	target := net.JoinHostPort(config.Host, fmt.Sprint(config.Port))
	var silences atomic.Int64
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			born := silences.Load()
			pass := func(to, from net.Conn) {
				buffer := make([]byte, 64<<10)
				for {
					n, err := from.Read(buffer)
					time.Sleep(delay)
					if silences.Load() == born {
						to.Write(buffer[:n])
					}
					if err != nil {
						to.Close()
						return
					}
				}
			}
			go pass(client, server)
			go pass(server, client)
		}
	}()
	return strings.Replace(url, target, listener.Addr().String(), 1), func() { silences.Add(1) }
}

// A restart leaves dead connections behind. The first caller finds one of them;
// nobody does once the server is in use again.
func TestPostgresDropsConnections(t *testing.T) {
	t.Parallel()
	shared := databasetest.Shared(t)
	url := shared.NewDatabase(t)
	s := open(t, url)
	id := create(t, s, "x")
	get := func() error { return second(s.Get(context.Background(), id)) }
	// together has a lock make as many Gets wait as there may be connections.
	together := func() (err error) {
		other, tx := lock(t, url, "LOCK TABLE things")
		ended := make(chan error, readers)
		for range readers {
			go func() { ended <- get() }()
		}
		databasetest.Eventually(t, longest, "each Get has a connection", func() bool { return lockWaiters(t, other)+len(ended) == readers })
		_ = tx.Rollback()
		for range readers {
			err = errors.Join(err, <-ended)
		}
		return err
	}
	for range 2 { // pgx checks a connection before its second use, not its third
		if err := together(); err != nil {
			t.Fatal(err)
		}
	}
	databasetest.Exec(t, url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	databasetest.Eventually(t, longest, "a caller finds a dead connection", func() bool { return errors.Is(get(), database.ErrUnavailable) })
	databasetest.Eventually(t, longest, "the server is used", func() bool { return get() == nil })
	if err := together(); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// lock runs a statement in a transaction of another client; both end with the
// test.
func lock(t *testing.T, url, statement string) (*sql.DB, *sql.Tx) {
	t.Helper()
	other, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tx.Rollback() })
	if _, err := tx.Exec(statement); err != nil {
		t.Fatal(err)
	}
	return other, tx
}

// lockWaiters returns how many connections to the database wait for a lock.
func lockWaiters(t *testing.T, other *sql.DB) (n int) {
	t.Helper()
	err := other.QueryRow("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// While another client of the database holds a lock, the operations that wait
// for it fail in time, or end as soon as their own client disconnects, and
// neither counts as an outage.
func TestPostgresLockedRow(t *testing.T) {
	t.Parallel()
	shared := databasetest.Shared(t)
	url := shared.NewDatabase(t)
	log := &databasetest.Log{}
	s := openLogged(t, url, log.Logger())
	id := create(t, s, "x")
	other, tx := lock(t, url, "UPDATE things SET text = text")

	ctx, cancel := context.WithCancel(context.Background())
	left := make(chan error)
	go func() { left <- s.Update(ctx, id, "y") }()
	databasetest.Eventually(t, longest, "Update waits for the row", func() bool { return lockWaiters(t, other) > 0 })
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) || errors.Is(err, database.ErrUnavailable) {
		t.Errorf("Update whose client disconnected: got %v, want context.Canceled", err)
	}
	if err := second(s.Get(context.Background(), id)); err != nil || strings.Contains(log.String(), "lost") {
		t.Errorf("Get afterwards: got %v, want no outage; log:\n%s", err, log)
	}

	update := func() error { return s.Update(context.Background(), id, "y") }
	took, err := timed(update)
	if !errors.Is(err, database.ErrUnavailable) || took > longest {
		t.Errorf("Update of a locked row: got %v in %s, want ErrUnavailable within %s", err, took, longest)
	}
	if err := second(s.Get(context.Background(), id)); err != nil || strings.Contains(log.String(), "lost") {
		t.Errorf("Get after the timeout of an Update: got %v, want no outage; log:\n%s", err, log)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	databasetest.Eventually(t, longest, "the row can be updated", func() bool { return update() == nil })
}

// A client that alters the table blocks more operations than there are
// connections. Each fails in time, and the database counts as up.
func TestPostgresLockedTable(t *testing.T) {
	t.Parallel()
	shared := databasetest.Shared(t)
	url := shared.NewDatabase(t)
	log := &databasetest.Log{}
	s := openLogged(t, url, log.Logger())
	id := create(t, s, "x")
	other, tx := lock(t, url, "LOCK TABLE things")
	get := func() error { return second(s.Get(context.Background(), id)) }

	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			if took, err := timed(get); !errors.Is(err, database.ErrUnavailable) || took > longest {
				t.Errorf("Get from a locked table: got %v in %s, want ErrUnavailable within %s", err, took, longest)
			}
		})
	}
	databasetest.Eventually(t, longest, "all connections wait", func() bool { return lockWaiters(t, other) == readers })
	if !s.Up(context.Background()) {
		t.Error("Up while all connections wait: got false, want true")
	}
	wg.Wait()
	_ = tx.Rollback()
	if err := get(); err != nil || strings.Contains(log.String(), "lost") {
		t.Errorf("Get from the table when it is free: got %v, want no outage; log:\n%s", err, log)
	}
}

// A server that answers with a refusal is asked each time: where only writes
// are refused, reads go on.
func TestPostgresReadOnly(t *testing.T) {
	t.Parallel()
	shared := databasetest.Shared(t)
	url := shared.NewDatabase(t)
	id := create(t, open(t, url), "x")
	log := &databasetest.Log{}
	s := openLogged(t, url+"&default_transaction_read_only=on", log.Logger())
	if _, err := s.Create(context.Background(), "y"); !errors.Is(err, database.ErrUnavailable) {
		t.Errorf("Create on a standby: got %v, want ErrUnavailable", err)
	}
	if _, err := s.Get(context.Background(), id); err != nil {
		t.Errorf("Get on a standby: %v", err)
	}
	if strings.Contains(log.String(), "lost") {
		t.Errorf("a refusal was taken for an outage:\n%s", log)
	}
}

// While another client's open transaction blocks every write, reads go on. A
// write that timed out may have been made later; one that was never sent was
// not.
func TestPostgresBlockedWrites(t *testing.T) {
	t.Parallel()
	url := databasetest.Shared(t).NewDatabase(t)
	log := &databasetest.Log{}
	s := openLogged(t, url, log.Logger())
	id := create(t, s, "x")
	_, tx := lock(t, url, "LOCK TABLE things IN SHARE ROW EXCLUSIVE MODE") // as an uncommitted INSERT blocks those of items
	var timedOut, busy atomic.Int64
	var writers sync.WaitGroup
	for range 30 {
		writers.Go(func() {
			took, err := timed(func() error { return second(s.Create(context.Background(), "y")) })
			switch {
			case !errors.Is(err, database.ErrUnavailable) || took > longest:
				t.Errorf("Create: got %v in %s, want ErrUnavailable within %s", err, took, longest)
			case errors.Is(err, database.ErrOutcomeUnknown):
				timedOut.Add(1)
			default:
				busy.Add(1)
			}
		})
	}
	reads := 0
	for done := false; !done; reads++ {
		if took, err := timed(func() error { return second(s.Get(context.Background(), id)) }); err != nil || took > atOnce {
			t.Errorf("Get: got %v in %s", err, took)
		}
		done = timedOut.Load()+busy.Load() == 30
	}
	writers.Wait()
	if timedOut.Load() == 0 || busy.Load() == 0 {
		t.Errorf("got %d writes whose outcome is unknown and %d that were not sent, want some of both", timedOut.Load(), busy.Load())
	}
	if !s.Up(context.Background()) || log.Count("lost") > 0 {
		t.Errorf("blocked writes were taken for an outage:\n%s", log)
	}
	_ = tx.Rollback()
	create(t, s, "z")
	t.Logf("%d reads meanwhile", reads)
}

// A commit that waits for a synchronous standby that is missing times out and is
// there all the same, so the error says that the outcome is unknown. A
// transaction that failed before its commit was certainly not made.
func TestPostgresOutcomeUnknown(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := startOwn(t)
	s := open(t, p.URL("postgres"))
	id := create(t, s, "x")
	p.Set(t, "synchronous_standby_names", "missing")
	databasetest.Eventually(t, 5*longest, "a commit waits for the standby", func() bool { return second(s.Create(ctx, "waits")) != nil })
	for name, write := range map[string]func() error{
		"Create": func() error { return second(s.Create(ctx, "y")) },
		"Update": func() error { return s.Update(ctx, id, "z") },
	} {
		if err := write(); !errors.Is(err, database.ErrUnavailable) || !errors.Is(err, database.ErrOutcomeUnknown) {
			t.Errorf("%s: got %v, want ErrUnavailable and ErrOutcomeUnknown", name, err)
		}
	}
	// Otherwise this test shows nothing. PostgreSQL shows the change as soon as it has
	// noticed that nobody waits for its commit any more.
	databasetest.Eventually(t, 5*longest, "the update is there", func() bool { return all(t, s)[id] == "z" })
	err := s.Transaction(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "SELECT pg_sleep(5)")
		return err
	})
	if !errors.Is(err, database.ErrUnavailable) || errors.Is(err, database.ErrOutcomeUnknown) {
		t.Errorf("a timeout before the commit: got %v, want ErrUnavailable alone", err)
	}
}

// losingConn loses the connection when the answer to a COMMIT arrives.
type losingConn struct {
	net.Conn
	committed atomic.Bool
}

func (c *losingConn) Write(p []byte) (int, error) {
	c.committed.Store(bytes.Contains(p, []byte("commit\x00")))
	return c.Conn.Write(p)
}

func (c *losingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.committed.Load() && n > 0 {
		c.Conn.Close()
		return 0, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return n, err
}

// The connection is lost after the server has made a commit and before the client
// hears of it, so the error says that the outcome is unknown.
func TestPostgresCommitUnanswered(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := databasetest.Shared(t).NewDatabase(t)
	other := open(t, url)
	id := create(t, other, "x")
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return &losingConn{Conn: conn}, err
	}
	db, err := database.Open(ctx, url, dial, slog.New(slog.DiscardHandler), migrations("things"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Transaction(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE things SET text = 'y' WHERE id = $1", id)
		return err
	})
	if !errors.Is(err, database.ErrUnavailable) || !errors.Is(err, database.ErrOutcomeUnknown) {
		t.Errorf("got %v, want ErrUnavailable and ErrOutcomeUnknown", err)
	}
	if text := all(t, other)[id]; text != "y" {
		t.Errorf("got %q, want the update: otherwise this test shows nothing", text)
	}
}
