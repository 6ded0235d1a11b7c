package spelling_test

import (
	"testing"

	"example.com/api/internal/spelling"
)

func TestEdits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"https", "https", 0},
		{"htps", "https", 1}, {"htttps", "https", 1}, {"hrtps", "https", 1}, {"hhtps", "https", 1}, {"htpts", "https", 1}, {"thtps", "https", 1},
		{"PROT", "PORT", 1}, {"HOME", "HOST", 2}, {"DEFUALT", "DEFAULT", 1}, {"ba", "ab", 1}, {"abab", "baba", 2}, {"kitten", "sitting", 3}, {"ca", "abc", 3},
	} {
		if got := spelling.Edits(tt.a, tt.b); got != tt.want {
			t.Errorf("Edits(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := spelling.Edits(tt.b, tt.a); got != tt.want {
			t.Errorf("Edits(%q, %q) = %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}
