package database_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"example.com/api/internal/database"
	"example.com/api/internal/database/databasetest"
	"example.com/api/internal/processtest"
)

// runRole runs this test binary as a process of its own, which a test can kill,
// or which is not root.
func runRole(role string) (status int) {
	db, err := database.Open(context.Background(), os.Getenv("DATABASE_TEST_URL"), nil, slog.New(slog.DiscardHandler), migrations("things"))
	if err != nil {
		fmt.Println("open:", err)
		return 1
	}
	defer db.Close()
	s := things{db}
	switch role {
	case "write": // 8 clients, each of which prints what was acknowledged, until killed
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					id, err := s.Create(context.Background(), "x")
					if err == nil {
						fmt.Println("created", id) // one write, so never half a line
						err = s.Update(context.Background(), id, "y")
					}
					if err == nil {
						fmt.Println("updated", id)
					} else if !errors.Is(err, database.ErrUnavailable) {
						fmt.Println("failed:", err)
						os.Exit(1)
					}
				}
			})
		}
		wg.Wait()
	case "read-only":
		_, err := s.Create(context.Background(), "y")
		fmt.Println("unavailable:", errors.Is(err, database.ErrUnavailable), err)
		texts, err := s.All(context.Background())
		fmt.Println("texts:", len(texts), err)
	}
	return 0
}

// startRole starts this test binary in a role; the caller waits for it.
func startRole(t *testing.T, binary, role, url string, as *processtest.User) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), "DATABASE_TEST_ROLE="+role, "DATABASE_TEST_URL="+url)
	cmd.Stderr = os.Stderr
	processtest.RunAs(cmd, as)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// Every acknowledged change survives kill -9: with SQLite of the writer, with
// PostgreSQL of the writer and, every other time, of the server with all its
// backends.
func TestKill9(t *testing.T) {
	t.Parallel()
	const rounds = 10
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	killRounds := func(t *testing.T, url string, kill func(round int, writer *exec.Cmd)) {
		created, updated := map[string]bool{}, map[string]bool{} // what was acknowledged
		for round := range rounds {
			writer, out := startRole(t, binary, "write", url, nil)
			lines := bufio.NewScanner(out)
			end := 20 + rand.IntN(80) // acknowledged changes before the kill
			for n := 0; lines.Scan(); n++ {
				switch what, id, _ := strings.Cut(lines.Text(), " "); what {
				case "created":
					created[id] = true
				case "updated":
					updated[id] = true
				default:
					t.Errorf("the writer says %s", lines.Text())
				}
				if n == end {
					kill(round, writer)
				}
			}
			writer.Wait()
			s := open(t, url)
			texts := all(t, s)
			s.Close()
			for id := range created {
				if text, found := texts[id]; !found || updated[id] && text != "y" {
					t.Fatalf("round %d: %s was acknowledged as created, and as updated: %t; found: %t, text %q", round, id, updated[id], found, text)
				}
			}
		}
		t.Logf("%d kills, %d texts created and %d updated, none lost", rounds, len(created), len(updated))
	}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		killRounds(t, databasetest.NewSQLite(t), func(_ int, writer *exec.Cmd) { writer.Process.Kill() })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		p := databasetest.Own(t)
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		killRounds(t, p.URL("postgres"), func(round int, writer *exec.Cmd) {
			if round%2 == 0 {
				p.SignalAll(syscall.SIGKILL)
				defer func() {
					if err := p.Start(); err != nil {
						t.Fatal(err)
					}
				}()
			}
			writer.Process.Kill()
		})
	})
}

// A file that may only be read is served to readers; writes fail.
func TestSQLiteReadOnlyFile(t *testing.T) {
	t.Parallel()
	// Root may write everything, so another user tries, with a copy of this
	// binary that this user may run.
	as, err := processtest.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "database-read-only")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path, binary := filepath.Join(dir, "app.db"), filepath.Join(dir, "database.test")
	s := open(t, "file:"+path)
	create(t, s, "x")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(binary, program, 0o755), os.Chmod(path, 0o444)); err != nil {
		t.Fatal(err)
	}
	if as != nil {
		if err := errors.Join(os.Chown(dir, int(as.Uid), -1), os.Chown(path, int(as.Uid), -1)); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cmd, out := startRole(t, binary, "read-only", "file:"+path, as)
	said, _ := io.ReadAll(out)
	if err := cmd.Wait(); err != nil || !strings.Contains(string(said), "unavailable: true") || !strings.Contains(string(said), "texts: 1 <nil>") {
		t.Errorf("got %v:\n%s", err, said)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed, %v", err)
	}
}
