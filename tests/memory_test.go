package tests

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// The table in docs/deployment.md says how much memory a container needs. With
// that much, the server survives clients that each send nearly a whole body and
// stall, again and again, and small bodies are accepted meanwhile.
func TestMemory(t *testing.T) {
	t.Parallel()
	const defaultBuffered = 32 << 20
	compose := readCompose(t).Services["api-1"]
	shipped := mebibytes(t, compose.MemLimit)
	if needed := memoryModel(t, 500, defaultBuffered); needed > shipped {
		t.Errorf("500 connections need %.0f MiB, but deploy/compose.yaml gives the API %.0f MiB", needed, shipped)
	}
	more := memoryModel(t, 1000, 2*defaultBuffered)
	binary := buildShipped(t)
	for _, tt := range []struct {
		name       string
		stalled    int
		limit      float64 // in MiB
		goMemLimit string
		env        []string
	}{
		{"as deployed", 500, shipped, compose.Environment["GOMEMLIMIT"], nil},
		{"with twice the bodies", 1000, more, fmt.Sprintf("%.0fMiB", more*0.9), []string{fmt.Sprint("MAX_BUFFERED_BYTES=", 2*defaultBuffered)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(binary)
			if group, err := memoryGroup(t, int64(tt.limit)<<20); err == nil {
				cmd = exec.Command("sh", "-c", `echo $$ >"$1" && exec "$0"`, binary, group)
			} else {
				fmt.Printf("SKIP the memory limit in %s: %v; to let the kernel enforce it, run the tests as root where /sys/fs/cgroup can be written\n", t.Name(), err)
			}
			cmd.Dir = t.TempDir()
			// Behind a proxy that is trusted, each request may have a client of its own.
			cmd.Env = append(environment(append(production, "HOST=127.0.0.1", "PORT=0", "TRUSTED_PROXIES=127.0.0.1", "LOG_FORMAT=json")...),
				append(tt.env, "GOMEMLIMIT="+tt.goMemLimit, "GOGC="+compose.Environment["GOGC"])...)
			p := spawn(t, cmd)
			s := &server{process: p, client: newClient("")}
			url := p.announced(t, "listening")
			s.URL, s.host = url.String(), url.Host
			defer s.client.CloseIdleConnections()

			clients := startStalledClients(t, s, tt.stalled)
			// The server may close a connection after it has rejected a body there, and the client does not repeat a POST.
			const alone = "Connection: close"
			small, large := `{"name":"honest"}`+strings.Repeat(" ", 8000), `{"name":"honest"}`+strings.Repeat(" ", 200_000)
			for round := range 2 {
				s.waitFor(t, "rejection of a large body", func() bool {
					return s.do(t, "POST", "/api/session", large, jsonType, alone, clients.another()).status == http.StatusServiceUnavailable
				})
				for range 50 {
					if a := s.do(t, "POST", "/api/session", small, jsonType, alone, clients.another()); a.status != http.StatusCreated {
						t.Errorf("a small body: got %d, want 201: %s", a.status, a.body)
					}
				}
				s.waitFor(t, "end of each stalled request", func() bool { return clients.ended.Load() >= int64((round+1)*tt.stalled) })
			}
			clients.stop()
			peak := peakMemory(t, p.cmd.Process.Pid)
			t.Logf("%d stalled connections, %d requests: %.1f MiB of %.0f MiB", tt.stalled, clients.ended.Load(), peak, tt.limit)
			if peak > tt.limit {
				t.Errorf("the server used %.1f MiB, want at most %.0f MiB", peak, tt.limit)
			}
		})
	}
}

// stalledClients send requests that stall before their last byte.
type stalledClients struct {
	ended atomic.Int64 // requests that the server has ended
	count atomic.Int64 // addresses given out
	stop  func()
}

// another returns the header that makes a request come from another client.
func (c *stalledClients) another() string {
	n := c.count.Add(1)
	return fmt.Sprintf("X-Forwarded-For: 198.18.%d.%d", n/250%250, n%250)
}

