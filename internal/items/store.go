package items

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"
)

// SearchLimit is how many items Search returns at most.
const SearchLimit = 100

// What the methods of Store return beside a result; match with errors.Is. A
// request's own cancelled context comes back as that context's error.
var (
	// ErrNotFound: no item has the id.
	ErrNotFound = errors.New("there is no item with this id")
	// ErrUnavailable: the database does not answer, or cannot write; nothing
	// is wrong with the request. The text goes on with the cause, which is for
	// the log: it may name hosts and files, never a password. A write that
	// ends so was not acknowledged and may be there or not.
	ErrUnavailable = errors.New("the database is not available")
	// ErrBadCursor: the cursor is none that List gave out.
	ErrBadCursor = errors.New("not a cursor of this list; take next_cursor of a page as it is, or none for the first page")
)

// Store keeps items in SQLite or PostgreSQL. Its methods are safe for use by
// many goroutines, and each ends within 2 s.
type Store struct {
	// write is where changes go, read everything else. With PostgreSQL they
	// are one pool; for SQLite see openSQLite.
	read, write pool
	lookout     *sql.DB // one connection, for looks
	looks       singleflight.Group
	dialect     dialect
	log         *slog.Logger

	// generation is counted up when idle connections to PostgreSQL may be dead
	// and not know it: those of an earlier one are not used again.
	generation atomic.Int64

	period atomic.Pointer[period] // never nil; see availability.go
	lost   chan struct{}          // wakes keep; nil with SQLite
	stop   context.CancelFunc     // ends keep; nil with SQLite
	kept   chan struct{}          // closed when keep has ended; nil with SQLite
}

// pool is a number of connections and a line of those who wait for one.
// database/sql gives a connection that gets free to any of them, so with many
// some would wait past their time-out; a channel wakes the one who came first.
type pool struct {
	*sql.DB
	line chan struct{} // holds one value for each operation under way
}

func newPool(db *sql.DB, conns int) pool {
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return pool{DB: db, line: make(chan struct{}, conns)}
}

// errNoTurn: more operations are under way than there are connections.
var errNoTurn = errors.New("all connections are in use")

// inTurn runs an operation that takes one connection, or returns errNoTurn
// after it has waited in line for so long.
func (p pool) inTurn(ctx context.Context, wait time.Duration, operation func(context.Context) error) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case p.line <- struct{}{}:
		defer func() { <-p.line }()
		return operation(ctx)
	case <-timer.C:
		return errNoTurn
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Page is a part of the list of all items, oldest first.
type Page struct {
	Items []Item // never nil
	Next  string // cursor of the page that follows, "" on the last page
}

const columns = "seq, id, name, note, created_at, updated_at"

// scan reads columns from one row.
func scan(row interface{ Scan(dest ...any) error }) (item Item, seq int64, err error) {
	err = row.Scan(&seq, &item.ID, &item.Name, &item.Note, &item.CreatedAt, &item.UpdatedAt)
	item.CreatedAt, item.UpdatedAt = item.CreatedAt.UTC(), item.UpdatedAt.UTC()
	return item, seq, err
}

