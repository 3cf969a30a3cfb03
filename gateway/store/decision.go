package store

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// record writes a decision: forms, deliveries, evidence, audit entries. inbound
// is the record that brought the forms, "" where none; existing is a form that
// stands in the record already and only gets deliveries.
func (t *tx) record(d *gateway.Decision, inbound string, existing gateway.FormID) error {
	for i := range d.Forms {
		f := &d.Forms[i].Form
		if f.ID != existing || existing == "" {
			if f.Inbound == "" && inbound != "" && f.Role == gateway.Original {
				f.Inbound = inbound
			}
			if err := t.insertForm(f); err != nil {
				return err
			}
		}
		for _, n := range d.Forms[i].Deliveries {
			if err := t.insertDelivery(f, n); err != nil {
				return err
			}
		}
	}
	evidence := slices.Clone(d.Evidence)
	slices.SortStableFunc(evidence, func(a, b gateway.Evidence) int { return strings.Compare(string(a.Delivery), string(b.Delivery)) })
	for _, e := range evidence {
		if err := t.prove(e); err != nil {
			return err
		}
	}
	for _, o := range d.Fallbacks {
		if err := t.fallBack(o); err != nil {
			return err
		}
	}
	if err := t.tests(d.Tests); err != nil {
		return err
	}
	for _, due := range d.Due {
		if err := t.ensureDue(due); err != nil {
			return err
		}
	}
	for _, e := range d.Audit {
		if err := t.audit(e); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) insertForm(f *gateway.Form) error {
	if f.ID == "" {
		f.ID = gateway.NewFormID()
	}
	id, op := string(f.ID), string(f.Operation)
	content, err := t.sealContent(f)
	if err != nil {
		return fmt.Errorf("seal a form: %w", err)
	}
	var signed []byte
	if f.SignedSum != ([32]byte{}) {
		signed = f.SignedSum[:]
	}
	err = t.put(`INSERT INTO form (`+formColumns+`, sealed_content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
		id, op, string(f.Role), f.Number, f.Type, f.Reference, string(f.Sender), string(f.State), string(f.Assurance), f.Signer,
		string(priorityOf(f.Priority)), f.Mode, flag(f.Nominal), millis(f.Received), f.Hash[:], signed, string(f.Answers), f.Inbound, content)
	if err != nil {
		return fmt.Errorf("record form %s %s: %w", f.Operation, f.Reference, err)
	}
	for i, a := range f.Content.Attachments {
		if err := t.insertAttachment(f, i, a); err != nil {
			return err
		}
	}
	return nil
}

// priorityOf reads a missing A9 as routine.
func priorityOf(p gateway.Priority) gateway.Priority {
	if p == "" {
		return gateway.Routine
	}
	return p
}

func attachmentRow(id gateway.FormID, i int) string { return fmt.Sprintf("%s/%d", id, i) }

func (t *tx) insertAttachment(f *gateway.Form, i int, a gateway.Attachment) error {
	op, row := string(f.Operation), attachmentRow(f.ID, i)
	name, err := t.seal(op, "attachment", row, "name", []byte(a.Name))
	if err != nil {
		return err
	}
	content, err := t.seal(op, "attachment", row, "content", a.Content)
	if err != nil {
		return err
	}
	err = t.put(`INSERT INTO attachment (form, position, operation, type, nominal, sealed_name, sealed_content) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		string(f.ID), int64(i), op, a.Type, flag(a.Nominal), name, content)
	if err != nil {
		return fmt.Errorf("record an attachment: %w", err)
	}
	return nil
}

// insertDelivery records a delivery; one of the same form to the same
// participant exists at most once.
func (t *tx) insertDelivery(f *gateway.Form, n gateway.NewDelivery) error {
	if n.ID == "" {
		n.ID = gateway.NewDeliveryID()
	}
	if n.State == "" {
		n.State = gateway.Pending
	}
	reason, err := t.seal(string(f.Operation), "delivery", string(n.ID), "reason", []byte(n.Reason))
	if err != nil {
		return err
	}
	from := millis(n.NotBefore)
	if from == 0 {
		from = millis(f.Received)
	}
	created := millis(f.Received)
	if created == 0 {
		created = from
	}
	priority := priorityOf(n.Priority)
	follows, err := t.follows(f, n.Participant)
	if err != nil {
		return err
	}
	err = t.put(`INSERT INTO delivery (id, form, operation, participant, channel, channel_at, priority, urgency, state, created, channel_from, not_before, subject, sealed_reason, follows, queued)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT (form, participant) DO NOTHING`,
		string(n.ID), string(f.ID), string(f.Operation), string(n.Participant), string(n.Channel), int64(n.ChannelAt), string(priority), int64(priority.Rank()),
		string(n.State), created, from, millis(n.NotBefore), string(n.Subject), reason, follows, flag(n.State == gateway.Pending))
	if err != nil {
		return fmt.Errorf("record a delivery to %s: %w", n.Participant, err)
	}
	t.reaches(n.State, 1)
	if n.State != gateway.Pending {
		return nil
	}
	t.makeDue(string(f.Operation), string(n.Participant), string(n.Channel))
	return nil
}

// follows is the delivery that one of a correction or cancellation mustn't
// overtake: that of the original, or of an earlier correction, to the same
// participant, where an attempt at it is under way; "" else.
func (t *tx) follows(f *gateway.Form, p operation.ParticipantCode) (id string, err error) {
	if f.Type != "COR" && f.Type != "CAN" || f.Answers == "" {
		return "", nil
	}
	now, err := t.clock()
	if err != nil {
		return "", err
	}
	versions, err := t.versions(f.Answers)
	if err != nil {
		return "", err
	}
	for _, v := range slices.Backward(versions) {
		err = notFound(t.row(`SELECT id FROM delivery WHERE form = $1 AND participant = $2 AND queued = 1 AND lease_until > $3`, string(v), string(p), now).Scan(&id))
		if err == nil {
			return id, nil
		}
		if !errors.Is(err, gateway.ErrNotFound) {
			return "", fmt.Errorf("look for an attempt at what is replaced: %w", err)
		}
	}
	return "", nil
}

// appendEvidence appends to a delivery's attempts, always.
func (t *tx) appendEvidence(op string, e gateway.Evidence) error {
	detail, err := t.sealNote(op, "attempt", string(e.Delivery), "detail", e.Detail)
	if err != nil {
		return err
	}
	err = t.put(`INSERT INTO attempt (delivery, operation, outcome, state, channel, at, source, seq, sealed_detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		string(e.Delivery), op, string(e.Outcome), string(e.State), string(e.Channel), millis(e.At), e.By, e.Seq, detail)
	if err != nil {
		return fmt.Errorf("append evidence: %w", err)
	}
	return nil
}

// prove appends evidence and moves the delivery's state forward to what it
// proves.
func (t *tx) prove(e gateway.Evidence) error {
	r, err := t.lockDelivery(e.Delivery)
	if err != nil {
		return err
	}
	if err := t.appendEvidence(r.operation, e); err != nil {
		return err
	}
	if r.tested > 0 {
		if err := t.rouseTests(r.id); err != nil {
			return err
		}
	}
	return t.advance(r, e)
}

// advance moves a state to a higher rank; Withheld is left by Release alone.
func (t *tx) advance(r *deliveryRow, e gateway.Evidence) error {
	if e.State == "" || e.State == gateway.Withheld || r.state == gateway.Withheld || e.State.Rank() <= r.state.Rank() {
		return nil
	}
	reason, confirmed := e.Detail, int64(0)
	if e.State.Rank() >= gateway.ConfirmedBySystem.Rank() {
		reason, confirmed = "", millis(e.At)
	}
	sealed, err := t.sealNote(r.operation, "delivery", r.id, "reason", reason)
	if err != nil {
		return err
	}
	// Whoever is attempting it now has lost the claim: its own outcome can't
	// outrank what was proven, and its retry would be a repeat.
	err = t.put(`UPDATE delivery SET state = $1, sealed_reason = $2, confirmed = CASE WHEN confirmed = 0 THEN $3 ELSE confirmed END, queued = 0, owner = '', lease_until = 0, fence = fence + 1 WHERE id = $4`,
		string(e.State), sealed, confirmed, r.id)
	if err != nil {
		return fmt.Errorf("move a delivery to %q: %w", e.State, err)
	}
	t.reaches(e.State, 1)
	return t.settled(r, e.State)
}

// fallBack puts a delivery on the channel after the one that didn't reach its participant.
func (t *tx) fallBack(o gateway.Fallback) error {
	r, err := t.lockDelivery(o.Delivery)
	if err != nil {
		return err
	}
	if r.state != gateway.Pending && r.state != gateway.HandedOver || r.dropped != 0 || r.channelAt >= int64(o.ChannelAt) {
		return nil
	}
	reason, err := t.sealNote(r.operation, "delivery", r.id, "reason", o.Reason)
	if err != nil {
		return err
	}
	// An attempt that is under way has lost the claim: what it comes to is recorded, and
	// moves nothing.
	err = t.put(`UPDATE delivery SET channel = $1, channel_at = $2, channel_from = $3, not_before = $3, attempts = 0, sealed_reason = $4, queued = 1,
		owner = '', lease_until = 0, fence = fence + 1 WHERE id = $5`, string(o.Channel), int64(o.ChannelAt), millis(o.At), reason, r.id)
	if err != nil {
		return fmt.Errorf("go on over the next channel: %w", err)
	}
	t.makeDue(r.operation, r.participant, string(o.Channel))
	return nil
}

// settled rouses the watch of an urgent form when one of its deliveries is
// waited for no longer.
func (t *tx) settled(r *deliveryRow, state gateway.State) error {
	if r.priority != gateway.Urgent || state != gateway.Withheld && state.Rank() < gateway.Failed.Rank() {
		return nil
	}
	return t.rouse(r.form)
}

// audit writes an entry in the transaction that it reports.
func (t *tx) audit(e gateway.AuditEntry) error {
	if e.At.IsZero() {
		return errors.New("write an audit entry: it has no time")
	}
	e.At = e.At.UTC()
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write an audit entry: %w", err)
	}
	sum := sha256.Sum256(append([]byte{0}, text...)) // the leaf's hash, RFC 6962, section 2.1
	err = t.put(`INSERT INTO audit (id, entry, hash, operation, reference, at) VALUES ($1, $2, $3, $4, $5, $6)`,
		newID(), string(text), sum[:], string(e.Operation), e.Reference, millis(e.At))
	if err != nil {
		return fmt.Errorf("write an audit entry: %w", err)
	}
	return nil
}
