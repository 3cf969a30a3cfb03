package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// dueLanes are the lanes on which a commit of this process made something due
// since they were looked at. What time or another node made due, the sweep finds:
// it looks at all.
type dueLanes struct {
	mu    sync.Mutex // guards the rest
	lanes map[gateway.Lane]struct{}
	sweep bool          // look at all with the next claim
	swept time.Time     // when that was done last
	every time.Duration // how long until it is done again
	turn  int           // lanes are served in turn
}

// All lanes on which something waits are looked at every second or, where they are
// more than two thousand, the rarer the more they are: a look at one costs
// PostgreSQL's way there and back.
const (
	sweepEvery = time.Second
	sweepEach  = time.Second / 2000
)

func (l *dueLanes) add(lanes map[gateway.Lane]struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.Copy(l.lanes, lanes)
}

// found notes on how many lanes something waits.
func (l *dueLanes) found(lanes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.every = max(sweepEvery, time.Duration(lanes)*sweepEach)
}

func (l *dueLanes) sweepNow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep = true
}

// take returns the lanes to look at, and whether that is all of them; add gives
// back those that have more.
func (l *dueLanes) take(now time.Time) (lanes map[gateway.Lane]struct{}, all bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if all = l.sweep || now.Sub(l.swept).Abs() >= l.every; all {
		l.sweep, l.swept = false, now
	}
	lanes, l.lanes = l.lanes, make(map[gateway.Lane]struct{})
	return lanes, all
}

// makeDue says that something became due on a lane.
func (t *tx) makeDue(op, participant, channel string) {
	t.makesDue(gateway.Lane{Operation: operation.Code(op), Participant: operation.ParticipantCode(participant), Channel: operation.ChannelKind(channel)})
}

// claimLane leases due deliveries of one lane. A claim is void when its lease is
// over or its node is dead. $1 node, $2 epoch, $3 lease clock, $4 dead before,
// $5 due at, $6…$8 the lane, $9 highest rank of priority, $10 channel tried since
// before, $11 limit, $12 lease until.
const (
	claimLane = `UPDATE delivery SET owner = $1, owner_epoch = $2, claimed = $3, lease_until = $12, fence = fence + 1 WHERE id IN (
  SELECT d.id FROM delivery d
  WHERE d.operation = $6 AND d.participant = $7 AND d.channel = $8 AND d.queued = 1 AND d.urgency <= $9 AND d.dropped = 0 AND d.not_before <= $5
    AND d.channel_from < $10
    AND (d.follows = '' OR NOT EXISTS (SELECT 1 FROM delivery o WHERE o.id = d.follows AND o.queued = 1 AND o.lease_until > $3))
    AND (d.lease_until <= $3 OR NOT (d.owner = $1 AND d.owner_epoch = $2)
      AND NOT EXISTS (SELECT 1 FROM node n WHERE n.name = d.owner AND n.epoch = d.owner_epoch AND n.beat > $4))
  ORDER BY d.urgency, d.created, d.id LIMIT $11`
	claimTakes = `) RETURNING id`
	lowestRank = 9
	noBound    = int64(1) << 62
	laneTakes  = 16 // at once, so that all lanes have their turn
)

// Claim implements gateway.Store. now is what is due by; leases go by the
// store's own clock. A node that couldn't heartbeat gets ErrFenced.
func (s *Store) Claim(ctx context.Context, want gateway.Want, now time.Time) ([]gateway.Delivery, error) {
	if want.Limit <= 0 {
		return nil, nil
	}
	if s.mode != serving {
		return nil, fmt.Errorf("claim deliveries: this store was not opened to serve")
	}
	hinted, all := s.due.take(now)
	all = all || s.opt.Clock != nil // a handed-in clock may jump
	if len(hinted) == 0 && !all {
		return nil, nil
	}
	var claimed []gateway.Delivery
	left := hinted // what is to be looked at again where this fails
	// A claim that a power cut takes away would be void after it anyway.
	err := s.note(ctx, func(t *tx) error {
		c := &claiming{t: t, want: want, now: now, left: make(map[gateway.Lane]struct{}), overdue: make(map[gateway.DeliveryID]bool)}
		if err := c.run(hinted, all); err != nil {
			return err
		}
		claimed, left = c.claimed, c.left
		return nil
	})
	s.due.add(left)
	if err != nil {
		if all {
			s.due.sweepNow()
		}
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	if len(claimed) > 0 && len(left) > 0 {
		signal(s.wake) // more waits there, and nothing else may happen that wakes
	}
	return claimed, nil
}

// claiming is one claim under way.
type claiming struct {
	t       *tx
	want    gateway.Want
	now     time.Time
	clock   int64
	ids     []any
	overdue map[gateway.DeliveryID]bool // claimed because nobody reached them in time
	claimed []gateway.Delivery
	left    map[gateway.Lane]struct{} // lanes that have, or may have, more
}

func (c *claiming) run(hinted map[gateway.Lane]struct{}, all bool) (err error) {
	ours, err := c.t.ours()
	if err != nil {
		return err
	}
	if c.clock, err = c.t.clock(); err != nil {
		return err
	}
	if alive, err := c.t.alive(c.clock); err != nil || !ours || !alive {
		if err == nil {
			err = gateway.ErrFenced
		}
		return err
	}
	lanes, err := c.lanes(hinted, all)
	if err != nil {
		return err
	}
	for i, lane := range lanes {
		if len(c.ids) >= c.want.Limit {
			for _, rest := range lanes[i:] {
				c.left[rest] = struct{}{}
			}
			break
		}
		if err := c.lane(lane); err != nil {
			return err
		}
	}
	return c.read()
}

// lanes are the hinted ones, or all on which something waits, each time beginning
// with another.
func (c *claiming) lanes(hinted map[gateway.Lane]struct{}, all bool) ([]gateway.Lane, error) {
	var list []gateway.Lane
	if all {
		rows, err := c.t.Query(c.t.ctx, `SELECT operation, participant, channel FROM delivery WHERE queued = 1 GROUP BY operation, participant, channel`)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var l gateway.Lane
			if err := rows.Scan(&l.Operation, &l.Participant, &l.Channel); err != nil {
				_ = rows.Close() // the first error says it
				return nil, err
			}
			list = append(list, l)
		}
		if err := rows.Close(); err != nil {
			return nil, err
		}
		c.t.s.due.found(len(list))
	} else {
		for l := range hinted {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, compareLanes)
	return c.t.s.due.inTurn(list), nil
}

func compareLanes(a, b gateway.Lane) int {
	return strings.Compare(string(a.Operation)+"/"+string(a.Participant)+"/"+string(a.Channel), string(b.Operation)+"/"+string(b.Participant)+"/"+string(b.Channel))
}

func (l *dueLanes) inTurn(list []gateway.Lane) []gateway.Lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(list) == 0 {
		return list
	}
	l.turn++
	n := l.turn % len(list)
	return append(slices.Clone(list[n:]), list[:n]...)
}

