package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// claimDue leases due deliveries. A claim is void when its lease is over or its
// node is dead. $1 node, $2 epoch, $3 lease clock, $4 dead before, $5 due at,
// $6…$8 since when the channel must have been tried, by priority, $9 limit,
// $10 lease until, $11 lanes to leave alone, "/operation/participant/medium/" each;
// urgent ones go on all the same.
const claimDue = `WITH free AS MATERIALIZED (
  SELECT d.id FROM delivery d
  WHERE d.state = 'pending' AND d.dropped = 0 AND d.not_before <= $5
    AND ($11 = '' OR d.urgency = 0 OR instr($11, '/' || d.operation || '/' || d.participant || '/' || CASE d.channel WHEN 'websocket' THEN 'websocket' ELSE 'mail' END || '/') = 0)
    AND (d.lease_until <= $3 OR NOT (d.owner = $1 AND d.owner_epoch = $2)
      AND NOT EXISTS (SELECT 1 FROM node n WHERE n.name = d.owner AND n.epoch = d.owner_epoch AND n.beat > $4))
    AND (d.channel IN ('pgp-mail','mail')
      OR d.channel = 'websocket' AND (
        EXISTS (SELECT 1 FROM session s WHERE s.operation = d.operation AND s.participant = d.participant AND s.id <> '' AND s.node = $1 AND s.epoch = $2)
        OR d.channel_from < CASE d.priority WHEN 'U' THEN CAST($6 AS BIGINT) WHEN 'P' THEN CAST($7 AS BIGINT) ELSE CAST($8 AS BIGINT) END
          AND NOT EXISTS (SELECT 1 FROM session s JOIN node n ON n.name = s.node AND n.epoch = s.epoch
            WHERE s.operation = d.operation AND s.participant = d.participant AND s.id <> '' AND n.beat > $4)))
  ORDER BY d.urgency, d.created, d.id LIMIT $9`

const claimTakes = `)
UPDATE delivery SET owner = $1, owner_epoch = $2, claimed = $3, lease_until = $10, fence = fence + 1
WHERE id IN (SELECT id FROM free) RETURNING id`

// Claim implements gateway.Store. now is what is due by; leases go by the
// store's own clock. A node that couldn't heartbeat gets ErrFenced.
func (s *Store) Claim(ctx context.Context, want gateway.Want, now time.Time) ([]gateway.Delivery, error) {
	if want.Limit <= 0 {
		return nil, nil
	}
	if s.mode != serving {
		return nil, fmt.Errorf("claim deliveries: this store was not opened to serve")
	}
	// An empty queue costs no commit.
	if s.d.driver == sqlite.driver {
		var any int64
		err := s.read().QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 FROM delivery WHERE state = 'pending' AND not_before <= $1 LIMIT 1) AS q`, millis(now)).Scan(&any)
		if err == nil && any == 0 {
			return nil, nil
		}
	}
	var claimed []gateway.Delivery
	err := s.write(ctx, func(t *tx) error {
		claimed = nil
		ours, err := t.ours()
		if err != nil {
			return err
		}
		if !ours {
			return gateway.ErrFenced
		}
		claimed, err = t.claim(want, now)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	return claimed, nil
}

func (t *tx) claim(want gateway.Want, now time.Time) ([]gateway.Delivery, error) {
	s := t.s
	clock, err := t.clock()
	if err != nil {
		return nil, err
	}
	before := func(p gateway.Priority) int64 { return millis(now.Add(-s.opt.Share(p))) }
	if s.d.driver == postgres.driver { // a node whose heart stopped must not send: others may have taken over
		var alive int64
		err := t.row(`SELECT count(*) FROM node WHERE name = $1 AND epoch = $2 AND beat > $3`, s.opt.Node, s.epoch, clock-deadAfter.Milliseconds()).Scan(&alive)
		if err != nil {
			return nil, err
		}
		if alive == 0 {
			return nil, gateway.ErrFenced
		}
	}
	rows, err := t.Query(t.ctx, s.claimQuery, s.opt.Node, s.epoch, clock, clock-deadAfter.Milliseconds(), millis(now),
		before(gateway.Urgent), before(gateway.Prior), before(gateway.Routine), int64(want.Limit), clock+leaseFor.Milliseconds(), laneList(want.Except))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []any
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil || len(ids) == 0 {
		return nil, err
	}
	_ = rows.Close()
	return t.claimed(ids)
}

// laneList is how the query has lanes: codes hold no slash.
func laneList(lanes []gateway.Lane) string {
	var b strings.Builder
	for _, l := range lanes {
		fmt.Fprintf(&b, "/%s/%s/%s/", l.Operation, l.Participant, l.Medium)
	}
	return b.String()
}

// claimed reads what was just leased.
func (t *tx) claimed(ids []any) ([]gateway.Delivery, error) {
	marks := make([]string, len(ids))
	for i := range ids {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	list, err := t.s.deliveries(t.ctx, t, `WHERE d.id IN (`+strings.Join(marks, ",")+`) ORDER BY d.urgency, d.created, d.id`, ids...)
	if err != nil {
		return nil, err
	}
	for i := range list {
		d := &list[i]
		if d.Channel != operation.WebSocket {
			continue
		}
		var n int64
		err := t.row(`SELECT count(*) FROM session WHERE operation = $1 AND participant = $2 AND id <> '' AND node = $3 AND epoch = $4`,
			string(d.Operation), string(d.Participant), t.s.opt.Node, t.s.epoch).Scan(&n)
		if err != nil {
			return nil, err
		}
		d.Unreachable = n == 0
	}
	return list, nil
}
