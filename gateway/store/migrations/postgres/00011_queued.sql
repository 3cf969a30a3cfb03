-- +goose Up
-- What waits for an attempt: pending deliveries, and those that were handed over and
-- go on over another channel, since their mail came back.
ALTER TABLE delivery ADD COLUMN queued BIGINT NOT NULL DEFAULT 0;
UPDATE delivery SET queued = 1 WHERE state = 'pending';
DROP INDEX delivery_lane;
CREATE INDEX delivery_lane ON delivery (operation, participant, channel, urgency, created, id) WHERE queued = 1;

-- +goose Down
SELECT 1;
