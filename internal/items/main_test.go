package items_test

import (
	"context"
	"database/sql/driver"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	"modernc.org/sqlite"

	"example.com/api/internal/database"
	"example.com/api/internal/database/databasetest"
	"example.com/api/internal/items"
)

func TestMain(m *testing.M) {
	sqlite.MustRegisterDeterministicScalarFunction("instr", 2, comparisons.instr)
	os.Exit(databasetest.Run(m))
}

// comparisons counts what searches in SQLite compare. Its instr takes the place
// of SQLite's own.
var comparisons = &counts{ofText: make(map[string]int64)}

type counts struct {
	mu     sync.Mutex
	ofText map[string]int64 // by the text that is looked for
}

func (c *counts) instr(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	in, text := args[0].(string), args[1].(string)
	c.mu.Lock()
	c.ofText[text]++
	c.mu.Unlock()
	return int64(strings.Index(in, text) + 1), nil
}

// of returns how many items were compared with the text; each is a name and a note.
func (c *counts) of(text string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return (c.ofText[text] + 1) / 2
}

// open opens a store and closes its database when the test ends.
func open(t testing.TB, url string) items.Store {
	t.Helper()
	return openLogged(t, url, slog.New(slog.DiscardHandler))
}

func openLogged(t testing.TB, url string, log *slog.Logger) items.Store {
	t.Helper()
	db, err := database.Open(context.Background(), url, nil, log, items.Migrations())
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return items.Store{DB: db}
}

// create stores an item or ends the test.
func create(t testing.TB, s items.Store, name, note string) items.Item {
	t.Helper()
	item, err := s.Create(context.Background(), items.Draft{Name: name, Note: note})
	if err != nil {
		t.Fatalf("Create(%q, %q): %v", name, note, err)
	}
	return item
}

// all reads the whole list, page by page.
func all(t testing.TB, s items.Store) []items.Item {
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
