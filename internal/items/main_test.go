package items_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/api/internal/items"
)

// sharedPostgres starts one server for all tests that do not stop it.
var (
	sharedPostgres = sync.OnceValues(func() (*postgres, error) {
		p, err := newPostgres()
		if err != nil {
			return nil, err
		}
		startedPostgres = p
		return p, p.start()
	})
	startedPostgres *postgres // nil: no test asked for it
)

func TestMain(m *testing.M) {
	if role := os.Getenv("ITEMS_TEST_ROLE"); role != "" {
		os.Exit(runRole(role))
	}
	status := m.Run()
	if p := startedPostgres; p != nil {
		p.stop(syscall.SIGQUIT)
		os.RemoveAll(p.dir)
	}
	os.Exit(status)
}

// eachDatabase runs one test against both databases; newURL makes an empty one.
func eachDatabase(t *testing.T, test func(t *testing.T, newURL func(t testing.TB) string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, newSQLite)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		p, err := sharedPostgres()
		needPostgres(t, err)
		test(t, p.newDatabase)
	})
}

func newSQLite(t testing.TB) string {
	return "file:" + filepath.Join(t.TempDir(), "app.db")
}

// open opens a store and closes it when the test ends.
func open(t testing.TB, url string) *items.Store {
	t.Helper()
	return openLogged(t, url, slog.New(slog.DiscardHandler))
}

func openLogged(t testing.TB, url string, log *slog.Logger) *items.Store {
	t.Helper()
	s, err := items.Open(context.Background(), url, log)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// create stores an item or ends the test.
func create(t testing.TB, s *items.Store, name, note string) items.Item {
	t.Helper()
	item, err := s.Create(context.Background(), items.Draft{Name: name, Note: note})
	if err != nil {
		t.Fatalf("Create(%q, %q): %v", name, note, err)
	}
	return item
}

// all reads the whole list, page by page.
func all(t testing.TB, s *items.Store) []items.Item {
	t.Helper()
	var list []items.Item
	for cursor := ""; ; {
		page, err := s.List(context.Background(), cursor, 100)
		if err != nil {
			t.Fatalf("List(%q): %v", cursor, err)
		}
		list = append(list, page.Items...)
		if cursor = page.Next; cursor == "" {
			return list
		}
	}
}

// eventually polls until ok and returns how long that took; it ends the test
// after limit.
func eventually(t testing.TB, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > limit {
			t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(start)
}

// logBuffer collects log lines of a store.
type logBuffer struct {
	mu   sync.Mutex
	text []byte
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	return len(p), nil
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text)
}

func (b *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
