-- +goose Up
CREATE TABLE items (
    -- The order of lists; see items_commit_in_order.
    seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          UUID NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    note        TEXT NOT NULL,
    -- What a search compares; see fold in fold.go.
    name_folded TEXT NOT NULL,
    note_folded TEXT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    updated_at  TIMESTAMPTZ NOT NULL
);

-- A sequence is counted when a row is made, not when it is committed, so two
-- inserts could be committed in the other order, and a list that was read in
-- between would continue past the smaller number and never show it. Allowing
-- one insert at a time, from its number to its commit, makes the order of
-- numbers the order in which items become visible. The lock ends with the
-- transaction by itself.
-- +goose StatementBegin
CREATE FUNCTION items_commit_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(TG_RELID::bigint);
    RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER items_commit_in_order BEFORE INSERT ON items
    FOR EACH STATEMENT EXECUTE FUNCTION items_commit_in_order();
