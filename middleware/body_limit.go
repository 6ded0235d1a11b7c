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

// BodyLimits bounds what handlers read of bodies. The handlers of all routes
// together may hold maxBuffered bytes, not counting the first 8 KiB of each body, so
// that small bodies are still read while large ones that stall use up the memory.
// Bytes are counted when they arrive, until the request ends.
type BodyLimits struct {
	maxBody, maxBuffered int64
	buffered             atomic.Int64
}

// NewBodyLimits takes the largest body of a route in bytes, and maxBuffered.
func NewBodyLimits(maxBody, maxBuffered int64) *BodyLimits {
	return &BodyLimits{maxBody: maxBody, maxBuffered: maxBuffered}
}

// Route returns the middleware of one route. It must come before whatever reads the
// body. The bodies of the route may have maxBody bytes, but no more than NewBodyLimits
// allows; 0 means what NewBodyLimits allows. If the route is streamed, its handler does
// not hold the body in memory, and maxBody alone bounds what it reads.
//
// Reads beyond a limit fail with *http.MaxBytesError. Reads for which there is no memory
// fail with the *problem.Problem that the client should receive.
func (l *BodyLimits) Route(maxBody int64, streamed bool) gin.HandlerFunc {
	limit := l.maxBody
	switch {
	case streamed:
		limit = maxBody
	case maxBody > 0:
		limit = min(limit, maxBody)
	}
	return func(c *gin.Context) {
		if c.Request.Body == http.NoBody {
			return
		}
		limited := limitBody(c.Request, limit)
		if streamed {
			c.Request.Body = limited
			return
		}
		body := &bufferedBody{ReadCloser: limited, limits: l}
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

// bufferedBody counts what it has read in its limits, which all bodies share.
type bufferedBody struct {
	io.ReadCloser
	size   int64 // bytes read
	limits *BodyLimits
}

func (b *bufferedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	before := b.counted()
	b.size += int64(n)
	more := b.counted() - before
	if more > 0 && b.limits.buffered.Add(more) > b.limits.maxBuffered {
		return 0, problem.Overloaded(fmt.Errorf("the bodies that are being read use up MAX_BUFFERED_BYTES=%d", b.limits.maxBuffered))
	}
	return n, err
}

func (b *bufferedBody) release() { b.limits.buffered.Add(-b.counted()) }

// counted returns how many of the bytes in buffered belong to this body.
func (b *bufferedBody) counted() int64 { return max(b.size-freeBytes, 0) }
