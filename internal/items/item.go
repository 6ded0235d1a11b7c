// Package items is the sample resource: what an item is, which rules apply to it,
// and a store that keeps items in the database.
package items

import (
	"fmt"
	"strconv"
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

// Item is one item in the store. Its times are UTC, in whole microseconds, so that
// both databases return exactly what was written.
type Item struct {
	ID        uuid.UUID `json:"id"` // version 7
	Name      string    `json:"name"`
	Note      string    `json:"note"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// ETag returns the strong entity tag of this version of the item, in quotes (RFC
// 9110, 8.8.3). UpdatedAt is different after every change.
func (i Item) ETag() string {
	return `"` + strconv.FormatInt(i.UpdatedAt.UnixMicro(), 36) + `"`
}

// Draft is everything that a client may set of an item.
type Draft struct{ Name, Note string }

// Patch is some of what a client may set; a nil field was left out.
type Patch struct {
	Name *string `json:"name"`
	Note *string `json:"note"`
}

// Validate calls broken for each rule that the patch breaks, with the field's name
// in JSON and what is wrong with its value. The store does not check the rules. A
// caller must do so before it passes a Draft or a Patch to the store.
func (p Patch) Validate(broken func(field, detail string)) {
	if p.Name != nil {
		validateText("name", *p.Name, 1, maxName, broken)
		if *p.Name != "" && strings.TrimSpace(*p.Name) == "" {
			broken("name", "must not consist only of blanks")
		}
	}
	if p.Note != nil {
		validateText("note", *p.Note, 0, maxNote, broken)
	}
}

// validateText reports a text that is shorter than low or longer than high,
// and what PostgreSQL cannot store: NUL and invalid UTF-8.
func validateText(field, text string, low, high int, broken func(field, detail string)) {
	if n := utf8.RuneCountInString(text); n < low || n > high {
		broken(field, fmt.Sprintf("must have %d to %d characters, not %d", low, high, n))
	}
	if strings.ContainsRune(text, 0) {
		broken(field, "must not contain the character U+0000")
	}
	if !utf8.ValidString(text) {
		broken(field, "must be valid UTF-8")
	}
}