// query reads columns of all rows, and the seq of each.
func (s *Store) query(ctx context.Context, text string, args ...any) (items []Item, seqs []int64, err error) {
	items = []Item{}
	rows, err := s.read.QueryContext(ctx, text, args...)
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

// now is the present as both databases keep it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// List returns up to limit items (at least 1) that follow cursor; cursor "" is
// the start.
//
// The order is that in which items were committed, on every replica: items
// that are made meanwhile come after all that any reader has seen. So whoever
// follows the cursors to the end meets every item that was there when he
// started and was not deleted, once, and never skips one.
func (s *Store) List(ctx context.Context, cursor string, limit int) (Page, error) {
	after, err := decodeCursor(cursor)
	if err != nil {
		return Page{}, err
	}
	limit = max(limit, 1)
	var page Page
	err = s.do(ctx, s.read, func(ctx context.Context) error {
		// One more than asked for tells whether a page follows.
		items, seqs, err := s.query(ctx,
			`SELECT `+columns+` FROM items WHERE seq > $1 ORDER BY seq LIMIT $2`, after, limit+1)
		if err != nil {
			return err
		}
		page.Items = items
		if len(items) > limit {
			page.Items, page.Next = items[:limit], encodeCursor(seqs[limit-1])
		}
		return nil
	})
	return page, err
}

// Get returns one item, or ErrNotFound.
func (s *Store) Get(ctx context.Context, id uuid.UUID) (Item, error) {
	var item Item
	err := s.do(ctx, s.read, func(ctx context.Context) (err error) {
		item, _, err = scan(s.read.QueryRowContext(ctx, `SELECT `+columns+` FROM items WHERE id = $1`, id))
		return err
	})
	return item, err
}

// Create stores a new item under a new id.
func (s *Store) Create(ctx context.Context, d Draft) (Item, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Item{}, err
	}
	at := now()
	err = s.do(ctx, s.write, func(ctx context.Context) error {
		_, err := s.write.ExecContext(ctx, `
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

// Replace sets all that a client may set, or returns ErrNotFound.
func (s *Store) Replace(ctx context.Context, id uuid.UUID, d Draft) (Item, error) {
	return s.Update(ctx, id, Patch{Name: &d.Name, Note: &d.Note})
}

// Update sets the fields that the patch gives, or returns ErrNotFound. Of two
// updates at the same time that give different fields, both stay.
func (s *Store) Update(ctx context.Context, id uuid.UUID, p Patch) (Item, error) {
	foldIf := func(text *string) *string {
		if text == nil {
			return nil
		}
		folded := fold(*text)
		return &folded
	}
	var item Item
	err := s.do(ctx, s.write, func(ctx context.Context) error {
		// A transaction, so that the commit's error is seen: SQLite commits a
		// bare RETURNING only when its rows are closed.
		tx, err := s.write.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // does nothing after Commit
		// One statement reads and writes the row, so no change of another
		// client can come in between.
		item, _, err = scan(tx.QueryRowContext(ctx, `
			UPDATE items SET
				name = COALESCE($2, name), name_folded = COALESCE($3, name_folded),
				note = COALESCE($4, note), note_folded = COALESCE($5, note_folded),
				updated_at = $6
			WHERE id = $1
			RETURNING `+columns, id, p.Name, foldIf(p.Name), p.Note, foldIf(p.Note), now()))
		if err != nil {
			return err
		}
		return tx.Commit()
	})
	if err != nil {
		return Item{}, err
	}
	return item, nil
}

// Delete removes an item, or returns ErrNotFound.
func (s *Store) Delete(ctx context.Context, id uuid.UUID) error {
	return s.do(ctx, s.write, func(ctx context.Context) error {
		result, err := s.write.ExecContext(ctx, `DELETE FROM items WHERE id = $1`, id)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err == nil && n == 0 {
			return ErrNotFound
		}
		return err
	})
}

// Search returns the items whose name or note contains q, oldest first,
// SearchLimit of them at most, never nil. Case does not count, nor whether
// letters are composed; no character of q has a meaning of its own.
//
// It looks at every item: with some hundred thousand of them, give the folded
// columns a trigram index (pg_trgm, FTS5).
func (s *Store) Search(ctx context.Context, q string) ([]Item, error) {
	if strings.ContainsRune(q, 0) {
		return []Item{}, nil // no item holds it, and PostgreSQL takes it for an error
	}
	found := []Item{}
	err := s.do(ctx, s.read, func(ctx context.Context) (err error) {
		find := s.dialect.find
		found, _, err = s.query(ctx, `
			SELECT `+columns+` FROM items
			WHERE `+find+`(name_folded, $1) > 0 OR `+find+`(note_folded, $1) > 0
			ORDER BY seq LIMIT $2`, fold(q), SearchLimit)
		return err
	})
	return found, err
}
