package middleware

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lockedBuffer holds the lines of the test and those of the timer.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *lockedBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
}

// A flood becomes a few lines and a count in each second, and the next second
// starts anew, whether or not the flood goes on.
func TestThrottledLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		log := newThrottledLog(slog.New(slog.NewTextHandler(&out, nil)), "some_event")
		reasons := 0
		for second, tt := range []struct {
			warnings, lines int
			leftOut         string // "" for no line that counts
		}{
			{1, 1, ""},
			{5, 5, ""},
			{6, 5, "left_out=1"},
			{1000, 5, "left_out=995"},
			{0, 0, ""},
			{2, 2, ""},
		} {
			out.Reset()
			reasons = 0
			for range tt.warnings {
				log.warn(t.Context(), func() []slog.Attr {
					reasons++
					return []slog.Attr{slog.String("reason", "why")}
				})
			}
			if got := strings.Count(out.String(), "level=WARN msg=some_event reason=why\n"); got != tt.lines || reasons != tt.lines {
				t.Errorf("second %d: %d lines and %d reasons of %d warnings, want %d:\n%s", second, got, reasons, tt.warnings, tt.lines, out.String())
			}
			out.Reset()
			time.Sleep(time.Second)
			synctest.Wait()
			if got := out.String(); (tt.leftOut == "") != (got == "") || !strings.Contains(got, tt.leftOut) {
				t.Errorf("second %d: it ends with %q, want %q in it", second, got, tt.leftOut)
			}
		}
	})
}

// A second starts with its first line, not on the clock's whole second.
func TestThrottledLogSecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		log := newThrottledLog(slog.New(slog.NewTextHandler(&out, nil)), "some_event")
		none := func() []slog.Attr { return nil }
		for range linesPerSecond {
			log.warn(context.Background(), none)
		}
		time.Sleep(900 * time.Millisecond)
		log.warn(context.Background(), none)
		if got := strings.Count(out.String(), "\n"); got != linesPerSecond {
			t.Errorf("%d lines within a second, want %d", got, linesPerSecond)
		}

		// A line in the middle of a second does not end the next one early.
		time.Sleep(time.Second)
		log.warn(context.Background(), none)
		time.Sleep(500 * time.Millisecond)
		log.warn(context.Background(), none)
		time.Sleep(600 * time.Millisecond)
		out.Reset()
		for range 2 * linesPerSecond {
			log.warn(context.Background(), none)
			time.Sleep(90 * time.Millisecond)
		}
		if got := strings.Count(out.String(), "\n"); got != linesPerSecond {
			t.Errorf("%d lines within the next second, want %d", got, linesPerSecond)
		}
	})
}
