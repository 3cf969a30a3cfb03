-- +goose Up
-- The delivery of a correction or cancellation waits for an attempt at the
-- original's that was under way when it came.
ALTER TABLE delivery ADD COLUMN follows TEXT NOT NULL DEFAULT '';

-- +goose Down
SELECT 1;
