package middleware

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/problem"
)

// freeBytes of each body are not counted in MAX_BUFFERED_BYTES. They are part
// of what a connection costs. An item as a browser sends it is no larger.
const freeBytes = 8 << 10

// BodyLimit bounds what handlers read of bodies: maxBody bytes, or the route's
// MaxBody where that is less. The handlers of all routes together may hold
// maxBuffered bytes, not counting the first 8 KiB of each body, so that small
// bodies are still read while large ones that stall use up the memory. Bytes
// are counted when they arrive, until the request ends. A route that is
// Streamed holds nothing: its MaxBody alone bounds what it reads.
//
// Reads beyond a limit fail with *http.MaxBytesError; reads for which there is
// no memory fail with the *problem.Problem that the client should receive.
func BodyLimit(maxBody, maxBuffered int64, routes Routes) gin.HandlerFunc {
	buffered := new(atomic.Int64)
	return func(c *gin.Context) {
		if c.Request.Body == http.NoBody {
			return
		}
		route := routes.of(c)
		if route.Streamed {
			c.Request.Body = limitBody(c.Request, route.MaxBody)
			return
		}
		limit := maxBody
		if route.MaxBody > 0 {
			limit = min(limit, route.MaxBody)
		}
		body := &bufferedBody{ReadCloser: limitBody(c.Request, limit), buffered: buffered, maxBuffered: maxBuffered}
		c.Request.Body = body
		defer body.release()
		c.Next()
	}
}

func limitBody(r *http.Request, limit int64) io.ReadCloser {
	return &limitedBody{
		// nil: package requestbody reads the rest of the body and decides about the
		// connection.
		ReadCloser: http.MaxBytesReader(nil, r.Body, limit),
		limit:      limit,
		declared:   r.ContentLength,
	}
}

// limitedBody rejects a body that announces its size before it is read.
type limitedBody struct {
	io.ReadCloser
	limit    int64
	declared int64 // Content-Length; -1 if there is none
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.declared > b.limit {
		return 0, &http.MaxBytesError{Limit: b.limit}
	}
	return b.ReadCloser.Read(p)
}

// bufferedBody counts what it has read in buffered, which all bodies share.
type bufferedBody struct {
	io.ReadCloser
	size        int64 // bytes read
	buffered    *atomic.Int64
	maxBuffered int64
}

func (b *bufferedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	before := b.counted()
	b.size += int64(n)
	more := b.counted() - before
	if more > 0 && b.buffered.Add(more) > b.maxBuffered {
		return 0, problem.Overloaded(fmt.Errorf("the bodies that are being read use up MAX_BUFFERED_BYTES=%d", b.maxBuffered))
	}
	return n, err
}

func (b *bufferedBody) release() { b.buffered.Add(-b.counted()) }

// counted returns how many of the bytes in buffered belong to this body.
func (b *bufferedBody) counted() int64 { return max(b.size-freeBytes, 0) }
