package items

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// fold returns the form in which a search compares texts. Two texts that differ only
// in case, or in whether a letter and its marks are composed, have the same form
// (Unicode's canonical caseless matching, D145), so ÄRGER finds ärger and STRASSE
// finds straße. The result is composed, so that a does not match within ä.
//
// The form is stored next to each text, so a change of this function needs a
// migration that rewrites those columns.
func fold(text string) string {
	// Only a query can have invalid UTF-8; PostgreSQL would reject it.
	text = strings.ToValidUTF8(text, "\uFFFD")
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(text)))
}
