package middleware

import (
	"testing"
)

func TestLogText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in    string
		bytes int
		want  string
	}{
		{"", 5, ""},
		{"abcde", 5, "abcde"},
		{"abcdef", 5, "abcde..."},
		{" ~", 5, " ~"},
		{"a\"b\\c", 5, "a\"b\\c"},
		{"a\nb", 5, `a\nb`},
		{"a\x1f", 5, `a\x1f`},
		{"a\x7f", 5, `a\x7f`},
		{"\x1b[31m", 5, `\x1b[31m`},
		{"é", 5, `\u00e9`},
		{"\u202eabc", 10, `\u202eabc`}, // turns the reading direction
		{"\xff", 5, `\xff`},
		{"abcdé", 5, `abcd\xc3...`}, // cut within a character
		{"é\"", 5, `\u00e9\"`},
	} {
		if got := logText(tt.in, tt.bytes); got != tt.want {
			t.Errorf("%q in %d bytes: got %s, want %s", tt.in, tt.bytes, got, tt.want)
		}
	}
}
