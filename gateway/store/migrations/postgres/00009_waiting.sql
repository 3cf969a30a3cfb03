-- +goose Up
-- The lanes on which something waits are those of what is pending, by its index. A
-- list of all that ever were costs a look at each, every second.
DROP TABLE lane;

-- +goose Down
SELECT 1;
