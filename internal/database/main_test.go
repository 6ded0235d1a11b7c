package database_test

import (
	"context"
	"database/sql"
	"log/slog"
	"os"
	"testing"
	"testing/fstest"

	"github.com/google/uuid"

	"example.com/api/internal/database"
	"example.com/api/internal/database/databasetest"
)

func TestMain(m *testing.M) {
	if role := os.Getenv("DATABASE_TEST_ROLE"); role != "" {
		os.Exit(runRole(role))
	}
	os.Exit(databasetest.Run(m))
}

// migrations returns those of a resource that has one table.
func migrations(table string) database.Migrations {
	create := &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE " + table + " (id TEXT PRIMARY KEY, text TEXT NOT NULL);\n")}
	return database.Migrations{Table: table + "_migrations", Files: fstest.MapFS{
		"migrations/sqlite/00001_table.sql":   create,
		"migrations/postgres/00001_table.sql": create,
	}}
}

// things is the resource that these tests work with.
type things struct{ *database.DB }

// Create stores a text under a new id.
func (s things) Create(ctx context.Context, text string) (id string, err error) {
	id = uuid.NewString()
	return id, s.Write(ctx, func(ctx context.Context, pool *sql.DB) error {
		_, err := pool.ExecContext(ctx, "INSERT INTO things (id, text) VALUES ($1, $2)", id, text)
		return err
	})
}

// Get returns the text under id, or sql.ErrNoRows.
func (s things) Get(ctx context.Context, id string) (text string, err error) {
	err = s.Read(ctx, func(ctx context.Context, pool *sql.DB) error {
		return pool.QueryRowContext(ctx, "SELECT text FROM things WHERE id = $1", id).Scan(&text)
	})
	return text, err
}

// Update sets the text under id, or returns sql.ErrNoRows.
func (s things) Update(ctx context.Context, id, text string) error {
	return s.Transaction(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "UPDATE things SET text = $2 WHERE id = $1 RETURNING text", id, text).Scan(&text)
	})
}

// All returns the text under each id.
func (s things) All(ctx context.Context) (texts map[string]string, err error) {
	texts = map[string]string{}
	return texts, s.Read(ctx, func(ctx context.Context, pool *sql.DB) error {
		rows, err := pool.QueryContext(ctx, "SELECT id, text FROM things")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id, text string
			if err := rows.Scan(&id, &text); err != nil {
				return err
			}
			texts[id] = text
		}
		return rows.Err()
	})
}

// open opens a database and closes it when the test ends.
func open(t testing.TB, url string) things {
	t.Helper()
	return openLogged(t, url, slog.New(slog.DiscardHandler))
}

func openLogged(t testing.TB, url string, log *slog.Logger) things {
	t.Helper()
	db, err := database.Open(context.Background(), url, nil, log, migrations("things"))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return things{db}
}

// create stores a text or ends the test.
func create(t testing.TB, s things, text string) (id string) {
	t.Helper()
	id, err := s.Create(context.Background(), text)
	if err != nil {
		t.Fatalf("Create(%q): %v", text, err)
	}
	return id
}

// all returns every text or ends the test.
func all(t testing.TB, s things) map[string]string {
	t.Helper()
	texts, err := s.All(context.Background())
	if err != nil {
		t.Fatalf("All: %v", err)
	}
	return texts
}

// second returns the error of a call that also returns a value.
func second[T any](_ T, err error) error { return err }
