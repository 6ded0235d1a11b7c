package logwriter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/api/internal/logwriter"
)

// destination stores what is written to it, or blocks, or fails.
type destination struct {
	mu      sync.Mutex
	text    bytes.Buffer
	writes  int
	at      []time.Time
	blocked chan struct{} // nil: not blocked
	err     error
	most    int // bytes that a failing write accepts
}

func (d *destination) Write(p []byte) (int, error) {
	d.mu.Lock()
	blocked := d.blocked
	d.mu.Unlock()
	if blocked != nil {
		<-blocked
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes++
	d.at = append(d.at, time.Now())
	if d.err != nil {
		n := min(d.most, len(p))
		d.text.Write(p[:n])
		return n, d.err
	}
	return d.text.Write(p)
}

func (d *destination) block() (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	blocked := make(chan struct{})
	d.blocked = blocked
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.blocked = nil
		close(blocked)
	}
}

func (d *destination) fail(err error, most int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err, d.most = err, most
}

// lines returns the messages and counts that were written, each as "msg" or
// "msg n".
func (d *destination) lines() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Split(strings.TrimSuffix(d.text.String(), "\n"), "\n")
}

// text formats a line as its message and attributes, without time and level.
func text(w io.Writer) slog.Handler {
	return slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}})
}

func TestLinesAreWrittenInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out destination
		w := logwriter.New(&out, text)
		log := slog.New(w.Handler())
		var want []string
		for i := range 1000 {
			level := []slog.Level{slog.LevelInfo, slog.LevelError, slog.LevelWarn}[i%3]
			log.With("a", 1).WithGroup("g").Log(context.Background(), level, "line", "n", i)
			want = append(want, fmt.Sprintf("msg=line a=1 g.n=%d", i))
			if i%100 == 0 {
				time.Sleep(7 * time.Millisecond)
			}
		}
		log.Debug("below the level")
		w.Close()
		if got := out.lines(); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got %d lines, want %d in order:\n%.500s", len(got), len(want), strings.Join(got, "\n"))
		}
		if w.Dropped() != 0 {
			t.Errorf("%d lines were dropped", w.Dropped())
		}
	})
}

// A line that comes alone is written at once. Under load, one write takes many
// lines, and no line waits for more than 100 ms.
func TestWritesTakeManyLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out destination
		w := logwriter.New(&out, text)
		log := slog.New(w.Handler())
		log.Info("alone")
		synctest.Wait()
		if out.writes != 1 {
			t.Errorf("a line that comes alone: %d writes at once, want 1", out.writes)
		}
		time.Sleep(time.Second)
		start := time.Now()
		for range 1000 {
			log.Info("one of many")
			time.Sleep(time.Millisecond)
		}
		w.Close()
		if out.writes < 11 || out.writes > 100 {
			t.Errorf("1,000 lines in a second took %d writes, want 10 to 100", out.writes-1)
		}
		last := start
		for _, at := range out.at[1:] {
			if at.Sub(last) > 100*time.Millisecond {
				t.Errorf("a line waited for up to %s", at.Sub(last))
			}
			last = at
		}
	})
}

// The writer does not rest while the buffer fills.
func TestBurst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out destination
		w := logwriter.New(&out, text)
		log := slog.New(w.Handler())
		padding := strings.Repeat("x", 100_000)
		for range 20 { // twice as much as the buffer holds, without a pause
			log.Info("line", "padding", padding)
			synctest.Wait()
		}
		w.Close()
		if got := len(out.lines()); got != 20 || w.Dropped() != 0 || out.writes > 6 {
			t.Errorf("got %d lines in %d writes, %d dropped; want 20, in a write for each half of the buffer", got, out.writes, w.Dropped())
		}
	})
}

// A destination that blocks does not make callers wait. Lines are dropped, warnings
// and errors last, and the log says how many once the destination works again.
func TestBlockedDestination(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out destination
		w := logwriter.New(&out, text)
		log := slog.New(w.Handler())
		release := out.block()
		log.Info("being written")
		synctest.Wait()
		padding := strings.Repeat("x", 1000)
		const lines = 3000
		for i := range lines {
			log.Info("info", "n", i, "padding", padding)
		}
		infos := lines - int(w.Dropped())
		for i := range 100 {
			log.Warn("warning", "n", i, "padding", padding)
			log.Error("error", "n", i, "padding", padding)
		}
		if got := int(w.Dropped()); infos < 100 || infos > lines/2 || got != lines-infos {
			t.Errorf("%d infos fit, %d lines were dropped; want more than 100 and less than %d, and no warning or error dropped", infos, got, lines/2)
		}
		for i := range lines {
			log.Error("error", "n", 100+i, "padding", padding)
		}
		dropped := w.Dropped()
		if dropped <= int64(lines-infos) || dropped >= int64(2*lines-infos) {
			t.Errorf("%d lines were dropped; want the last of the errors too", dropped)
		}
		release()
		time.Sleep(100 * time.Millisecond)
		log.Info("it flows")
		w.Close()

		got := out.lines()
		counts := make(map[string]int)
		for _, line := range got {
			message, _, _ := strings.Cut(line, " ")
			counts[message]++
		}
		errors := counts["msg=error"]
		if counts["msg=info"] != infos || counts["msg=warning"] != 100 || int64(lines-infos+lines+100-errors) != dropped {
			t.Errorf("got %v, want %d infos, 100 warnings and the errors that were not dropped (%d lines)", counts, infos, dropped)
		}
		want := fmt.Sprintf("msg=log_dropped lines=%d reason=\"the log's destination blocked or failed\"", dropped)
		if last := got[len(got)-2:]; last[0] != want || last[1] != "msg=\"it flows\"" {
			t.Errorf("the last lines are %q, want %q before the one that came later", last, want)
		}
		if size := out.text.Len(); size > 1<<20+300 { // besides what did not wait: three short lines
			t.Errorf("%d bytes were written, more than the buffer holds", size)
		}
		if w.Dropped() != dropped {
			t.Errorf("Dropped: got %d, want %d as before", w.Dropped(), dropped)
		}
	})
}

