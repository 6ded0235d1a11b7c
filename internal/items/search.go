package items

import (
	"context"
	"database/sql"
	"math"
	"strings"

	"example.com/api/internal/database"
)

const (
	// maxTrigrams is the largest number of a query's trigrams that select the
	// candidates of a search. More of them cost more than they save.
	maxTrigrams = 16
	// maxVisited is how many items a search compares at most if the index does not
	// help. With notes of 1,000 characters, that takes 5 to 15 ms.
	maxVisited = 2000
)

// Search returns up to limit items (at least 1) that follow cursor and whose
// name or note contains q, oldest first. It ignores case and whether letters
// are composed; no character of q has a special meaning.
//
// An index finds the candidates by the trigrams of q: its sequences of three
// characters. A shorter q has none, so Search then compares at most maxVisited items,
// and the page ends with the last of them even if it is not full: it may be empty and
// still have a next one.
func (s Store) Search(ctx context.Context, q, cursor string, limit int) (Page, error) {
	after, err := decodeCursor(cursor)
	if err != nil {
		return Page{}, err
	}
	page := Page{Items: []Item{}}
	if strings.ContainsRune(q, 0) {
		return page, nil // no item contains it, and PostgreSQL would reject the query
	}
	limit = max(limit, 1)
	find := searchSQLite
	if s.DB.Engine() == database.Postgres {
		find = searchPostgres
	}
	err = s.DB.Scan(ctx, func(ctx context.Context, pool *sql.DB) error {
		items, seqs, last, err := find(ctx, pool, fold(q), after, limit+1)
		page = newPage(items, seqs, limit)
		if page.Next == "" && last < math.MaxInt64 {
			page.Next = encodeCursor(last)
		}
		return err
	})
	return page, err
}

// lastVisited selects the seq of the last of the $2+1 items that follow $1, or no
// row if there are fewer.
const lastVisited = `SELECT seq FROM items WHERE seq > $1 ORDER BY seq LIMIT 1 OFFSET $2`

const containsSQLite = `(instr(items.name_folded, $1) > 0 OR instr(items.note_folded, $1) > 0)`

// searchTrigrams is the search in SQLite for a text that has trigrams. The index
// returns its candidates in the order of seq. CROSS JOIN keeps it the outer loop.
const searchTrigrams = `
	SELECT ` + columns + ` FROM items_trigrams CROSS JOIN items ON items.seq = items_trigrams.rowid
	WHERE items_trigrams MATCH $4 AND items_trigrams.rowid > $2 AND ` + containsSQLite + `
	ORDER BY items_trigrams.rowid LIMIT $3`

// searchSQLite returns up to n items that contain the folded text, and the seq of
// each. If it has found fewer, no other item up to the seq last contains the text.
func searchSQLite(ctx context.Context, pool *sql.DB, text string, after int64, n int) (found []Item, seqs []int64, last int64, err error) {
	if match := trigramQuery(text); match != "" {
		found, seqs, err = query(ctx, pool, searchTrigrams, text, after, n, match)
		return found, seqs, math.MaxInt64, err
	}
	err = pool.QueryRowContext(ctx, `SELECT COALESCE((`+lastVisited+`), $3)`, after, maxVisited-1, int64(math.MaxInt64)).Scan(&last)
	if err != nil {
		return nil, nil, 0, err
	}
	found, seqs, err = query(ctx, pool, `
		SELECT `+columns+` FROM items
		WHERE seq > $2 AND seq <= $4 AND `+containsSQLite+` ORDER BY seq LIMIT $3`, text, after, n, last)
	return found, seqs, last, err
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

// searchPostgres returns what searchSQLite does. The index of PostgreSQL holds
// only trigrams of letters and digits, and may be missing.
func searchPostgres(ctx context.Context, pool *sql.DB, text string, after int64, n int) (found []Item, seqs []int64, last int64, err error) {
	// LIKE, because the index does not support strpos. Characters that are special in
	// LIKE are escaped.
	pattern := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
	const contains = `(name_folded LIKE $1 OR note_folded LIKE $1)`
	const end = math.MaxInt64
	var indexed bool
	err = pool.QueryRowContext(ctx, `
		SELECT $3 ~ '[[:alnum:]]{3}' AND to_regclass('items_trigrams') IS NOT NULL, COALESCE((`+lastVisited+`), $4)`,
		after, maxVisited-1, text, int64(end)).Scan(&indexed, &last)
	if err != nil {
		return nil, nil, 0, err
	}
	// If many items contain the text, the next few fill the page. The index would
	// return most of the table, which would then be sorted. OFFSET 0 keeps the planner
	// from using the index here.
	found, seqs, err = query(ctx, pool, `
		SELECT `+columns+` FROM (SELECT * FROM items WHERE seq > $2 AND seq <= $4 ORDER BY seq OFFSET 0) AS next
		WHERE `+contains+` ORDER BY seq LIMIT $3`, pattern, after, n, last)
	if err != nil || len(found) == n || last == end || !indexed {
		return found, seqs, last, err
	}
	// MATERIALIZED, or the planner may prefer to read the table in order.
	found, seqs, err = query(ctx, pool, `
		WITH found AS MATERIALIZED (SELECT * FROM items WHERE `+contains+`)
		SELECT `+columns+` FROM found WHERE seq > $2 ORDER BY seq LIMIT $3`, pattern, after, n)
	return found, seqs, end, err
}
