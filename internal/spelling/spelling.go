// Package spelling measures the distance between a misspelt word and the word that
// was meant.
package spelling

// Edits returns the number of edits that turn a into b. An edit inserts, deletes or
// replaces a byte, or swaps two neighboring bytes. No byte is edited twice. Edits
// takes time proportional to the product of the lengths.
func Edits(a, b string) int {
	// Rows of the matrix whose cell i, j is the distance of a[:i] and b[:j].
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			replace := 1
			if a[i] == b[j] {
				replace = 0
			}
			row[j+1] = min(last[j]+replace, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
