package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// Decide is what an action of a person leads to, inside its transaction; nil
// where it leads to nothing more.
type Decide = func(gateway.Ledger) (*gateway.Decision, error)

// ErrNotWaiting: the form, delivery or message doesn't wait for this decision;
// somebody else may have been faster.
var ErrNotWaiting = errors.New("it doesn't wait for this decision any more")

// ReleaseForm accepts a held form. In what decide returns, an entry of Forms
// with this form's id only adds deliveries, and says on what the form rests by now.
// who and reason go to the audit log.
func (s *Store) ReleaseForm(ctx context.Context, id gateway.FormID, who, reason string, decide Decide) error {
	return s.settleForm(ctx, id, gateway.FormAccepted, "form released", who, reason, decide)
}

// RefuseForm refuses a held form; its reference is free again.
func (s *Store) RefuseForm(ctx context.Context, id gateway.FormID, who, reason string, decide Decide) error {
	return s.settleForm(ctx, id, gateway.FormRefused, "form refused", who, reason, decide)
}

func (s *Store) settleForm(ctx context.Context, id gateway.FormID, state gateway.FormState, action, who, reason string, decide Decide) error {
	err := s.write(ctx, func(t *tx) error {
		f, err := scanForm(t.row(`SELECT `+formColumns+` FROM form WHERE id = $1`+t.s.d.forUpdate, string(id)))
		if err != nil {
			return err
		}
		if f.State != gateway.FormHeld {
			return fmt.Errorf("form %s %s is %s: %w", f.Operation, f.Reference, f.State, ErrNotWaiting)
		}
		if err := t.put(`UPDATE form SET state = $1 WHERE id = $2`, string(state), string(id)); err != nil {
			return err
		}
		if err := t.put(`UPDATE inbound SET settled = $1, settled_by = $2 WHERE id = $3 AND settled = 0`, time.Now().UnixMilli(), who, f.Inbound); err != nil {
			return err
		}
		if err := t.byPerson(action, who, reason, f.Operation, f.Reference, ""); err != nil {
			return err
		}
		return t.decided(decide, id)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return nil
}

// ReleaseDelivery sends a withheld delivery on its way; a delivery of a
// corrected or cancelled form stays withheld.
func (s *Store) ReleaseDelivery(ctx context.Context, id gateway.DeliveryID, who, reason string, decide Decide) error {
	err := s.write(ctx, func(t *tx) error {
		r, err := t.lockDelivery(id)
		if err != nil {
			return err
		}
		var reference, state, p string
		err = t.row(`SELECT f.reference, f.state, d.participant FROM form f JOIN delivery d ON d.form = f.id WHERE d.id = $1`, string(id)).Scan(&reference, &state, &p)
		if err != nil {
			return notFound(err)
		}
		if r.state != gateway.Withheld || r.dropped != 0 || state != string(gateway.FormAccepted) {
			return fmt.Errorf("delivery %s is %s, its form %s: %w", id, r.state, state, ErrNotWaiting)
		}
		now, err := t.clock()
		if err != nil {
			return err
		}
		err = t.put(`UPDATE delivery SET state = 'pending', queued = 1, sealed_reason = NULL, attempts = 0, channel_from = $1, not_before = $1, owner = '', lease_until = 0, fence = fence + 1 WHERE id = $2`, now, string(id))
		if err != nil {
			return err
		}
		t.reaches(gateway.Pending, 1)
		t.makeDue(r.operation, r.participant, r.channel)
		if err := t.byPerson("delivery released", who, reason, operation.Code(r.operation), reference, operation.ParticipantCode(p)); err != nil {
			return err
		}
		return t.decided(decide, "")
	})
	if err != nil {
		return fmt.Errorf("release a delivery: %w", err)
	}
	return nil
}

// Settle ends the waiting of a held inbound from which no form came, or whose
// form is decided elsewhere ("transcribed", "read and filed").
func (s *Store) Settle(ctx context.Context, inbound, who, reason string, decide Decide) error {
	err := s.write(ctx, func(t *tx) error {
		r, _, err := scanInbound(t.row(`SELECT `+inboundColumns+` FROM inbound WHERE id = $1`+t.s.d.forUpdate, inbound))
		if err != nil {
			return err
		}
		if r.Verdict != gateway.Held || !r.Settled.IsZero() {
			return fmt.Errorf("inbound %s: %w", inbound, ErrNotWaiting)
		}
		if err := t.put(`UPDATE inbound SET settled = $1, settled_by = $2 WHERE id = $3`, time.Now().UnixMilli(), who, inbound); err != nil {
			return err
		}
		if err := t.byPerson("held message settled", who, reason, r.Operation, r.Reference, ""); err != nil {
			return err
		}
		return t.decided(decide, "")
	})
	if err != nil {
		return fmt.Errorf("settle an inbound: %w", err)
	}
	return nil
}

// Record writes what a person's action leads to and was not brought by an
// inbound: a form of the desk's own, evidence of a call.
func (s *Store) Record(ctx context.Context, decide Decide) error {
	err := s.write(ctx, func(t *tx) error { return t.decided(decide, "") })
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// Audit writes entries that report no change of the record: consultations.
func (s *Store) Audit(ctx context.Context, entries ...gateway.AuditEntry) error {
	return s.write(ctx, func(t *tx) error {
		for _, e := range entries {
			if err := t.audit(e); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) decided(decide Decide, existing gateway.FormID) error {
	if decide == nil {
		return nil
	}
	d, err := decide(&ledger{t: t})
	if err != nil || d == nil {
		return err
	}
	for i := range d.Forms {
		if f := &d.Forms[i].Form; f.ID == existing && existing != "" {
			whole, err := scanForm(t.row(`SELECT `+formColumns+` FROM form WHERE id = $1`, string(existing)))
			if err != nil {
				return err
			}
			// the deliveries' columns come from the record, not from the caller
			f.Operation, f.Received = whole.Operation, whole.Received
			if err := t.put(`UPDATE form SET assurance = $1, signer = $2 WHERE id = $3`, string(f.Assurance), f.Signer, string(existing)); err != nil {
				return err
			}
		}
	}
	return t.record(d, "", existing)
}

func (t *tx) byPerson(action, who, reason string, op operation.Code, reference string, to operation.ParticipantCode) error {
	if who == "" || reason == "" {
		return errors.New("a person's decision needs who decided and why")
	}
	now, err := t.clock()
	if err != nil {
		return err
	}
	e := gateway.AuditEntry{Kind: gateway.Administration, At: when(now), Actor: who, Action: action, Operation: op, Reference: reference, Justification: reason}
	if to != "" {
		e.Recipients = []operation.ParticipantCode{to}
	}
	return t.audit(e)
}
