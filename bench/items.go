package main

// The sample's scenarios. To remove the sample, delete this file and the call
// of itemScenarios.

import (
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

func itemScenarios() []scenario {
	last := ours("page 1000 of 1000000")
	last.items, last.path = 1_000_000, "/api/items?limit=20&cursor="+cursor(999*20)
	var lists, searches []spec
	for _, n := range []int{1, 1_000, 1_000_000} {
		list := ours(fmt.Sprint(n))
		list.items, list.amount = n, n
		search := ours(fmt.Sprint(n), "RATE_LIMIT_SEARCH="+noLimit)
		search.items, search.amount = n, n
		lists, searches = append(lists, list), append(searches, search)
	}
	var bodies []spec
	for _, size := range []int{10, 100, 1000} {
		body := ours(fmt.Sprintf("a note of %d characters", size))
		body.amount = size
		body.body = `{"name":"n","note":"` + strings.Repeat("x", size) + `"}`
		bodies = append(bodies, body)
	}
	return []scenario{
		{name: "items: list", grows: "items, when one page is listed", title: "`GET /api/items`, pages of 20, by number of items", path: "/api/items", status: 200, headers: []string{origin}, servers: append(lists, last)},
		{name: "items: search", grows: "items, when one page is searched", title: "`GET /api/search?q=999`, pages of 20, by number of items", path: "/api/search?q=999", status: 200, headers: []string{origin}, servers: searches},
		{name: "items: create", grows: "characters of a new note", title: "`POST /api/items`", path: "/api/items", method: "POST", status: 201,
			headers: []string{origin, "Content-Type: application/json"}, servers: bodies},
	}
}

// fill adds n items to the database that a server has created in dir.
func fill(dir string, n int) error {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "app.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Exec(`
		WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
		INSERT INTO items (id, name, note, name_folded, note_folded, created_at, updated_at)
		SELECT printf('00000000-0000-4000-8000-%012x', n), 'item ' || n, 'a note', 'item ' || n, 'a note', n, n FROM numbers`, n); err != nil {
		return fmt.Errorf("add %d items: %w", n, err)
	}
	return nil
}

// cursor returns the cursor of the page after item number seq.
func cursor(seq int64) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64([]byte{1}, uint64(seq)))
}
