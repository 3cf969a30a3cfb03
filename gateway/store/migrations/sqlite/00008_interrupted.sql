-- +goose Up
-- An offer's count is of interruptions, no longer of offers: which process had it
-- open says whether one ended over it. A node that left in peace interrupted nothing.
ALTER TABLE offer ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE offer ADD COLUMN owner_epoch BIGINT NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN parted BIGINT NOT NULL DEFAULT 0;
UPDATE offer SET count = 0;

-- +goose Down
SELECT 1;
