-- +goose Up

-- An index of every three characters in a row. It finds the candidates of a
-- search, whose texts are then compared, so it needs no positions (detail=none).
-- The columns are folded already, so case counts.
CREATE VIRTUAL TABLE items_trigrams USING fts5(
    name_folded, note_folded,
    content='items', content_rowid='seq', tokenize='trigram case_sensitive 1', detail='none'
);
INSERT INTO items_trigrams (items_trigrams) VALUES ('rebuild');

-- +goose StatementBegin
CREATE TRIGGER items_trigrams_insert AFTER INSERT ON items BEGIN
    INSERT INTO items_trigrams (rowid, name_folded, note_folded)
    VALUES (new.seq, new.name_folded, new.note_folded);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER items_trigrams_delete AFTER DELETE ON items BEGIN
    INSERT INTO items_trigrams (items_trigrams, rowid, name_folded, note_folded)
    VALUES ('delete', old.seq, old.name_folded, old.note_folded);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER items_trigrams_update AFTER UPDATE OF name_folded, note_folded ON items BEGIN
    INSERT INTO items_trigrams (items_trigrams, rowid, name_folded, note_folded)
    VALUES ('delete', old.seq, old.name_folded, old.note_folded);
    INSERT INTO items_trigrams (rowid, name_folded, note_folded)
    VALUES (new.seq, new.name_folded, new.note_folded);
END;
-- +goose StatementEnd
