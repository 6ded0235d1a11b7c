package database_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/api/internal/database"
	"example.com/api/internal/database/databasetest"
)

// An SQLite file that is removed or replaced under the running server is noticed
// at once: nothing is acknowledged that would be lost with it. It is used again
// when both of its files are back.
func TestSQLiteFileIsGone(t *testing.T) {
	t.Parallel()
	move := func(t *testing.T, from, to string, suffixes ...string) {
		t.Helper()
		for _, suffix := range suffixes {
			if err := os.Rename(from+suffix, to+suffix); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		remove func(t *testing.T, path, away string)
		back   func(t *testing.T, path, away string) // nil: it cannot come back
	}{
		{"removed", func(t *testing.T, path, _ string) {
			if err := errors.Join(os.Remove(path), os.Remove(path+"-wal"), os.Remove(path+"-shm")); err != nil {
				t.Fatal(err)
			}
		}, nil},
		{"file moved away", func(t *testing.T, path, away string) { move(t, path, away, "") },
			func(t *testing.T, path, away string) { move(t, away, path, "") }},
		{"all files moved away", func(t *testing.T, path, away string) { move(t, path, away, "", "-wal", "-shm") },
			func(t *testing.T, path, away string) { move(t, away, path, "", "-wal", "-shm") }},
		{"write-ahead log removed", func(t *testing.T, path, _ string) {
			if err := os.Remove(path + "-wal"); err != nil {
				t.Fatal(err)
			}
		}, nil},
		{"replaced", func(t *testing.T, path, away string) {
			move(t, path, away, "", "-wal", "-shm")
			create(t, open(t, "file:"+path), "of another database")
		}, func(t *testing.T, path, away string) { move(t, away, path, "", "-wal", "-shm") }},
		{"directory moved away", func(t *testing.T, path, away string) { move(t, filepath.Dir(path), filepath.Dir(path)+"2", "") },
			func(t *testing.T, path, away string) { move(t, filepath.Dir(path)+"2", filepath.Dir(path), "") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			path, away := filepath.Join(dir, "app.db"), filepath.Join(dir, "away.db")
			log := &databasetest.Log{}
			s := openLogged(t, "file:"+path, log.Logger())
			id := create(t, s, "x")
			tt.remove(t, path, away)
			// Nobody asks: the log says so nevertheless.
			databasetest.Eventually(t, longest/2, "a log line", func() bool { return log.Count("level=WARN") == 1 })
			for range 3 {
				if took, err := timed(func() error { return second(s.Create(ctx, "y")) }); !errors.Is(err, database.ErrUnavailable) || took > atOnce {
					t.Errorf("Create: got %v in %s, want ErrUnavailable at once", err, took)
				}
				if err := s.Update(ctx, id, "y"); !errors.Is(err, database.ErrUnavailable) {
					t.Errorf("Update: got %v, want ErrUnavailable", err)
				}
				if _, err := s.Get(ctx, id); !errors.Is(err, database.ErrUnavailable) {
					t.Errorf("Get: got %v, want ErrUnavailable", err)
				}
				if s.Up(ctx) {
					t.Error("Up: got true, want false")
				}
			}
			if n := log.Count("level=WARN"); n != 1 || !strings.Contains(log.String(), path) {
				t.Errorf("got %d warnings, want 1 that names the file:\n%s", n, log)
			}
			if tt.back == nil {
				return
			}
			tt.back(t, path, away)
			databasetest.Eventually(t, longest/2, "a log line", func() bool { return log.Count("is back") == 1 })
			create(t, s, "z")
			if texts := all(t, s); len(texts) != 2 || texts[id] != "x" {
				t.Errorf("got %v, want what was there and one more", texts)
			}
			if !s.Up(ctx) {
				t.Error("Up afterwards: got false, want true")
			}
		})
	}
}

// A write that was committed into a file that had just been removed is not
// acknowledged.
func TestSQLiteFileIsGoneDuringWrite(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := databasetest.NewSQLite(t)
	s := open(t, url)
	id := create(t, s, "x")
	err := s.Write(ctx, func(ctx context.Context, pool *sql.DB) error {
		if _, err := pool.ExecContext(ctx, "UPDATE things SET text = 'y' WHERE id = $1", id); err != nil {
			t.Error(err)
		}
		return os.Remove(strings.TrimPrefix(url, "file:"))
	})
	if !errors.Is(err, database.ErrUnavailable) || !errors.Is(err, database.ErrOutcomeUnknown) {
		t.Errorf("Write: got %v, want ErrUnavailable and ErrOutcomeUnknown", err)
	}
}

// SQLite keeps the write-ahead log next to the file that a symbolic link names, not
// next to the link. Both the log and the link are watched.
func TestSQLiteFileIsGoneBehindLink(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for name, remove := range map[string]func(link, file string) error{
		"write-ahead log removed": func(_, file string) error { return os.Remove(file + "-wal") },
		"link removed":            func(link, _ string) error { return os.Remove(link) },
		"file removed":            func(_, file string) error { return os.Remove(file) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			link, file := filepath.Join(dir, "link.db"), filepath.Join(dir, "app.db")
			if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink(file, link)); err != nil {
				t.Fatal(err)
			}
			s := open(t, "file:"+link)
			create(t, s, "x")
			if err := remove(link, file); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Create(ctx, "y"); !errors.Is(err, database.ErrUnavailable) {
				t.Errorf("Create: got %v, want ErrUnavailable", err)
			}
		})
	}
}
