package database_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"example.com/api/internal/database"
	"example.com/api/internal/database/databasetest"
)

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tt := range []struct{ name, url, want string }{
		{"no URL", "", "unknown scheme; write file:app.db"},
		{"a path", "app.db", "unknown scheme; write file:app.db"},
		{"another database", "mysql://u:secret-word@h/d", "unknown scheme"},
		{"no path", "file:", "names no file; write file:app.db"},
		{"memory", "file::memory:", "names no file"},
		{"host", "file://app.db", "names a host"},
		{"parameters", "file:" + dir + "/app.db?mode=memory", "has parameters"},
		{"directory", "file:" + dir, "is a directory"},
		{"device", "file:/dev/null", "or a device"},
		{"no such directory", "file:" + dir + "/none/app.db", "its directory must exist"},
		{"path through a file", "file:/dev/null/app.db", "not a directory"},
		{"no PostgreSQL URL", "postgres://u:secret-word@h:port/d", "cannot be read; write postgres://USER"},
		{"slash in the password", "postgres://u:secret-word/x@h/d", "cannot be read; write postgres://USER"},
		{"sslmode", "postgresql://u:secret-word@h/d?sslmode=maybe", "sslmode"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := database.Open(context.Background(), tt.url, nil, slog.New(slog.DiscardHandler))
			if err == nil {
				s.Close()
				t.Fatalf("Open(%q): got no error", tt.url)
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret-word") {
				t.Errorf("Open(%q): got %q, want it to say %q and no password", tt.url, err, tt.want)
			}
		})
	}
}

// A file that is not a database is rejected and left unchanged, with no other
// file beside it.
func TestOpenLeavesOtherFilesAlone(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{
		"one byte":        []byte("x"),
		"one zero byte":   {0},
		"text":            []byte("a shopping list\n"),
		"511 bytes":       bytes.Repeat([]byte("x"), 511),
		"512 bytes":       bytes.Repeat([]byte("x"), 512),
		"64 KiB":          bytes.Repeat([]byte("x"), 64<<10),
		"64 KiB of zeros": make([]byte, 64<<10),
		"a head alone":    []byte("SQLite format 3\x00"),
		"a good head":     append([]byte("SQLite format 3\x00"), bytes.Repeat([]byte("x"), 8192)...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "app.db")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := database.Open(context.Background(), "file:"+path, nil, slog.New(slog.DiscardHandler))
			if err == nil {
				s.Close()
				t.Fatal("Open: got no error")
			}
			if !strings.Contains(err.Error(), path) {
				t.Errorf("Open: got %q, want it to name the file", err)
			}
			after, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(content, after) {
				t.Errorf("the file was changed: %d bytes, then %d, %v", len(content), len(after), err)
			}
			if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
				t.Errorf("got %v beside the file", entries)
			}
		})
	}
}

// A path is taken literally, whatever its characters mean in a URL.
func TestOpenPaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, prefix := range []string{"file:", "file://"} {
		for _, name := range []string{"app.db", "my app.db", "100%.db", "a%20b.db", "a#b.db", "ä&_pragma=x.db", ":memory:"} {
			path := filepath.Join(dir, strings.TrimSuffix(prefix, ":"), name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			s := open(t, prefix+path)
			create(t, s, "x")
			for _, suffix := range []string{"", "-wal", "-shm"} {
				info, err := os.Stat(path + suffix)
				if err != nil {
					t.Errorf("%s: %v", prefix+path, err)
				} else if info.Mode().Perm() != 0o600 {
					t.Errorf("%s: got mode %s, want 0600", path+suffix, info.Mode())
				}
			}
		}
	}
}

// Replicas that start together all start, with one migration: on an empty
// database, and on one where goose has its table but ours is missing, so that
// all of them find the same work.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, url string){
		"empty": func(*testing.T, string) {},
		"pending": func(t *testing.T, url string) {
			if err := open(t, url).Close(); err != nil {
				t.Fatal(err)
			}
			for _, statement := range []string{"DROP TABLE things", "DELETE FROM things_migrations WHERE version_id > 0"} {
				databasetest.Exec(t, url, statement)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
				const replicas = 20
				url := newURL(t)
				prepare(t, url)
				log := &databasetest.Log{}
				stores := make([]things, replicas)
				var wg sync.WaitGroup
				for i := range stores {
					wg.Go(func() {
						var err error
						if stores[i].DB, err = database.Open(context.Background(), url, nil, log.Logger(), migrations("things")); err != nil {
							t.Errorf("Open: %v", err)
						}
					})
				}
				wg.Wait()
				if t.Failed() {
					return
				}
				for _, s := range stores {
					defer s.Close()
					create(t, s, "x")
				}
				if got := len(all(t, open(t, url))); got != replicas {
					t.Errorf("got %d texts, want %d", got, replicas)
				}
				if n := log.Count("database migrated"); n != 1 {
					t.Errorf("got %d migrations, want 1:\n%s", n, log)
				}
			})
		})
	}
}