// lane claims from one lane what may go now.
func (c *claiming) lane(lane gateway.Lane) error {
	if slices.Contains(c.want.Full, lane.Medium()) {
		c.left[lane] = struct{}{}
		return nil
	}
	rank, before := int64(lowestRank), noBound
	switch lane.Channel {
	case operation.PGPMail, operation.Mail:
	case operation.WebSocket:
		where, err := c.t.reachable(lane, c.clock)
		if err != nil || where == elsewhere {
			return err
		}
		if where == nowhere {
			return c.unreachable(lane)
		}
	default:
		return nil // a person's
	}
	if slices.Contains(c.want.Except, lane) {
		rank = int64(gateway.Urgent.Rank())
	}
	if rank != lowestRank {
		c.left[lane] = struct{}{}
	}
	_, err := c.take(lane, rank, before)
	return err
}

// take claims up to laneTakes deliveries of one lane.
func (c *claiming) take(lane gateway.Lane, rank, channelBefore int64) (n int, err error) {
	s := c.t.s
	limit := min(laneTakes, c.want.Limit-len(c.ids))
	rows, err := c.t.Query(c.t.ctx, claimLane+s.d.skipLocked+claimTakes, s.opt.Node, s.epoch, c.clock, c.clock-deadAfter.Milliseconds(), millis(c.now),
		string(lane.Operation), string(lane.Participant), string(lane.Channel), rank, channelBefore, int64(limit), c.clock+leaseFor.Milliseconds())
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return n, err
		}
		c.ids = append(c.ids, id)
		n++
	}
	if n == limit {
		c.left[lane] = struct{}{}
	}
	return n, rows.Err()
}

// where a participant's session lives.
type where int

const (
	here where = iota
	elsewhere
	nowhere
)

func (t *tx) reachable(lane gateway.Lane, clock int64) (where, error) {
	s := t.s
	var node string
	var epoch int64
	err := t.row(`SELECT s.node, s.epoch FROM session s JOIN node n ON n.name = s.node AND n.epoch = s.epoch
		WHERE s.operation = $1 AND s.participant = $2 AND s.id <> '' AND n.beat > $3`, string(lane.Operation), string(lane.Participant), clock-deadAfter.Milliseconds()).Scan(&node, &epoch)
	switch {
	case notFound(err) == gateway.ErrNotFound:
		return nowhere, nil
	case err != nil:
		return nowhere, err
	case node == s.opt.Node && epoch == s.epoch:
		return here, nil
	}
	return elsewhere, nil
}

// unreachable claims what no node can bring over the WebSocket and whose channel
// has had its share of the limit.
func (c *claiming) unreachable(lane gateway.Lane) error {
	if c.want.Share == nil {
		return nil
	}
	share := time.Duration(0)
	for _, p := range []gateway.Priority{gateway.Urgent, gateway.Prior, gateway.Routine} {
		if len(c.ids) >= c.want.Limit {
			return nil
		}
		// What is asked of a rank is asked of those above it too, so no rank has
		// less than they.
		share = max(share, c.want.Share(lane, p))
		taken := len(c.ids)
		if _, err := c.take(lane, int64(p.Rank()), millis(c.now.Add(-share))); err != nil {
			return err
		}
		for _, id := range c.ids[taken:] {
			c.overdue[gateway.DeliveryID(id.(string))] = true
		}
	}
	return nil
}

// read reads what was just leased.
func (c *claiming) read() error {
	if len(c.ids) == 0 {
		return nil
	}
	marks := make([]string, len(c.ids))
	for i := range c.ids {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	list, err := c.t.s.deliveries(c.t.ctx, c.t, `WHERE d.id IN (`+strings.Join(marks, ",")+`) ORDER BY d.urgency, d.created, d.id`, c.ids...)
	if err != nil {
		return err
	}
	for i := range list { // why it was claimed, not where the session is by now
		list[i].Unreachable = c.overdue[list[i].ID]
		list[i].Claimed = time.Now().Round(0)
	}
	c.claimed = list
	return nil
}
