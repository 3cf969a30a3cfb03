package store

import (
	"context"
	"fmt"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// Finish implements gateway.Store.
func (s *Store) Finish(ctx context.Context, a *gateway.Attempt, consequence func(gateway.Ledger) (*gateway.Decision, error)) error {
	fenced := false
	err := s.writeSoon(ctx, func(t *tx) error {
		fenced = false
		var err error
		fenced, err = t.finish(a, consequence)
		return err
	})
	if err != nil {
		return fmt.Errorf("record an attempt: %w", err)
	}
	if fenced { // the evidence was committed all the same
		return gateway.ErrFenced
	}
	return nil
}

// deliveryRow is what the transitions look at, locked.
type deliveryRow struct {
	id, form, operation string
	participant, owner  string
	state               gateway.State
	priority            gateway.Priority
	channel             string
	channelAt           int64
	fence, epoch        int64
	attempts, dropped   int64
	tested              int64 // communications tests that look at it
}

func (t *tx) lockDelivery(id gateway.DeliveryID) (*deliveryRow, error) {
	r := &deliveryRow{id: string(id)}
	var wrapped []byte
	err := t.row(`SELECT form, operation, participant, owner, state, priority, channel, channel_at, fence, owner_epoch, attempts, dropped,
		(SELECT count(*) FROM test_probe p WHERE p.delivery = delivery.id) + (SELECT count(*) FROM test_onward o WHERE o.delivery = delivery.id),
		(SELECT wrapped FROM data_key k WHERE k.operation = delivery.operation) FROM delivery WHERE id = $1`+t.s.d.forUpdate, r.id).
		Scan(&r.form, &r.operation, &r.participant, &r.owner, &r.state, &r.priority, &r.channel, &r.channelAt, &r.fence, &r.epoch, &r.attempts, &r.dropped, &r.tested, &wrapped)
	if err != nil {
		return nil, fmt.Errorf("read delivery %s: %w", id, notFound(err))
	}
	return r, t.s.codec.hold(t.keys, r.operation, wrapped)
}

func (t *tx) finish(a *gateway.Attempt, consequence func(gateway.Ledger) (*gateway.Decision, error)) (fenced bool, err error) {
	ours, err := t.willBeOurs() // before the delivery's row: the order in which Claim locks
	if err != nil {
		return false, err
	}
	r, err := t.lockDelivery(a.Delivery.ID)
	if err != nil {
		return false, err
	}
	e := a.Evidence
	e.Delivery = a.Delivery.ID
	if err := t.appendEvidence(r.operation, e); err != nil {
		return false, err
	}
	if !ours() || r.fence != a.Delivery.Fence || r.owner != t.s.opt.Node || r.epoch != t.s.epoch {
		return true, nil
	}
	if err := t.follow(r, a); err != nil {
		return false, err
	}
	if r.tested > 0 {
		if err := t.rouseTests(r.id); err != nil {
			return false, err
		}
	}
	if consequence == nil {
		return false, nil
	}
	d, err := consequence(&ledger{t: t})
	if err != nil || d == nil {
		return false, err
	}
	return false, t.record(d, "", "")
}

// follow applies what comes after an attempt and ends the claim.
func (t *tx) follow(r *deliveryRow, a *gateway.Attempt) error {
	next := a.Next
	if next == (gateway.Next{}) {
		return t.put(`UPDATE delivery SET owner = '', lease_until = 0 WHERE id = $1`, r.id)
	}
	if next.State == gateway.Pending && r.dropped != 0 {
		return t.withhold(waitingDelivery{id: r.id, operation: r.operation}, superseded)
	}
	if a.Delivery.Unreachable && next.State == gateway.Pending && next.Channel == operation.WebSocket {
		came, err := t.cameMeanwhile(r)
		if err != nil {
			return err
		}
		if came {
			next.RetryAt = time.Time{} // it is due as it was
		}
	}
	state := r.state
	switch {
	case r.state == gateway.Withheld:
	case next.State == gateway.Withheld && r.state == gateway.Pending, next.State.Rank() > r.state.Rank():
		state = next.State
	}
	goesOn := next.State == gateway.Pending && next.Channel != "" && (state == gateway.Pending || state == gateway.HandedOver)
	reason, err := t.sealNote(r.operation, "delivery", r.id, "reason", next.Reason)
	if err != nil {
		return err
	}
	confirmed := int64(0)
	if state.Rank() >= gateway.ConfirmedBySystem.Rank() {
		confirmed = millis(a.Evidence.At)
	}
	err = t.put(`UPDATE delivery SET state = $1, sealed_reason = $2, attempts = attempts + 1, queued = $6, owner = '', lease_until = 0,
		not_before = CASE WHEN CAST($3 AS BIGINT) > 0 THEN CAST($3 AS BIGINT) ELSE not_before END,
		confirmed = CASE WHEN confirmed = 0 THEN $4 ELSE confirmed END WHERE id = $5`,
		string(state), reason, millis(next.RetryAt), confirmed, r.id, flag(goesOn || state == gateway.Pending))
	if err != nil {
		return fmt.Errorf("record what follows: %w", err)
	}
	if state != r.state {
		t.reaches(state, 1)
	}
	if !goesOn {
		return t.settled(r, state)
	}
	t.makeDue(r.operation, r.participant, string(next.Channel))
	return t.moveTo(r, a)
}

// cameMeanwhile reports whether the participant whose absence is being recorded has a
// session by now: what its opening made due at once would wait for the next one.
func (t *tx) cameMeanwhile(r *deliveryRow) (bool, error) {
	now, err := t.clock()
	if err != nil {
		return false, err
	}
	where, err := t.reachable(gateway.Lane{Operation: operation.Code(r.operation), Participant: operation.ParticipantCode(r.participant)}, now)
	return where != nowhere, err
}

// moveTo sets the channel of the next attempt; another channel counts its
// attempts and its share of the limit anew.
func (t *tx) moveTo(r *deliveryRow, a *gateway.Attempt) error {
	if a.Next.Channel == a.Delivery.Channel && a.Next.ChannelAt == a.Delivery.ChannelAt {
		return nil
	}
	from := millis(a.Next.RetryAt)
	if from == 0 {
		from = millis(a.Evidence.At)
	}
	err := t.put(`UPDATE delivery SET channel = $1, channel_at = $2, channel_from = $3, attempts = 0 WHERE id = $4`,
		string(a.Next.Channel), int64(a.Next.ChannelAt), from, r.id)
	if err != nil {
		return fmt.Errorf("change the channel: %w", err)
	}
	return nil
}
