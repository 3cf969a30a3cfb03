-- +goose Up
-- The ways over which something was ever to go: a claim asks each for itself, so
-- that what waits on one costs the others nothing.
CREATE TABLE lane (
  operation TEXT NOT NULL, participant TEXT NOT NULL, channel TEXT NOT NULL, PRIMARY KEY (operation, participant, channel)
);
INSERT INTO lane SELECT DISTINCT operation, participant, channel FROM delivery WHERE state = 'pending';
CREATE INDEX delivery_lane ON delivery (operation, participant, channel, urgency, created, id) WHERE state = 'pending';
DROP INDEX delivery_due;

-- +goose Down
SELECT 1;
