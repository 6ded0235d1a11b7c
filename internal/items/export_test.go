package items

const (
	// MaxVisited is how many items a search compares at most if the index does not
	// help.
	MaxVisited = maxVisited
	// SearchTrigrams is the search in SQLite for a text that has trigrams.
	SearchTrigrams = searchTrigrams
)

// Fold returns the form in which texts are compared.
var Fold = fold
