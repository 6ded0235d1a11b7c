// Package requestbody bounds the time that request bodies take. It ends a body that
// arrives too slowly, and it reads what a handler has left unread before the
// connection is closed.
package requestbody

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

const (
	// stall is how long a client may send nothing.
	stall = 10 * time.Second
	// headStart is how long a body may take at any pace.
	headStart = 15 * time.Second
	// perByte is how long a byte may take on average in a body that takes longer than
	// headStart: 4 KiB a second. It is rounded up.
	perByte = time.Second/(4<<10) + 1
	// drainStall and drainTime are the limits for the rest of a body that the
	// handler has left unread: the longest silence and the longest total time. A
	// silent client must not delay a shutdown until SHUTDOWN_TIMEOUT.
	drainStall = 5 * time.Second
	drainTime  = 30 * time.Second
	// responseTime is how long the response may take after the last read.
	responseTime = 15 * time.Second
)

// Handler lets next read a body for as long as the client keeps sending: a
// read fails with os.ErrDeadlineExceeded once the client has sent nothing for
// 10 s, or has taken more than 15 s and sends less than 4 KiB a second on
// average. These limits replace the server's ReadTimeout and WriteTimeout.
//
// Handler reads and throws away up to maxDrain bytes that next leaves unread before
// the response is complete. If a connection is closed with bytes unread, the
// kernel resets it, and the client may lose the response. Firefox shows a network
// error if it cannot send the whole body.
func Handler(next http.Handler, maxDrain int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		body := &pacedBody{ReadCloser: r.Body, connection: http.NewResponseController(w)}
		// A copy: net/http checks the type of its own request's body to find
		// out what is left unread.
		paced := r.WithContext(r.Context())
		paced.Body = body
		next.ServeHTTP(w, paced)

		// A client that waits for "100 Continue" sends nothing until the first
		// read. HTTP/1.0 clients do not wait (RFC 9110, 10.1.1).
		if waits := r.Header.Get("Expect") != "" && r.ProtoAtLeast(1, 1); waits && body.begun.IsZero() {
			return
		}
		_, _ = io.CopyN(io.Discard, &drainReader{body, time.Now().Add(drainTime)}, maxDrain)
	})
}

// pacedBody gives each read the deadline at which the client would break a
// limit.
type pacedBody struct {
	io.ReadCloser
	connection *http.ResponseController
	begun      time.Time // when the first read began; zero before
	size       int64     // bytes read
	err        error     // of the last read; no read follows an error
}

func (b *pacedBody) Read(p []byte) (int, error) {
	now := time.Now()
	if b.begun.IsZero() {
		b.begun = now
	}
	pace := max(headStart, time.Duration(b.size)*perByte)
	return b.readUntil(earlier(now.Add(stall), b.begun.Add(pace)), p)
}

func (b *pacedBody) readUntil(deadline time.Time, p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	// Some writers do not support deadlines, as in tests.
	_ = b.connection.SetReadDeadline(deadline)
	_ = b.connection.SetWriteDeadline(deadline.Add(responseTime))
	n, err := b.ReadCloser.Read(p)
	b.size += int64(n)
	if err != nil && !errors.Is(err, io.EOF) && !time.Now().Before(deadline) {
		// net/http hides the deadline that passes in the trailer of chunks.
		err = fmt.Errorf("%w: %w", os.ErrDeadlineExceeded, err)
	}
	b.err = err
	return n, err
}

// drainReader reads the part of a body that is thrown away. It stops at end.
type drainReader struct {
	body *pacedBody
	end  time.Time
}

func (r *drainReader) Read(p []byte) (int, error) {
	return r.body.readUntil(earlier(time.Now().Add(drainStall), r.end), p)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
