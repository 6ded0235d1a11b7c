// Package logwriter writes a log without ever making its callers wait: lines go
// through a bounded buffer to one goroutine. If the destination blocks, lines
// are dropped and counted.
package logwriter

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// bufferBytes is how much may wait to be written: a few thousand lines. The
	// last quarter is reserved for warnings and errors.
	bufferBytes = 1 << 20
	// rest is how long the writer pauses after each write, so that under load one
	// write has many lines. The pause ends early if the buffer is half full.
	rest = 20 * time.Millisecond
	// closeTimeout is how long Close waits for a destination that blocks.
	closeTimeout = time.Second
)

// Writer writes lines in the order in which they were logged.
type Writer struct {
	out    io.Writer
	format func(io.Writer) slog.Handler

	mu         sync.Mutex
	pending    []byte // whole lines
	dropped    int64  // lines, in all
	unreported int64  // lines that were dropped and not yet mentioned in the log

	wake     chan struct{} // something is pending
	hurry    chan struct{} // the buffer is half full
	stop     chan struct{}
	done     chan struct{}
	stopOnce sync.Once
}

// New returns a Writer to out. The function format returns the handler that formats
// lines. Like slog.NewTextHandler, it must write each line to its argument in one
// call of Write. The caller must call Close at the end.
func New(out io.Writer, format func(io.Writer) slog.Handler) *Writer {
	w := &Writer{
		out:    out,
		format: format,
		wake:   make(chan struct{}, 1),
		hurry:  make(chan struct{}, 1),
		stop:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	go w.run()
	return w
}

// Handler returns the handler to log with.
func (w *Writer) Handler() slog.Handler {
	return handler{
		low:  w.format(limited{w, bufferBytes * 3 / 4}),
		high: w.format(limited{w, bufferBytes}),
	}
}

// Dropped returns how many lines were lost because the destination blocked or
// failed.
func (w *Writer) Dropped() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

// Close writes what is left in the buffer. If the destination blocks, it gives up
// after a second.
func (w *Writer) Close() {
	w.stopOnce.Do(func() { close(w.stop) })
	select {
	case <-w.done:
	case <-time.After(closeTimeout):
	}
}

// add appends a line to the buffer, unless the buffer would then exceed limit.
func (w *Writer) add(line []byte, limit int) {
	w.mu.Lock()
	if len(w.pending)+len(line) <= limit {
		w.pending = append(w.pending, line...)
	} else {
		w.dropped++
		w.unreported++
	}
	size := len(w.pending)
	w.mu.Unlock()
	signal(w.wake)
	if size > bufferBytes/2 {
		signal(w.hurry)
	}
}

// signal leaves one signal for the receiver, which may be busy.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (w *Writer) run() {
	defer close(w.done)
	var spare []byte
	for {
		select {
		case <-w.wake:
			spare = w.write(spare)
			select {
			case <-time.After(rest):
			case <-w.hurry:
			case <-w.stop:
			}
		case <-w.stop:
			w.write(spare)
			return
		}
	}
}

// write writes the pending lines, puts the spare buffer in their place, and returns
// the buffer that it has written, which is now free.
func (w *Writer) write(spare []byte) []byte {
	w.mu.Lock()
	batch, unreported := w.pending, w.unreported
	w.pending, w.unreported = spare[:0], 0
	w.mu.Unlock()
	lines := batch
	if unreported > 0 { // last, because lines are dropped when the buffer is full
		batch = append(batch, w.report(unreported)...)
	}
	n, err := w.out.Write(batch)
	if err != nil {
		lost := int64(bytes.Count(lines[min(n, len(lines)):], []byte("\n")))
		w.mu.Lock()
		w.dropped += lost
		w.unreported += lost + unreported
		w.mu.Unlock()
	}
	return batch
}

// report returns the line that says how many lines were dropped.
func (w *Writer) report(dropped int64) []byte {
	var line bytes.Buffer
	record := slog.NewRecord(time.Now(), slog.LevelWarn, "log_dropped", 0)
	record.AddAttrs(slog.Int64("lines", dropped), slog.String("reason", "the log's destination blocked or failed"))
	_ = w.format(&line).Handle(context.Background(), record) // writing to a bytes.Buffer cannot fail
	return line.Bytes()
}

// limited adds lines to the buffer up to its own limit.
type limited struct {
	writer *Writer
	limit  int
}

func (l limited) Write(line []byte) (int, error) {
	l.writer.add(line, l.limit)
	return len(line), nil
}

// handler lets only warnings and errors use the part of the buffer that is reserved
// for them.
type handler struct{ low, high slog.Handler }

func (h handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.low.Enabled(ctx, level)
}

func (h handler) Handle(ctx context.Context, record slog.Record) error {
	if record.Level >= slog.LevelWarn {
		return h.high.Handle(ctx, record)
	}
	return h.low.Handle(ctx, record)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.low.WithAttrs(attrs), h.high.WithAttrs(attrs)}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.low.WithGroup(name), h.high.WithGroup(name)}
}
