package tests

import (
	"database/sql"
	"path/filepath"
	"testing"
)

// Restarts neither lose an acknowledged item nor create one twice.
func TestRollingRestartsLoseNoItem(t *testing.T) {
	t.Parallel()
	const restarts, posts = 8, 10_000
	postgres := startPostgres(t)
	eachEdge(t, func(t *testing.T, e *edge, startEdge func([2]string)) {
		database := postgres.newDatabase(t, filepath.Base(t.Name()))
		r, stop := startRolling(t, e, startEdge, "/api/items", database)
		r.restarts(t, restarts, posts)
		stop()
		r.checkItems(t, database, posts)
	})
}

// checkItems checks that the database has every acknowledged item and no item
// twice.
func (r *rolling) checkItems(t *testing.T, database string, posts int) {
	t.Helper()
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT name FROM items")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	times := make(map[string]int)
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if times[name]++; times[name] == 2 {
			t.Errorf("the database has item %s twice", name)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, name := range r.acknowledged {
		if times[name] == 0 {
			t.Errorf("the database lacks item %s, which was acknowledged", name)
		}
	}
	if want := posts - len(r.slow); len(times) < want {
		t.Errorf("got %d items, want at least %d", len(times), want)
	}
}
