package items

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// fold returns the form in which texts are searched: two texts that differ
// only in case, or in how a letter and its marks are composed, have the same
// form (Unicode's canonical caseless matching, D145), so ÄRGER finds ärger and
// STRASSE finds straße. It ends composed, so that a does not match within ä.
//
// The form is stored beside each text: whoever changes it must rewrite those
// columns in a migration.
func fold(text string) string {
	// Broken UTF-8 can only come in a query; PostgreSQL would refuse it.
	text = strings.ToValidUTF8(text, "\uFFFD")
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(text)))
}
