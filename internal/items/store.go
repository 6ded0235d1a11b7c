package items

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"example.com/api/internal/database"
)

// These are the errors that the methods of Store return, besides those of
// database.DB. Match them with errors.Is.
var (
	// ErrNotFound means that no item has the id.
	ErrNotFound = errors.New("there is no item with this id")
	// ErrChanged means that the item has none of the ETags that the caller named for a
	// change.
	ErrChanged = errors.New("the item has changed since")
	// ErrBadCursor means that List did not return the cursor.
	ErrBadCursor = errors.New("not a cursor of this list; pass next_cursor of a page unchanged, or none for the first page")
)

//go:embed migrations
var migrations embed.FS

// Migrations is the schema of this package's table.
func Migrations() database.Migrations {
	return database.Migrations{Table: "items_migrations", Files: migrations}
}

// Store keeps items in the database. Its methods are safe for concurrent use,
// and each returns within 2 s.
type Store struct{ DB *database.DB }

// Page is a part of a list of items, oldest first.
type Page struct {
	Items []Item // never nil
	Next  string // cursor of the page that follows, "" on the last page
	seqs  []int64
}

// shortText is how many bytes of JSON the texts of a short page take at most, not
// counting its last item. A page of 20 items with the longest texts in ASCII is short.
const shortText = 24 << 10

const columns = "seq, id, name, note, created_at, updated_at"

// scan reads columns from one row. Without a row it returns ErrNotFound.
func scan(row interface{ Scan(dest ...any) error }) (item Item, seq int64, err error) {
	err = row.Scan(&seq, &item.ID, &item.Name, &item.Note, &item.CreatedAt, &item.UpdatedAt)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	item.CreatedAt, item.UpdatedAt = item.CreatedAt.UTC(), item.UpdatedAt.UTC()
	return item, seq, err
}

// query reads columns of all rows, and the seq of each.
func query(ctx context.Context, pool *sql.DB, text string, args ...any) (items []Item, seqs []int64, err error) {
	items = []Item{}
	rows, err := pool.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		item, seq, err := scan(rows)
		if err != nil {
			return nil, nil, err
		}
		items, seqs = append(items, item), append(seqs, seq)
	}
	return items, seqs, rows.Err()
}

// now returns the current time in the precision that both databases keep.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// List returns up to limit items (at least 1) that follow cursor. The cursor "" is
// the start.
//
// On every replica, items are in the order in which they were committed: an item
// that is created later comes after every item that any reader has seen. A client that
// follows the cursors to the end receives every item that existed when it
// started and was not deleted exactly once, and skips none.
func (s Store) List(ctx context.Context, cursor string, limit int) (Page, error) {
	after, err := decodeCursor(cursor)
	if err != nil {
		return Page{}, err
	}
	limit = max(limit, 1)
	var page Page
	err = s.DB.Read(ctx, func(ctx context.Context, pool *sql.DB) error {
		// One more than requested shows whether a page follows.
		items, seqs, err := query(ctx, pool,
			`SELECT `+columns+` FROM items WHERE seq > $1 ORDER BY seq LIMIT $2`, after, limit+1)
		page = newPage(items, seqs, limit)
		return err
	})
	return page, err
}

// newPage returns a page of up to limit items. It has a cursor if there are more
// items.
func newPage(items []Item, seqs []int64, limit int) Page {
	if len(items) <= limit {
		return Page{Items: items, seqs: seqs}
	}
	return Page{Items: items[:limit], Next: encodeCursor(seqs[limit-1]), seqs: seqs}
}

// Short returns the page or, if its texts are long, its beginning, which takes at most
// 40 KB of JSON. Next then continues with the item that follows.
func (p Page) Short() Page {
	text := 0
	for i, item := range p.Items {
		if text > shortText {
			return Page{Items: p.Items[:i], Next: encodeCursor(p.seqs[i-1]), seqs: p.seqs}
		}
		text += jsonSize(item.Name) + jsonSize(item.Note)
	}
	return p
}

// jsonSize returns about how many bytes the text takes in JSON: encoding/json writes
// control characters, and those that are special in HTML, as \u00XX.
func jsonSize(text string) int {
	size := len(text)
	for i := range len(text) {
		if b := text[i]; b < ' ' || b == '<' || b == '>' || b == '&' {
			size += len(`\u00XX`) - 1
		}
	}
	return size
}