// A migration that takes longer than Open may, such as one that builds an index
// of a large table, runs in the background until it is done.
func TestLongMigration(t *testing.T) {
	t.Parallel()
	url := databasetest.Shared(t).NewDatabase(t)
	slow := migrations("things")
	slow.Files.(fstest.MapFS)["migrations/postgres/00002_slow.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nSELECT pg_sleep(11);\n")}
	log := &databasetest.Log{}
	db, err := database.Open(t.Context(), url, nil, log.Logger(), slow)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if db.Up(t.Context()) {
		t.Error("Up during the migration: got true, want false")
	}
	databasetest.Eventually(t, time.Minute, "the migration has run", func() bool { return db.Up(t.Context()) })
	if n := log.Count("00002_slow.sql"); n != 1 {
		t.Errorf("got %d lines about the migration, want 1:\n%s", n, log)
	}
}

// Each resource counts its own migrations: those of a resource that is added
// later run too, and a database that is opened again is left as it is.
func TestMigrationsOfEachResource(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		url := newURL(t)
		log := &databasetest.Log{}
		for _, resources := range [][]database.Migrations{
			nil,
			{migrations("things")},
			{migrations("things"), migrations("orders")},
			{migrations("orders"), migrations("things")},
			nil,
		} {
			db, err := database.Open(context.Background(), url, nil, log.Logger(), resources...)
			if err != nil {
				t.Fatalf("Open with %d resources: %v", len(resources), err)
			}
			// On a busy machine, PostgreSQL may not respond to the first ping in time.
			databasetest.Eventually(t, 20*time.Second, fmt.Sprintf("Up with %d resources", len(resources)), func() bool { return db.Up(context.Background()) })
			if err := db.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		if n := log.Count("database migrated"); n != 2 {
			t.Errorf("got %d migrations, want 2:\n%s", n, log)
		}
	})
}

// The changes of a transaction, to the tables of several resources, are made
// all together or not at all; the operation's own error comes back as it is.
func TestTransaction(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		ctx := context.Background()
		log := &databasetest.Log{}
		db, err := database.Open(ctx, newURL(t), nil, log.Logger(), migrations("things"), migrations("orders"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		errOwn := errors.New("out of stock")
		for _, want := range []error{errOwn, sql.ErrNoRows, nil} {
			err := db.Transaction(ctx, func(ctx context.Context, tx *sql.Tx) error {
				_, err1 := tx.ExecContext(ctx, "INSERT INTO things (id, text) VALUES ('1', '')")
				_, err2 := tx.ExecContext(ctx, "INSERT INTO orders (id, text) VALUES ('1', '')")
				return errors.Join(err1, err2, want)
			})
			if !errors.Is(err, want) || errors.Is(err, database.ErrUnavailable) {
				t.Errorf("Transaction: got %v, want %v", err, want)
			}
			wantRows := 0
			if want == nil {
				wantRows = 2
			}
			var rows int
			err = db.Read(ctx, func(ctx context.Context, pool *sql.DB) error {
				return pool.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM things) + (SELECT count(*) FROM orders)").Scan(&rows)
			})
			if err != nil || rows != wantRows {
				t.Errorf("after a transaction that ended with %v: got %d rows, %v, want %d", want, rows, err, wantRows)
			}
		}
		if log.Count("lost") > 0 {
			t.Errorf("an operation's own error was taken for an outage:\n%s", log)
		}
	})
}

// Scans have connections of their own: as many as one client may start at a time
// keep nobody from reading and writing.
func TestScansDoNotStarveOthers(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		s := open(t, newURL(t))
		id := create(t, s, "x")
		started, end := make(chan struct{}, 30), make(chan struct{})
		var scans sync.WaitGroup
		for range cap(started) {
			scans.Go(func() {
				_ = s.Scan(t.Context(), func(ctx context.Context, _ *sql.DB) error {
					started <- struct{}{}
					select {
					case <-end:
					case <-ctx.Done():
					}
					return nil
				})
			})
		}
		<-started
		for range 20 {
			if text, err := s.Get(t.Context(), id); text != "x" || err != nil {
				t.Errorf("Get during scans: got %q, %v", text, err)
			}
			create(t, s, "y")
		}
		close(end)
		scans.Wait()
	})
}

// An operation that panics gives its connection back.
func TestPanic(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		s := open(t, newURL(t))
		for range 20 { // more than there are connections
			func() {
				defer func() { recover() }()
				s.Transaction(context.Background(), func(context.Context, *sql.Tx) error { panic("x") })
			}()
		}
		create(t, s, "x")
	})
}

// The error of CheckURL never holds the password, however malformed the URL.
func FuzzCheckURL(f *testing.F) {
	for _, seed := range [][2]string{{"", ""}, {"1/", "x"}, {"12?", "@"}, {":1 ", "="}, {"0", "?"}, {"0", "#"}, {"#", ""}, {"%", "\n"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		const password = "hunter2"
		for _, url := range []string{
			"postgres://u:" + before + password + after + "@host/db",
			"postgresql://" + before + password + after + "@host:x",
			"postgres://host/db?password=" + before + password + after,
			"postgres://user=u password=" + before + password + after,
		} {
			if err := database.CheckURL(url); err != nil && strings.Contains(err.Error(), password) {
				t.Fatalf("%q: the password is in the message: %v", url, err)
			}
		}
	})
}
