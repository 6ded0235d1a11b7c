package simulation

import "testing"

// The order of two events of one moment is not part of the story.
func TestFirstDifference(t *testing.T) {
	t.Parallel()
	trace := []string{"  1s a", "1.5s b", "1.5s c", "  2s d"}
	for _, tt := range []struct {
		other []string
		want  string
	}{
		{[]string{"  1s a", "1.5s c", "1.5s b", "  2s d"}, ""},
		{[]string{"  1s a", "1.5s b", "  2s c", "  2s d"}, "1.5s c\n  2s c"},
		{[]string{"  1s a", "1.5s b", "1.5s c"}, "  2s d\n"},
	} {
		if got := firstDifference(byMoment(trace), byMoment(tt.other)); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.other, got, tt.want)
		}
	}
}
