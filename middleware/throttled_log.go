package middleware

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// linesPerSecond is how many lines a throttledLog writes in a second. The rest
// are counted.
const linesPerSecond = 5

// throttledLog writes warnings about one event that any client can cause as often as
// it likes, so that a flood of requests does not become a flood of lines.
type throttledLog struct {
	log   *slog.Logger
	event string

	mu      sync.Mutex
	written int  // in the current second
	leftOut int  // in the current second
	running bool // a timer will end the current second
}

func newThrottledLog(log *slog.Logger, event string) *throttledLog {
	return &throttledLog{log: log, event: event}
}

// warn writes one line with what attrs returns. It does not call attrs if the line
// is left out, because finding the reason for a denial takes time.
func (t *throttledLog) warn(ctx context.Context, attrs func() []slog.Attr) {
	if t.admit() {
		t.log.LogAttrs(ctx, slog.LevelWarn, t.event, attrs()...)
	}
}

// admit reports whether a line may be written now. The first line starts a second,
// and a timer ends it, so that the count of lines left out is written even if the
// flood stops.
func (t *throttledLog) admit() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.running {
		t.running = true
		time.AfterFunc(time.Second, t.endSecond)
	}
	if t.written == linesPerSecond {
		t.leftOut++
		return false
	}
	t.written++
	return true
}

func (t *throttledLog) endSecond() {
	t.mu.Lock()
	leftOut := t.leftOut
	t.written, t.leftOut, t.running = 0, 0, false
	t.mu.Unlock()
	if leftOut > 0 {
		t.log.Warn(t.event, slog.Int("left_out", leftOut),
			slog.String("reason", "only a few lines a second are logged"))
	}
}
