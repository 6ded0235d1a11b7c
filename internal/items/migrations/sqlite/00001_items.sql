-- +goose Up
CREATE TABLE items (
    -- The order of lists. AUTOINCREMENT: the number of a deleted item is never
    -- used again; a cursor at that number would otherwise skip its successor.
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    note        TEXT NOT NULL,
    -- What a search compares; see fold in fold.go.
    name_folded TEXT NOT NULL,
    note_folded TEXT NOT NULL,
    created_at  TIMESTAMP NOT NULL, -- Unix microseconds
    updated_at  TIMESTAMP NOT NULL  -- Unix microseconds
);
