package database_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/api/internal/database"
	"example.com/api/internal/database/databasetest"
	"example.com/api/internal/processtest"
)

// startOwn returns a running server of the test's own.
func startOwn(t *testing.T) *databasetest.Postgres {
	t.Helper()
	p := databasetest.Own(t)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// The first of two hosts is fenced and the second is writable: writes move
// there, and there is nothing else that would close the connections.
func TestPostgresFencedHost(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	first, second := startOwn(t), startOwn(t)
	other := open(t, second.URL("postgres")) // creates the table
	log := &databasetest.Log{}
	s := openLogged(t, databasetest.URL("postgres", first, second), log.Logger())
	create(t, s, "on the first")
	if got := len(all(t, s)); got != 1 || !s.Up(ctx) {
		t.Fatalf("before: got %d texts and up: %t, want 1 and true", got, s.Up(ctx))
	}
	first.Set(t, "default_transaction_read_only", "on")
	// The first host may take some more writes before it has read its settings.
	back := databasetest.Eventually(t, longest, "writes are back, on the second host", func() bool {
		_, err := s.Create(ctx, "on the second")
		return err == nil && len(all(t, other)) > 0
	})
	t.Logf("writes were back after %s", back)
	databasetest.Eventually(t, longest, "reads move, too", func() bool {
		return s.Up(ctx) && len(all(t, s)) == len(all(t, other))
	})
	if strings.Contains(log.String(), "secret-word") {
		t.Errorf("the password is in the log:\n%s", log)
	}
}

// While no operation runs, the server that has taken over is found all the same,
// so that not even the first write fails.
func TestPostgresFailoverWhileIdle(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, tt := range []struct {
		name string
		fail func(*databasetest.Postgres)
	}{
		{"fenced", func(p *databasetest.Postgres) { p.Set(t, "default_transaction_read_only", "on") }},
		{"stopped", func(p *databasetest.Postgres) { p.Stop(syscall.SIGQUIT) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			first, second := startOwn(t), startOwn(t)
			log := &databasetest.Log{}
			s := openLogged(t, databasetest.URL("postgres", first, second), log.Logger())
			if !s.Up(ctx) {
				t.Fatal("before: got down, want up")
			}
			tt.fail(first)
			databasetest.Eventually(t, longest, "the second host is used", func() bool { return log.Count("PostgreSQL is available") == 1 })
			create(t, s, "on the second")
		})
	}
}

// A server takes no writes for a while, by a setting of the server or of the
// database: reads go on, it counts as down, and writes are back in time.
func TestPostgresReadOnlyForAWhile(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := startOwn(t)
	admin := p.URL("postgres") + "&default_transaction_read_only=off"
	log := &databasetest.Log{}
	s := openLogged(t, p.URL("postgres")+"&target_session_attrs=read-write", log.Logger()) // which must not stop reads
	id := create(t, s, "x")
	write := func() error { return second(s.Create(ctx, "y")) }
	for n, tt := range []struct {
		name    string
		on, off func()
	}{
		{"server", func() { p.Set(t, "default_transaction_read_only", "on") }, func() { p.Set(t, "default_transaction_read_only", "off") }},
		// This applies to new connections alone.
		{"database", func() {
			databasetest.Exec(t, admin, "ALTER DATABASE postgres SET default_transaction_read_only = on")
			databasetest.Exec(t, admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
		}, func() { databasetest.Exec(t, admin, "ALTER DATABASE postgres RESET default_transaction_read_only") }},
	} {
		tt.on()
		databasetest.Eventually(t, longest, tt.name+": down", func() bool {
			err := write()
			if err != nil && !errors.Is(err, database.ErrUnavailable) {
				t.Fatalf("%s: Create: got %v, want ErrUnavailable", tt.name, err)
			}
			return err != nil && !s.Up(ctx) && second(s.Get(ctx, id)) == nil
		})
		for range 20 {
			took, err := timed(write)
			if !errors.Is(err, database.ErrUnavailable) || took > atOnce {
				t.Errorf("%s: Create: got %v in %s, want ErrUnavailable at once", tt.name, err, took)
			}
			if text, err := s.Get(ctx, id); text != "x" || err != nil {
				t.Errorf("%s: Get: got %q, %v", tt.name, text, err)
			}
			if s.Up(ctx) {
				t.Errorf("%s: Up: got true, want false", tt.name)
			}
		}
		tt.off()
		back := databasetest.Eventually(t, longest, tt.name+": writes are back", func() bool { return write() == nil })
		t.Logf("%s: writes were back after %s", tt.name, back)
		if !s.Up(ctx) {
			t.Errorf("%s: Up afterwards: got false, want true", tt.name)
		}
		if n := n + 1; log.Count("level=WARN") != n || log.Count("PostgreSQL is available") != n {
			t.Errorf("%s: got %d warnings and %d lines of its return, want %d each:\n%s", tt.name, log.Count("level=WARN"), log.Count("PostgreSQL is available"), n, log)
		}
	}
}

// A standby is promoted after the primary was killed, hangs, or is demoted. No
// call takes long, writes are back in time, and no acknowledged text is lost.
func TestPostgresPromotion(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		fail func(t *testing.T, primary *databasetest.Postgres)
	}{
		{"killed", func(_ *testing.T, p *databasetest.Postgres) { p.SignalAll(syscall.SIGKILL) }},
		{"hung", func(_ *testing.T, p *databasetest.Postgres) { p.SignalAll(processtest.Pause) }},
		{"stopped", func(_ *testing.T, p *databasetest.Postgres) { p.Stop(syscall.SIGINT) }},
		{"fenced", func(t *testing.T, p *databasetest.Postgres) { p.Set(t, "default_transaction_read_only", "on") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			primary := startOwn(t)
			standby := primary.Standby(t)
			s := open(t, databasetest.URL("postgres", primary, standby))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			var clients sync.WaitGroup
			var refused atomic.Int64
			var mu sync.Mutex
			acknowledged := map[string]bool{}
			count := func() int { mu.Lock(); defer mu.Unlock(); return len(acknowledged) }
			for n := range 6 {
				clients.Go(func() {
					for i := 0; ctx.Err() == nil; i++ {
						var id string
						took, err := timed(func() (err error) { id, err = s.Create(context.Background(), fmt.Sprint(n, i)); return err })
						if took > longest {
							t.Errorf("Create took %s", took)
						}
						switch {
						case err == nil:
							mu.Lock()
							acknowledged[id] = true
							mu.Unlock()
						case errors.Is(err, database.ErrUnavailable):
							refused.Add(1)
							time.Sleep(time.Millisecond)
						default:
							t.Errorf("Create: got %v, want ErrUnavailable", err)
							return
						}
					}
				})
			}
			databasetest.Eventually(t, 10*time.Second, "load", func() bool { return count() > 100 })
			tt.fail(t, primary)
			databasetest.Eventually(t, 2*longest, "clients receive errors, and it counts as down", func() bool { return refused.Load() > 0 && !s.Up(ctx) })
			standby.Promote(t)
			before := count()
			back := databasetest.Eventually(t, longest, "writes are back", func() bool { return count() > before })
			t.Logf("writes were back %s after the promotion", back)
			databasetest.Eventually(t, longest, "it counts as up", func() bool { return s.Up(ctx) })
			before = count()
			databasetest.Eventually(t, 10*time.Second, "load afterwards", func() bool { return count() > before+100 })
			cancel()
			clients.Wait()
			texts := all(t, s)
			for id := range acknowledged {
				if _, found := texts[id]; !found {
					t.Errorf("%s was acknowledged and is lost", id)
				}
			}
			// A host that hangs does not slow down new connections.
			if _, err := timed(func() error { return second(s.Create(context.Background(), "x")) }); err != nil {
				t.Errorf("Create afterwards: %v", err)
			}
		})
	}
}
