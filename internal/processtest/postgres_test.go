package processtest

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The tests in Go and scripts/postgres.sh look for PostgreSQL in the same places.
func TestPostgresPlaces(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("../../scripts/postgres.sh")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(script)) {
		if place := strings.TrimRight(strings.TrimSpace(line), `; do\`); strings.HasPrefix(place, "/") {
			got = append(got, place)
		}
	}
	want := postgresPlaces()
	slices.Reverse(want) // the script takes the last that it finds
	if !slices.Equal(got, want) {
		t.Errorf("scripts/postgres.sh looks in %q, want %q", got, want)
	}
}
