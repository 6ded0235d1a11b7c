//go:build !race

package simulation

// underRace reports whether the race detector is on.
const underRace = false