// startStalledClients keeps that many requests open. As soon as the server ends
// one, the client sends another.
func startStalledClients(t *testing.T, s *server, n int) *stalledClients {
	t.Helper()
	c := new(stalledClients)
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	c.stop = sync.OnceFunc(func() { cancel(); clients.Wait() })
	t.Cleanup(c.stop)
	body := []byte(`{"name":"stalled"}` + strings.Repeat(" ", 256<<10-len(`{"name":"stalled"}`))) // as large as the route reads
	stall := func() error {
		// Before connecting: the server closes a connection whose headers take 5 s, and
		// on a busy machine, to prepare the requests of so many clients may take that.
		head := fmt.Sprintf("POST /api/session HTTP/1.1\r\nHost: %s\r\n%s\r\n%s\r\nContent-Length: %d\r\n\r\n", s.host, jsonType, c.another(), len(body))
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.host)
		if err != nil {
			return err
		}
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		if _, err := io.WriteString(conn, head); err != nil {
			return err
		}
		if _, err := conn.Write(body[:len(body)-1]); err != nil {
			return err
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusServiceUnavailable && response.StatusCode != http.StatusRequestTimeout {
			return fmt.Errorf("got %d, want 503 or 408", response.StatusCode)
		}
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	var reported sync.Once
	for range n {
		clients.Go(func() {
			for ctx.Err() == nil {
				if err := stall(); err != nil && ctx.Err() == nil {
					reported.Do(func() { t.Errorf("a stalled client: %v", err) })
					return
				}
				c.ended.Add(1)
			}
		})
	}
	return c
}

// memoryModel returns how many MiB a container needs according to the table in
// docs/deployment.md, with the default number of rate limit counters.
func memoryModel(t *testing.T, connections, bufferedBytes float64) float64 {
	t.Helper()
	docs := readFile(t, "docs/deployment.md")
	number := func(pattern string) float64 {
		found := regexp.MustCompile(pattern).FindStringSubmatch(docs)
		if found == nil {
			t.Fatalf("the table of memory in docs/deployment.md has nothing like %s", pattern)
		}
		n, err := strconv.ParseFloat(found[1], 64)
		return must(t, n, err)
	}
	const mebibyte = 1 << 20
	return number(`\| the process \| *\| (\d+) MiB`) +
		number(`\| connections \|.* (\d+) KB while a body arrives`)*1e3*connections/mebibyte +
		number(`\| JSON bodies.* ([\d.]+) times the bound`)*bufferedBytes/mebibyte +
		number(`\| rate limit counters \|.* (\d+) MB by default`)*1e6/mebibyte +
		number(`\| log lines.* (\d+) MiB`)
}

// buildShipped builds the server as the image has it. The race detector would
// take several times the memory.
func buildShipped(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "api")
	build := exec.Command("go", "build", "-trimpath", "-tags", "nomsgpack", "-ldflags", "-s -w", "-o", binary)
	build.Dir = ".."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, text)
	}
	return binary
}

// memoryGroup makes a control group whose processes may use that many bytes
// together, and no swap, and returns the file through which a process joins it.
func memoryGroup(t *testing.T, limit int64) (procs string, err error) {
	t.Helper()
	bytes := fmt.Sprint(limit)
	for _, version := range []struct{ dir, limit, swap, noSwap string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", bytes}, // 1: of memory and swap together
		{"/sys/fs/cgroup", "memory.max", "memory.swap.max", "0"},                                 // 2
	} {
		group, mkdirErr := os.MkdirTemp(version.dir, "api-test-")
		if err = mkdirErr; err != nil {
			continue
		}
		t.Cleanup(func() { os.Remove(group) }) // after the process has ended
		if err = setControl(filepath.Join(group, version.limit), bytes); err != nil {
			continue
		}
		// A kernel that does not count swap lacks the file.
		if err = setControl(filepath.Join(group, version.swap), version.noSwap); err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return filepath.Join(group, "cgroup.procs"), nil
	}
	return "", err
}

// setControl writes to a file of a control group. It creates none: with version 1,
// the directory of version 2 is an ordinary one, in which a new file limits nothing.
func setControl(path, value string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(value)
	return errors.Join(err, file.Close())
}

// peakMemory returns the most memory that a process has had at a time, in MiB,
// without the pages of its binary, which the kernel can drop and read again.
func peakMemory(t *testing.T, pid int) float64 {
	t.Helper()
	status := readFile(t, fmt.Sprintf("/proc/%d/status", pid))
	kibibytes := func(name string) float64 {
		found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindStringSubmatch(status)
		if found == nil {
			t.Fatalf("no %s in:\n%s", name, status)
		}
		n, err := strconv.ParseFloat(found[1], 64)
		return must(t, n, err)
	}
	return (kibibytes("VmHWM") - kibibytes("RssFile")) / 1024
}

// mebibytes returns the number of a size such as 128m or 115MiB.
func mebibytes(t *testing.T, size string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(regexp.MustCompile(`^\d+`).FindString(size), 64)
	if err != nil {
		t.Fatalf("got the size %q, want a number of MiB", size)
	}
	return n
}
