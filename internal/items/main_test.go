package items_test

import (
	"context"
	"log/slog"
	"os"
	"testing"

	"example.com/api/internal/database"
	"example.com/api/internal/database/databasetest"
	"example.com/api/internal/items"
)

func TestMain(m *testing.M) { os.Exit(databasetest.Run(m)) }

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
