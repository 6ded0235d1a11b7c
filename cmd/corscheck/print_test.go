package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"plain text, with ‘quotes’ and é", "plain text, with ‘quotes’ and é"},
		{"\x1b[31mred", `\x1b[31mred`},
		{"a\nb\tc\r", `a\x0ab\x09c\x0d`},
		{"\xff\xc3", `\xff\xc3`},
		{"\u202etxt", `\u{202e}txt`},
		{"\u0085", `\u{85}`},
		{"\u200b", `\u{200b}`},
		{strings.Repeat("a", 1000), strings.Repeat("a", maxShown+1) + "…"},
	} {
		if got := clean(tt.in); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[2J\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
			t.Errorf("%q is not safe to print", got)
		}
	})
}

func TestWrapped(t *testing.T) {
	var out bytes.Buffer
	p := &printer{w: &out}
	p.wrapped(red, " ✗ ", strings.Repeat("word ", 30)+strings.Repeat("x", 100))
	for i, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		if n := utf8.RuneCountInString(line); n > width && !strings.Contains(line, "xxx") {
			t.Errorf("line %d has %d columns", i, n)
		}
		if want := map[bool]string{true: " ✗ ", false: "   "}[i == 0]; !strings.HasPrefix(line, want) {
			t.Errorf("line %d: %q does not begin with %q", i, line, want)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("colour without being asked")
	}
	out.Reset()
	p.color = true
	p.wrapped(red, "✗ ", "text")
	if got := out.String(); got != "\x1b[31m✗ \x1b[0mtext\n" {
		t.Errorf("got %q", got)
	}
}

// Output to a pipe or a file has no colour.
func TestUseColor(t *testing.T) {
	if useColor(&bytes.Buffer{}, func(string) string { return "" }) {
		t.Error("colour in a buffer")
	}
}