func TestFailingDestination(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out destination
		w := logwriter.New(&out, text)
		log := slog.New(w.Handler())
		log.Info("written")
		synctest.Wait() // until the writer rests: the next three come in one write
		out.fail(errors.New("broken pipe"), len("msg=a\nmsg="))
		log.Info("a")
		log.Info("b")
		log.Info("c")
		time.Sleep(time.Second)
		if got := w.Dropped(); got != 2 {
			t.Errorf("Dropped: got %d, want 2", got)
		}
		log.Info("d") // together with the line that reports the others, which is lost too
		out.fail(errors.New("broken pipe"), 0)
		time.Sleep(time.Second)
		out.fail(nil, 0)
		log.Info("e")
		w.Close()
		got := out.lines()
		if last := got[len(got)-2:]; last[0] != "msg=e" && !strings.HasSuffix(last[0], "msg=e") || !strings.HasPrefix(last[1], "msg=log_dropped lines=3 ") {
			t.Errorf("got the lines %q, want at the end e and that 3 were dropped", got)
		}
		if got := w.Dropped(); got != 3 {
			t.Errorf("Dropped: got %d, want 3", got)
		}

		w = logwriter.New(&out, text)
		out.fail(errors.New("broken pipe"), 0)
		slog.New(w.Handler()).Info("f")
		time.Sleep(time.Second)
		out.fail(nil, 0)
		w.Close()
		got = out.lines()
		if last := got[len(got)-1]; !strings.HasPrefix(last, "msg=log_dropped lines=1 ") {
			t.Errorf("the last line is %q, want one that says that 1 was dropped", last)
		}
	})
}

// Close writes what is left, and does not wait for a destination that blocks.
func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out destination
		w := logwriter.New(&out, text)
		log := slog.New(w.Handler())
		log.Info("first")
		log.Info("second")
		start := time.Now()
		w.Close()
		w.Close()
		if got := out.lines(); len(got) != 2 || time.Since(start) != 0 {
			t.Errorf("after %s got the lines %q, want both at once", time.Since(start), got)
		}
		log.Info("after Close") // is not written and does not panic

		w = logwriter.New(&out, text)
		release := out.block()
		slog.New(w.Handler()).Info("blocked")
		start = time.Now()
		w.Close()
		if got := time.Since(start); got != time.Second {
			t.Errorf("Close took %s, want 1 s", got)
		}
		release()
	})
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	var out destination
	w := logwriter.New(&out, text)
	log := slog.New(w.Handler())
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 1000 {
				log.Info("line")
			}
		})
	}
	callers.Wait()
	w.Close()
	written := 0
	for _, line := range out.lines() {
		switch {
		case line == "msg=line":
			written++
		case !strings.HasPrefix(line, "msg=log_dropped"):
			t.Fatalf("a line is broken: %q", line)
		}
	}
	if got := int64(written) + w.Dropped(); got != 8000 {
		t.Errorf("%d lines were written or dropped, want 8,000", got)
	}
}

// BenchmarkLine measures the cost of a line, written directly and through the
// Writer.
func BenchmarkLine(b *testing.B) {
	file, err := os.Create(b.TempDir() + "/log")
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	json := func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) }
	buffered := logwriter.New(file, json)
	defer buffered.Close()
	for _, tt := range []struct {
		name    string
		handler slog.Handler
	}{{"direct", json(file)}, {"buffered", buffered.Handler()}} {
		b.Run(tt.name, func(b *testing.B) {
			log := slog.New(tt.handler)
			b.ReportAllocs()
			for b.Loop() {
				log.LogAttrs(context.Background(), slog.LevelInfo, "request",
					slog.String("method", "GET"), slog.String("path", "/api/hello"), slog.String("route", "/api/hello"),
					slog.Int("status", 200), slog.Int("bytes", 35))
			}
		})
	}
}
