package database_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/api/internal/database"
)

// With a full disk only writes fail, nothing is lost, and writes succeed again
// when there is room.
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
	acknowledged := map[string]string{}
	var last string // the last id that was acknowledged
	fill := func() {
		t.Helper()
		for start := time.Now(); ; {
			text := strings.Repeat("y", 1000)
			id, err := s.Create(ctx, text)
			if err == nil {
				acknowledged[id] = text
				last = id
				continue
			}
			if !errors.Is(err, database.ErrUnavailable) || time.Since(start) > 30*time.Second {
				t.Fatalf("Create on a full disk: got %v, want ErrUnavailable", err)
			}
			return
		}
	}
	check := func(what string, s things) {
		t.Helper()
		if diff := cmp.Diff(acknowledged, all(t, s)); diff != "" {
			t.Fatalf("%s (-acknowledged +got):\n%s", what, diff)
		}
	}
	fill()
	first := len(acknowledged)
	for range 3 { // each leaves the connection usable
		text := strings.Repeat("z", 1000)
		if err := s.Update(ctx, last, text); err == nil {
			acknowledged[last] = text
		} else if !errors.Is(err, database.ErrUnavailable) {
			t.Errorf("Update on a full disk: got %v, want ErrUnavailable", err)
		}
	}
	check("full", s)
	if !s.Up(ctx) {
		t.Error("Up: got false, want true: reads go on")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	fill()
	if first == 0 || len(acknowledged) <= first {
		t.Errorf("got %d texts before and %d after there was room again", first, len(acknowledged))
	}
	check("full again", s)
	check("opened again", open(t, url))
}
