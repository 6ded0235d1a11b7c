// Package items is the sample resource: what an item is, which rules it obeys,
// and a store that keeps it in SQLite or PostgreSQL by one code path on
// database/sql.
package items

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// The limits of an item's fields, in characters (Unicode code points).
const (
	maxName = 100
	maxNote = 1000
)

// Item is what the store keeps. Its times are UTC and whole microseconds,
// which is what both databases return as it was written.
type Item struct {
	ID        uuid.UUID `json:"id"` // version 7
	Name      string    `json:"name"`
	Note      string    `json:"note"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Draft is what a client may set of an item.
type Draft struct{ Name, Note string }

// Patch is a change of some fields; nil leaves a field as it is.
type Patch struct{ Name, Note *string }

// FieldError is one rule that one field breaks.
type FieldError struct{ Field, Detail string }

// Validate returns every rule that the fields given break, nil for none. The
// store does not validate: call this before a Draft or a Patch goes there.
func (p Patch) Validate() []FieldError {
	var broken []FieldError
	if p.Name != nil {
		broken = append(broken, checkText("name", *p.Name, 1, maxName)...)
	}
	if p.Note != nil {
		broken = append(broken, checkText("note", *p.Note, 0, maxNote)...)
	}
	return broken
}

// checkText refuses what is shorter than low or longer than high, and what
// PostgreSQL cannot keep: NUL and broken UTF-8.
func checkText(field, text string, low, high int) []FieldError {
	var broken []FieldError
	if n := utf8.RuneCountInString(text); n < low || n > high {
		broken = append(broken, FieldError{field, fmt.Sprintf("must have %d to %d characters, not %d", low, high, n)})
	}
	if strings.ContainsRune(text, 0) {
		broken = append(broken, FieldError{field, "must not contain the character U+0000"})
	}
	if !utf8.ValidString(text) {
		broken = append(broken, FieldError{field, "must be valid UTF-8"})
	}
	return broken
}