// Get returns one item, or ErrNotFound.
func (s Store) Get(ctx context.Context, id uuid.UUID) (Item, error) {
	var item Item
	err := s.DB.Read(ctx, func(ctx context.Context, pool *sql.DB) (err error) {
		item, _, err = scan(pool.QueryRowContext(ctx, `SELECT `+columns+` FROM items WHERE id = $1`, id))
		return err
	})
	return item, err
}

// Create stores a new item under a new id.
func (s Store) Create(ctx context.Context, d Draft) (Item, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Item{}, err
	}
	at := now()
	err = s.DB.Write(ctx, func(ctx context.Context, pool *sql.DB) error {
		_, err := pool.ExecContext(ctx, `
			INSERT INTO items (id, name, note, name_folded, note_folded, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $6)`,
			id, d.Name, d.Note, fold(d.Name), fold(d.Note), at)
		return err
	})
	if err != nil {
		return Item{}, err
	}
	return Item{ID: id, Name: d.Name, Note: d.Note, CreatedAt: at, UpdatedAt: at}, nil
}

// Replace sets everything that a client may set. For ifMatch and the errors, see
// Update.
func (s Store) Replace(ctx context.Context, id uuid.UUID, d Draft, ifMatch []string) (Item, error) {
	return s.Update(ctx, id, Patch{Name: &d.Name, Note: &d.Note}, ifMatch)
}

// Update sets the fields that the patch has, or returns ErrNotFound. If two clients
// update different fields at the same time, both changes are kept. If ifMatch is not
// nil, the item must have one of its ETags. Otherwise, Update returns ErrChanged and
// changes nothing.
func (s Store) Update(ctx context.Context, id uuid.UUID, p Patch, ifMatch []string) (Item, error) {
	foldIf := func(text *string) *string {
		if text == nil {
			return nil
		}
		folded := fold(*text)
		return &folded
	}
	tick := "1" // the least by which updated_at grows, so that every change results in a new ETag
	if s.DB.Engine() == database.Postgres {
		tick = "INTERVAL '1 microsecond'"
	}
	var item Item
	// Only a transaction returns the error of the commit: without one, SQLite
	// commits a RETURNING when its rows are closed.
	err := s.DB.Transaction(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := s.match(ctx, tx, id, ifMatch); err != nil {
			return err
		}
		// One statement reads and writes the row, so that no other client
		// can change it in between.
		var err error
		item, _, err = scan(tx.QueryRowContext(ctx, `
			UPDATE items SET
				name = COALESCE($2, name), name_folded = COALESCE($3, name_folded),
				note = COALESCE($4, note), note_folded = COALESCE($5, note_folded),
				updated_at = CASE WHEN updated_at < $6 THEN $6 ELSE updated_at + `+tick+` END
			WHERE id = $1 RETURNING `+columns, id, p.Name, foldIf(p.Name), p.Note, foldIf(p.Note), now()))
		return err
	})
	if err != nil {
		return Item{}, err
	}
	return item, nil
}

// Delete removes an item. For ifMatch and the errors, see Update.
func (s Store) Delete(ctx context.Context, id uuid.UUID, ifMatch []string) error {
	return s.DB.Transaction(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := s.match(ctx, tx, id, ifMatch); err != nil {
			return err
		}
		_, _, err := scan(tx.QueryRowContext(ctx, `DELETE FROM items WHERE id = $1 RETURNING `+columns, id))
		return err
	})
}

// match returns ErrChanged if the item has none of the ETags; nil stands for any
// ETag. Until the transaction ends, no other client can change the item: SQLite
// admits one writer at a time, and PostgreSQL locks the row.
func (s Store) match(ctx context.Context, tx *sql.Tx, id uuid.UUID, ifMatch []string) error {
	if ifMatch == nil {
		return nil
	}
	statement := `SELECT ` + columns + ` FROM items WHERE id = $1`
	if s.DB.Engine() == database.Postgres {
		statement += ` FOR UPDATE`
	}
	item, _, err := scan(tx.QueryRowContext(ctx, statement, id))
	if err == nil && !slices.Contains(ifMatch, item.ETag()) {
		err = ErrChanged
	}
	return err
}
