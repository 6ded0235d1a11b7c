package items

import (
	"errors"
	"math"
	"testing"
)

func TestCursor(t *testing.T) {
	t.Parallel()
	for _, seq := range []int64{1, 2, 255, 256, 1 << 40, math.MaxInt64} {
		if got, err := decodeCursor(encodeCursor(seq)); got != seq || err != nil {
			t.Errorf("decodeCursor(encodeCursor(%d)): got %d, %v", seq, got, err)
		}
	}
	if got, err := decodeCursor(""); got != 0 || err != nil {
		t.Errorf(`decodeCursor(""): got %d, %v, want the start`, got, err)
	}
}

// Whatever a client sends is either refused or the one spelling of a place.
func FuzzDecodeCursor(f *testing.F) {
	for _, s := range []string{"", "AQAAAAAAAAAB", "AQAAAAAAAAAA", "AQAAAAAAAAAB\n", "AQAAAAAAAAAB=", "AQ", "_____________", "AQAAAAAAAAAC\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		seq, err := decodeCursor(cursor)
		switch {
		case err != nil && (!errors.Is(err, ErrBadCursor) || seq != 0):
			t.Errorf("decodeCursor(%q): got %d, %v, want 0, ErrBadCursor", cursor, seq, err)
		case err == nil && cursor == "" && seq != 0, err == nil && cursor != "" && (seq < 1 || encodeCursor(seq) != cursor):
			t.Errorf("decodeCursor(%q): got %d, which is spelled %q", cursor, seq, encodeCursor(seq))
		}
	})
}
