package middleware

import (
	"io"
	"net/http"

	"github.com/gin-gonic/gin"
)

// BodyLimit lets a handler read at most so many bytes of a body; the read
// after that fails with *http.MaxBytesError. byRoute has the limits of the
// routes, by template, that take more or less than the fallback.
//
// When a request is refused, whatever of its body nobody has read is thrown
// away before the answer goes out, up to twice the limit more: Firefox
// shows a network error instead of an answer to a body that it cannot finish.
func BodyLimit(fallback int64, byRoute map[string]int64) gin.HandlerFunc {
	return func(c *gin.Context) {
		original := c.Request.Body
		if original == http.NoBody {
			return
		}
		limit, ok := byRoute[c.FullPath()]
		if !ok {
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
		if c.Writer.Status() >= http.StatusBadRequest && (limited.begun || c.Request.Header.Get("Expect") == "") {
			_, _ = io.CopyN(io.Discard, original, 2*limit)
		}
	}
}

// limitedBody refuses a body that announces its size before it is read.
type limitedBody struct {
	io.ReadCloser
	limit    int64
	declared int64 // Content-Length, -1 where there is none
	begun    bool  // something was read
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.declared > b.limit {
		return 0, &http.MaxBytesError{Limit: b.limit}
	}
	b.begun = true
	return b.ReadCloser.Read(p)
}
