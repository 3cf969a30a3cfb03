-- +goose Up
-- Each delivery of a correction or cancellation asks for the corrections before it.
CREATE INDEX form_corrections ON form (answers) WHERE type = 'COR';

-- +goose Down
SELECT 1;
