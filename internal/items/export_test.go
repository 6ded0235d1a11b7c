package items

// MaxVisited is how many items a search without an index compares.
const MaxVisited = maxVisited

// Fold returns the form in which texts are compared.
var Fold = fold
