package items_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/api/internal/items"
)

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tt := range []struct{ name, url, want string }{
		{"no URL", "", "no scheme that is known; write file:app.db"},
		{"a path", "app.db", "no scheme that is known; write file:app.db"},
		{"another database", "mysql://u:secret-word@h/d", "no scheme that is known"},
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
			s, err := items.Open(context.Background(), tt.url, slog.New(slog.DiscardHandler))
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

// A file that is no database is refused and stays what it is, alone in its
// directory.
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
			s, err := items.Open(context.Background(), "file:"+path, slog.New(slog.DiscardHandler))
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

// A path is taken as it is, whatever its characters mean in a URL.
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
			create(t, s, "x", "")
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

// What CheckURL says of a URL, however broken, does not hold its password.
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
			if err := items.CheckURL(url); err != nil && strings.Contains(err.Error(), password) {
				t.Fatalf("%q: the password is in the message: %v", url, err)
			}
		}
	})
}
