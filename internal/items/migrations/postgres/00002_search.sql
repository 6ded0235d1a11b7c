-- +goose Up

-- An index of every three characters in a row, for searches. The extension
-- comes with PostgreSQL's contrib package, and the owner of the database may
-- create it. Where either is not so, each page of a search covers only some
-- items: install the package, and run these two statements as the database's
-- owner. An index that is there already is kept: docs/deployment.md says how to
-- create it beforehand without blocking writes.
-- +goose StatementBegin
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX IF NOT EXISTS items_trigrams ON items USING gin (name_folded gin_trgm_ops, note_folded gin_trgm_ops)
        WITH (gin_pending_list_limit = 256); -- kB that every search reads besides the index
EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_file OR undefined_object THEN
    RAISE WARNING 'each page of a search covers only some items, as pg_trgm is missing: %', SQLERRM;
END
$$;
-- +goose StatementEnd
