package middleware

import (
	"encoding/hex"
	"math/rand/v2"
	"strings"

	"github.com/gin-gonic/gin"
)

// requestIDKey is X-Request-ID in the spelling of http.Header's keys.
const requestIDKey = "X-Request-Id"

// RequestID keeps the client's X-Request-ID if it is 1 to 64 of A-Z a-z 0-9
// . _ - and makes a new one else. The response header holds it for whatever
// comes later: problems and log lines read it there.
func RequestID(c *gin.Context) {
	id := c.Request.Header[requestIDKey]
	if len(id) != 1 || !isRequestID(id[0]) {
		id = []string{newRequestID()}
	}
	c.Writer.Header()[requestIDKey] = id
}

func isRequestID(s string) bool {
	for i := range len(s) {
		if b := s[i]; !('a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("._-", b) >= 0) {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}

// newRequestID is 128 random bits in hex. It identifies, it protects nothing.
func newRequestID() string {
	var id [16]byte
	for i, word := range [2]uint64{rand.Uint64(), rand.Uint64()} {
		for j := range 8 {
			id[8*i+j] = byte(word >> (8 * j))
		}
	}
	return hex.EncodeToString(id[:])
}
