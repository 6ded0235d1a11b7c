package items

import (
	"context"
	"database/sql"
	"strings"

	"example.com/api/internal/database"
)

// maxTrigrams is the largest number of a query's trigrams that select the candidates
// of a search. More of them cost more than they save.
const maxTrigrams = 16

// Search returns up to limit items (at least 1) that follow cursor and whose
// name or note contains q, oldest first. It ignores case and whether letters
// are composed; no character of q has a special meaning.
//
// An index finds the candidates by the trigrams of q: its sequences of three
// characters. A shorter q has none, so Search then reads the items one by one until
// the page is full.
func (s Store) Search(ctx context.Context, q, cursor string, limit int) (Page, error) {
	after, err := decodeCursor(cursor)
	if err != nil {
		return Page{}, err
	}
	page := Page{Items: []Item{}}
	if strings.ContainsRune(q, 0) {
		return page, nil // no item contains it, and PostgreSQL would reject the query
	}
	find := searchSQLite
	if s.DB.Engine() == database.Postgres {
		find = searchPostgres
	}
	err = s.DB.Scan(ctx, func(ctx context.Context, pool *sql.DB) error {
		items, seqs, err := find(ctx, pool, fold(q), after, max(limit, 1)+1)
		page = newPage(items, seqs, limit)
		return err
	})
	return page, err
}

// searchSQLite returns up to n items that contain the folded text, and the seq
// of each.
func searchSQLite(ctx context.Context, pool *sql.DB, text string, after int64, n int) ([]Item, []int64, error) {
	const contains = `(instr(items.name_folded, $1) > 0 OR instr(items.note_folded, $1) > 0)`
	match := trigramQuery(text)
	if match == "" {
		return query(ctx, pool, `
			SELECT `+columns+` FROM items
			WHERE seq > $2 AND `+contains+` ORDER BY seq LIMIT $3`, text, after, n)
	}
	// The index returns its candidates in the order of seq. CROSS JOIN keeps it
	// the outer loop.
	return query(ctx, pool, `
		SELECT `+columns+` FROM items_trigrams CROSS JOIN items ON items.seq = items_trigrams.rowid
		WHERE items_trigrams MATCH $4 AND items_trigrams.rowid > $2 AND `+contains+`
		ORDER BY items_trigrams.rowid LIMIT $3`, text, after, n, match)
}

// trigramQuery returns an FTS5 query for rows that contain trigrams of the text: at
// most maxTrigrams of them, evenly spaced. It returns "" if the text is too short.
func trigramQuery(text string) string {
	characters := []rune(text)
	count := len(characters) - 2 // of trigrams
	if count < 1 {
		return ""
	}
	var terms []string
	for i := range min(count, maxTrigrams) {
		start := i * count / min(count, maxTrigrams)
		trigram := string(characters[start : start+3])
		terms = append(terms, `"`+strings.ReplaceAll(trigram, `"`, `""`)+`"`)
	}
	return strings.Join(terms, " AND ")
}

// searchPostgres returns up to n items that contain the folded text, and the
// seq of each.
func searchPostgres(ctx context.Context, pool *sql.DB, text string, after int64, n int) ([]Item, []int64, error) {
	// LIKE, because the index does not support strpos. Characters that are special in
	// LIKE are escaped.
	pattern := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
	const contains = `(name_folded LIKE $1 OR note_folded LIKE $1)`
	// If many items contain the text, the next few fill the page. The index would
	// return most of the table, which would then be sorted.
	const next = 1000
	items, seqs, err := query(ctx, pool, `
		SELECT `+columns+` FROM (SELECT * FROM items WHERE seq > $2 ORDER BY seq LIMIT $4) AS next
		WHERE `+contains+` ORDER BY seq LIMIT $3`, pattern, after, n, next)
	if err != nil || len(items) == n {
		return items, seqs, err
	}
	// Without MATERIALIZED, the planner may prefer to read the table in order.
	return query(ctx, pool, `
		WITH found AS MATERIALIZED (SELECT * FROM items WHERE `+contains+`)
		SELECT `+columns+` FROM found WHERE seq > $2 ORDER BY seq LIMIT $3`, pattern, after, n)
}
