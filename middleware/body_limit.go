package middleware

import (
	"io"
	"net/http"

	"github.com/gin-gonic/gin"
)

// BodyLimit lets a handler read at most maxBody bytes of a body; the read
// after that fails with *http.MaxBytesError. A route's MaxBody, where it has
// one, replaces maxBody.
func BodyLimit(maxBody int64, routes Routes) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.Request.Body == http.NoBody {
			return
		}
		limit := routes.of(c).MaxBody
		if limit == 0 {
			limit = maxBody
		}
		c.Request.Body = &limitedBody{
			// nil: whoever reads the rest of the body decides about the connection.
			ReadCloser: http.MaxBytesReader(nil, c.Request.Body, limit),
			limit:      limit,
			declared:   c.Request.ContentLength,
		}
	}
}

// limitedBody rejects a body that announces its size before it is read.
type limitedBody struct {
	io.ReadCloser
	limit    int64
	declared int64 // Content-Length; -1 where there is none
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.declared > b.limit {
		return 0, &http.MaxBytesError{Limit: b.limit}
	}
	return b.ReadCloser.Read(p)
}
