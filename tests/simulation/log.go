package simulation

import (
	"bytes"
	"sync"
	"syscall"
)

// logReader reads the server's standard error. It may stop reading, or go away. It
// keeps the last lines.
type logReader struct {
	mu      sync.Mutex
	changed *sync.Cond
	blocked bool
	gone    bool
	kept    [][]byte // the last lines
}

func newLogReader() *logReader {
	l := new(logReader)
	l.changed = sync.NewCond(&l.mu)
	return l
}

// Write implements io.Writer. It waits while the reader is blocked.
func (l *logReader) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.blocked && !l.gone {
		l.changed.Wait()
	}
	if l.gone {
		return 0, syscall.EPIPE
	}
	for line := range bytes.Lines(p) {
		if len(l.kept) == 12 {
			l.kept = l.kept[1:]
		}
		l.kept = append(l.kept, bytes.Clone(line))
	}
	return len(p), nil
}

func (l *logReader) set(blocked, gone bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blocked, l.gone = blocked, gone
	l.changed.Broadcast()
}

func (l *logReader) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.Join(l.kept, nil))
}
