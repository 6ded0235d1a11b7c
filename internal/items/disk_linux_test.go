package items_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/api/internal/items"
)

// A full disk refuses writes and nothing else, loses nothing, and is used
// again when there is room.
func TestSQLiteFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("SKIP: a small disk cannot be mounted (%v); run the test as root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 400<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	url := "file:" + filepath.Join(dir, "app.db")
	s := open(t, url)
	var acknowledged []items.Item
	fill := func() {
		t.Helper()
		for start := time.Now(); ; {
			item, err := s.Create(ctx, items.Draft{Name: "x", Note: strings.Repeat("y", 1000)})
			if err == nil {
				acknowledged = append(acknowledged, item)
				continue
			}
			if !errors.Is(err, items.ErrUnavailable) || time.Since(start) > 30*time.Second {
				t.Fatalf("Create on a full disk: got %v, want ErrUnavailable", err)
			}
			return
		}
	}
	check := func(what string, s *items.Store) {
		t.Helper()
		list := all(t, s)
		if len(list) != len(acknowledged) {
			t.Fatalf("%s: got %d items, want %d", what, len(list), len(acknowledged))
		}
		for i, want := range acknowledged {
			if list[i] != want {
				t.Fatalf("%s: item %d: got %+v, want %+v", what, i, list[i], want)
			}
		}
	}
	fill()
	first := len(acknowledged)
	for range 3 { // each leaves the connection as good as before
		note := strings.Repeat("z", 1000)
		if _, err := s.Update(ctx, acknowledged[0].ID, items.Patch{Note: &note}); err != nil && !errors.Is(err, items.ErrUnavailable) {
			t.Errorf("Update on a full disk: got %v, want ErrUnavailable", err)
		} else if err == nil {
			acknowledged[0], _ = s.Get(ctx, acknowledged[0].ID)
		}
	}
	check("full", s)
	if !s.Up(ctx) {
		t.Error("Up: got false, want true: reading goes on")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	fill()
	if first == 0 || len(acknowledged) <= first {
		t.Errorf("got %d items before and %d after there was room again", first, len(acknowledged))
	}
	check("full again", s)
	check("opened anew", open(t, url))
}
