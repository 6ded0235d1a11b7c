package middleware

import "strconv"

// logText makes text from a client safe for a log line. It keeps at most the given
// number of bytes, and escapes text that is not printable ASCII. In JSON, slog does
// not escape the characters that reverse a terminal's reading direction.
func logText(s string, bytes int) string {
	tail := ""
	if len(s) > bytes {
		s, tail = s[:bytes], "..."
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			quoted := strconv.QuoteToASCII(s)
			return quoted[1:len(quoted)-1] + tail
		}
	}
	return s + tail
}
