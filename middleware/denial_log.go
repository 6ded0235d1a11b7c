package middleware

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/api/internal/origin"
)

// denialLines is how many denials a second are logged one by one; a flood is
// then counted. Anybody can send requests with a foreign Origin.
const denialLines = 5

// denialLog writes why an origin was denied, for the tired developer whose
// browser says nothing but "CORS error".
type denialLog struct {
	log *slog.Logger

	mu      sync.Mutex
	written int // in the current second
	leftOut int // in the current second
	running bool
}

func newDenialLog(log *slog.Logger) *denialLog { return &denialLog{log: log} }

func (d *denialLog) write(r *http.Request, lines []string, policy *origin.Policy) {
	if !d.admit() {
		return
	}
	d.log.LogAttrs(r.Context(), slog.LevelWarn, "cors_denied",
		slog.String("origin", cut(strings.Join(lines, ", "), 200)),
		slog.String("method", cut(r.Method, 20)),
		slog.String("path", cut(r.URL.Path, 200)),
		slog.String("reason", cut(policy.Why(lines, r.Host), 500)))
}

// admit starts a second with its first denial and ends it with a timer, so
// that the count is written even when the flood stops.
func (d *denialLog) admit() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.running {
		d.running = true
		time.AfterFunc(time.Second, d.endSecond)
	}
	if d.written == denialLines {
		d.leftOut++
		return false
	}
	d.written++
	return true
}

func (d *denialLog) endSecond() {
	d.mu.Lock()
	leftOut := d.leftOut
	d.written, d.leftOut, d.running = 0, 0, false
	d.mu.Unlock()
	if leftOut > 0 {
		d.log.Warn("cors_denied", slog.Int("left_out", leftOut),
			slog.String("reason", "more denials in this second than are logged one by one"))
	}
}

// cut bounds hostile text in a log line and escapes what does not print: slog
// leaves, in JSON, the characters that turn a terminal's reading direction.
func cut(s string, bytes int) string {
	tail := ""
	if len(s) > bytes {
		s, tail = s[:bytes], "..."
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			quoted := strconv.QuoteToASCII(s)
			return quoted[1:len(quoted)-1] + tail
		}
	}
	return s + tail
}
