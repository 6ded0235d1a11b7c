package items

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

// A cursor is the position of a page's last item: a version byte and the item's
// seq, big-endian, in base64url. It is opaque to clients, so a later version may
// contain something else.
const (
	cursorVersion = 1
	cursorSize    = 1 + 8 // bytes before base64url
)

// encodeCursor returns the cursor that continues after seq.
func encodeCursor(seq int64) string {
	raw, err := binary.Append([]byte{cursorVersion}, binary.BigEndian, seq)
	if err != nil {
		panic(fmt.Sprintf("encode a number as a cursor: %v", err))
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// decodeCursor returns the seq to continue after: 0 for "", the first page.
// It accepts only what encodeCursor returns, byte for byte; anything else is
// ErrBadCursor.
func decodeCursor(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) != cursorSize || raw[0] != cursorVersion {
		return 0, ErrBadCursor
	}
	var seq int64
	if _, err := binary.Decode(raw[1:], binary.BigEndian, &seq); err != nil {
		return 0, ErrBadCursor
	}
	// The base64 decoder skips line breaks; the comparison rejects them.
	if seq < 1 || encodeCursor(seq) != cursor {
		return 0, ErrBadCursor
	}
	return seq, nil
}
