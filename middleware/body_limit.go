package middleware

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	// restStall is how long a client that was refused may send nothing: less
	// than SHUTDOWN_TIMEOUT by default, so that it does not hold up the end.
	restStall = 5 * time.Second
	// restTimeout is how long the rest of its body may take in all.
	restTimeout = 30 * time.Second
)

// BodyLimit lets a handler read at most so many bytes of a body; the read
// after that fails with *http.MaxBytesError. A route's MaxBody, where it has
// one, replaces the fallback.
//
// When a request is refused, whatever of its body nobody has read is thrown
// away before the answer goes out, up to twice the limit more: Firefox
// shows a network error instead of an answer to a body that it cannot finish.
// A client that falls silent meanwhile gets its answer after restStall.
func BodyLimit(fallback int64, routes Routes) gin.HandlerFunc {
	return func(c *gin.Context) {
		original := c.Request.Body
		if original == http.NoBody {
			return
		}
		limit := routes.of(c).MaxBody
		if limit == 0 {
			limit = fallback
		}
		limited := &limitedBody{
			// nil: the answer decides about the connection, not the reader.
			ReadCloser: http.MaxBytesReader(nil, original, limit),
			limit:      limit,
			declared:   c.Request.ContentLength,
		}
		c.Request.Body = limited
		// net/http looks at its own body to see what is left unread, and would
		// wait for what a client in front of "100 Continue" never sends.
		defer func() { c.Request.Body = original }()
		c.Next()

		// A client that waits for "100 Continue" has sent nothing, unless a read
		// has asked for it. What is left after this, net/http answers by closing
		// the connection.
		if c.Writer.Status() >= http.StatusBadRequest && !limited.ended && (limited.begun || c.Request.Header.Get("Expect") == "") {
			rest := &restReader{original, http.NewResponseController(c.Writer), time.Now().Add(restTimeout)}
			_ = rest.connection.SetWriteDeadline(rest.end.Add(restStall)) // or a late answer would not get out
			_, _ = io.CopyN(io.Discard, rest, 2*limit)
		}
	}
}

// limitedBody refuses a body that announces its size before it is read.
type limitedBody struct {
	io.ReadCloser
	limit    int64
	declared int64 // Content-Length, -1 where there is none
	begun    bool  // something was read
	ended    bool  // nothing more can be read: it was all, or it stalled
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.declared > b.limit {
		return 0, &http.MaxBytesError{Limit: b.limit}
	}
	b.begun = true
	n, err := b.ReadCloser.Read(p)
	var tooLarge *http.MaxBytesError
	b.ended = err != nil && !errors.As(err, &tooLarge)
	return n, err
}

// restReader reads what nobody wants, each time for restStall, until end.
type restReader struct {
	io.Reader
	connection *http.ResponseController
	end        time.Time
}

func (r *restReader) Read(p []byte) (int, error) {
	deadline := time.Now().Add(restStall)
	if deadline.After(r.end) {
		deadline = r.end
	}
	_ = r.connection.SetReadDeadline(deadline) // what cannot be set stays at the server's
	return r.Reader.Read(p)
}
