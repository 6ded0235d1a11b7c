package items_test

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

	"example.com/api/internal/items"
)

// runRole is what this test binary does when a test starts it again as a
// process that can be killed, or that is not root.
func runRole(role string) (status int) {
	s, err := items.Open(context.Background(), os.Getenv("ITEMS_TEST_URL"), slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println("open:", err)
		return 1
	}
	defer s.Close()
	switch role {
	case "write": // 8 clients, each prints what was acknowledged to it, until killed
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					item, err := s.Create(context.Background(), items.Draft{Name: "x"})
					if err == nil {
						fmt.Println("made", item.ID) // one write, so never half a line
						note := "y"
						_, err = s.Update(context.Background(), item.ID, items.Patch{Note: &note})
					}
					if err == nil {
						fmt.Println("patched", item.ID)
					} else if !errors.Is(err, items.ErrUnavailable) {
						fmt.Println("failed:", err)
						os.Exit(1)
					}
				}
			})
		}
		wg.Wait()
	case "read-only":
		_, err := s.Create(context.Background(), items.Draft{Name: "y"})
		fmt.Println("unavailable:", errors.Is(err, items.ErrUnavailable), err)
		page, err := s.List(context.Background(), "", 20)
		fmt.Println("items:", len(page.Items), err)
	}
	return 0
}

// startRole starts this test binary in a role; the caller waits for it.
func startRole(t *testing.T, binary, role, url string, as *syscall.Credential) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), "ITEMS_TEST_ROLE="+role, "ITEMS_TEST_URL="+url)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// Every change that was acknowledged is there after kill -9: of the writer with
// SQLite; of the writer and, every other time, of PostgreSQL with all its
// backends.
func TestKill9(t *testing.T) {
	t.Parallel()
	rounds := 50
	if testing.Short() {
		rounds = 4
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	killRounds := func(t *testing.T, url string, kill func(round int, writer *exec.Cmd)) {
		made, patched := map[string]bool{}, map[string]bool{} // what was acknowledged
		for round := range rounds {
			writer, out := startRole(t, binary, "write", url, nil)
			lines := bufio.NewScanner(out)
			end := 20 + rand.IntN(80) // acknowledged changes before the kill
			for n := 0; lines.Scan(); n++ {
				switch what, id, _ := strings.Cut(lines.Text(), " "); what {
				case "made":
					made[id] = true
				case "patched":
					patched[id] = true
				default:
					t.Errorf("the writer says %s", lines.Text())
				}
				if n == end {
					kill(round, writer)
				}
			}
			writer.Wait()
			notes := map[string]string{}
			s := open(t, url)
			for _, item := range all(t, s) {
				notes[item.ID.String()] = item.Note
			}
			s.Close()
			for id := range made {
				if note, ok := notes[id]; !ok || patched[id] && note == "" {
					t.Fatalf("round %d: of item %s, acknowledged as made and patched: %t, there is: %t, note %q", round, id, patched[id], ok, note)
				}
			}
		}
		t.Logf("%d kills, %d items made and %d patched, none lost", rounds, len(made), len(patched))
	}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		killRounds(t, newSQLite(t), func(_ int, writer *exec.Cmd) { writer.Process.Kill() })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		p := ownPostgres(t)
		if err := p.start(); err != nil {
			t.Fatal(err)
		}
		killRounds(t, p.url("postgres"), func(round int, writer *exec.Cmd) {
			if round%2 == 0 {
				p.signalAll(syscall.SIGKILL)
				defer func() {
					if err := p.start(); err != nil {
						t.Fatal(err)
					}
				}()
			}
			writer.Process.Kill()
		})
	})
}

// A file that may only be read is served to readers; writers are refused.
func TestSQLiteReadOnlyFile(t *testing.T) {
	t.Parallel()
	// Root may write everything, so another user tries, with a copy of this
	// binary that he may run.
	as, err := unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "items-read-only")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path, binary := filepath.Join(dir, "app.db"), filepath.Join(dir, "items.test")
	s := open(t, "file:"+path)
	create(t, s, "x", "")
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
	if err := cmd.Wait(); err != nil || !strings.Contains(string(said), "unavailable: true") || !strings.Contains(string(said), "items: 1 <nil>") {
		t.Errorf("got %v:\n%s", err, said)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed, %v", err)
	}
}
