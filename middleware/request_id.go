package middleware

import (
	"encoding/hex"
	"math/rand/v2"
	"strings"

	"github.com/gin-gonic/gin"
)

// requestIDKey is X-Request-ID in the spelling of http.Header's keys.
const requestIDKey = "X-Request-Id"

// RequestID keeps the client's X-Request-ID if it is 1 to 64 characters of
// A-Z a-z 0-9 . _ - and generates one otherwise. It sets the response header,
// where problems and log lines read the ID.
func RequestID() gin.HandlerFunc {
	return func(c *gin.Context) {
		id := c.Request.Header[requestIDKey]
		if len(id) != 1 || !isRequestID(id[0]) {
			id = []string{newRequestID()}
		}
		c.Writer.Header()[requestIDKey] = id
	}
}

func isRequestID(s string) bool {
	for i := range len(s) {
		if b := s[i]; !('a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("._-", b) >= 0) {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}

// newRequestID returns 128 random bits in hexadecimal. The ID tells requests
// apart and protects nothing, so the fast generator is good enough.
func newRequestID() string {
	var id [16]byte
	for i, word := range [2]uint64{rand.Uint64(), rand.Uint64()} {
		for j := range 8 {
			id[8*i+j] = byte(word >> (8 * j))
		}
	}
	return hex.EncodeToString(id[:])
}
