package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// ledger is what a decision asks while its transaction is open.
type ledger struct{ t *tx }

const formColumns = `id, operation, role, number, type, reference, sender, state, assurance, signer, priority, mode, nominal, received, hash, signed_sum, answers, inbound`

type scanner interface{ Scan(...any) error }

// scanForm reads formColumns and whatever more follows them.
func scanForm(row scanner, more ...any) (*gateway.Form, error) {
	f := &gateway.Form{}
	var received, nominal int64
	var hash, signed []byte
	err := row.Scan(append([]any{&f.ID, &f.Operation, &f.Role, &f.Number, &f.Type, &f.Reference, &f.Sender, &f.State, &f.Assurance, &f.Signer,
		&f.Priority, &f.Mode, &nominal, &received, &hash, &signed, &f.Answers, &f.Inbound}, more...)...)
	if err != nil {
		return nil, notFound(err)
	}
	f.Nominal, f.Received = nominal != 0, when(received)
	copy(f.Hash[:], hash)
	copy(f.SignedSum[:], signed)
	return f, nil
}

// absent turns ErrNotFound into a nil form.
func absent(f *gateway.Form, err error) (*gateway.Form, error) {
	if errors.Is(err, gateway.ErrNotFound) {
		return nil, nil
	}
	return f, err
}

// Known implements gateway.Ledger; nil where the reference is free.
func (l *ledger) Known(op operation.Code, sender operation.ParticipantCode, reference string) (*gateway.Form, error) {
	if reference == "" {
		return nil, nil
	}
	return absent(scanForm(l.t.row(`SELECT `+formColumns+` FROM form WHERE operation = $1 AND sender = $2 AND reference = $3 AND state <> 'refused'`,
		string(op), string(sender), reference)))
}

// Similar implements gateway.Ledger; nil where there is none.
func (l *ledger) Similar(op operation.Code, sender operation.ParticipantCode, hash, signed [32]byte, since time.Time) (*gateway.Form, error) {
	if signed != ([32]byte{}) {
		f, err := absent(scanForm(l.t.row(`SELECT `+formColumns+` FROM form WHERE operation = $1 AND sender = $2 AND signed_sum = $3 ORDER BY id LIMIT 1`,
			string(op), string(sender), signed[:])))
		if f != nil || err != nil {
			return f, err
		}
	}
	return absent(scanForm(l.t.row(`SELECT `+formColumns+` FROM form WHERE operation = $1 AND sender = $2 AND hash = $3 AND role = 'form' AND received >= $4 ORDER BY id LIMIT 1`,
		string(op), string(sender), hash[:], millis(since))))
}

// count takes the next value of a counter.
func (t *tx) count(name string) (n int64, err error) {
	if c := t.counts[name]; c != nil {
		c.last++
		return c.last, nil
	}
	err = t.row(`INSERT INTO counter (name, value) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value`, name).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", strings.SplitN(name, "/", 2)[0], err)
	}
	if t.counts != nil {
		t.counts[name] = &counter{last: n, written: n}
	}
	return n, nil
}

// NextNumber implements gateway.Ledger.
func (l *ledger) NextNumber(op operation.Code) (int64, error) {
	return l.t.count("number/" + string(op))
}

// NextReference implements gateway.Ledger.
func (l *ledger) NextReference(op operation.Code, sender operation.ParticipantCode, prefix string) (string, error) {
	for {
		n, err := l.t.count(fmt.Sprintf("reference/%s/%s/%s", op, sender, prefix))
		if err != nil {
			return "", err
		}
		reference := fmt.Sprintf("%s%06d", prefix, n)
		var taken int64
		err = l.t.row(`SELECT count(*) FROM form WHERE operation = $1 AND reference = $2 AND sender = $3`, string(op), reference, string(sender)).Scan(&taken)
		if err != nil {
			return "", fmt.Errorf("look for a free reference: %w", err)
		}
		if taken == 0 {
			return reference, nil
		}
	}
}

// Form implements gateway.Ledger.
func (l *ledger) Form(id gateway.FormID) (*gateway.Form, error) {
	return scanForm(l.t.row(`SELECT `+formColumns+` FROM form WHERE id = $1`, string(id)))
}

// Deliveries implements gateway.Ledger.
func (l *ledger) Deliveries(form gateway.FormID) ([]gateway.Delivery, error) {
	return l.t.s.deliveries(l.t.ctx, l.t, `WHERE d.form = $1 ORDER BY d.participant`, string(form))
}

// Unconfirmed implements gateway.Ledger.
func (l *ledger) Unconfirmed(op operation.Code, sender operation.ParticipantCode, p gateway.Priority, from, to time.Time) ([]gateway.Delivery, error) {
	return l.t.s.deliveries(l.t.ctx, l.t, `WHERE f.operation = $1 AND f.sender = $2 AND f.role = 'form' AND f.state = 'accepted' AND f.priority = $3
		AND f.received >= $4 AND f.received < $5 AND d.state IN ('pending','handed over') ORDER BY f.number, d.participant`,
		string(op), string(sender), string(p), millis(from), millis(to))
}

// Unacknowledged implements gateway.Ledger.
func (l *ledger) Unacknowledged(op operation.Code, p operation.ParticipantCode, priority gateway.Priority, limit int) ([]gateway.Delivery, error) {
	return l.t.s.deliveries(l.t.ctx, l.t, `JOIN sequence q ON q.delivery = d.id
		WHERE q.operation = $1 AND q.participant = $2 AND q.seq > (SELECT acked FROM session s WHERE s.operation = $1 AND s.participant = $2)
		AND d.state = 'handed over' AND d.queued = 0 AND d.channel = 'websocket' AND d.priority = $3 ORDER BY q.seq LIMIT $4`,
		string(op), string(p), string(priority), int64(limit))
}

// Once implements gateway.Ledger.
func (l *ledger) Once(what string, now time.Time, period time.Duration) (bool, error) {
	n, err := l.t.exec(`INSERT INTO mark (what, at) VALUES ($1, $2) ON CONFLICT (what) DO UPDATE SET at = $2 WHERE mark.at <= $3`,
		what, millis(now), millis(now.Add(-period)))
	if err != nil {
		return false, fmt.Errorf("mark as done: %w", err)
	}
	return n == 0, nil
}

// superseded is the reason of deliveries that a correction or cancellation took
// from the queue.
const superseded = "superseded"

// Replace implements gateway.Ledger. A delivery that is being attempted right
// now, or that has its number in a WebSocket's sequence, may have left: its
// participant is among those returned, and it isn't tried again. Earlier corrections
// are replaced with it: one that is tried again later would be the last word.
func (l *ledger) Replace(form gateway.FormID, state gateway.FormState) ([]operation.ParticipantCode, error) {
	if state != gateway.FormCorrected && state != gateway.FormCancelled {
		return nil, fmt.Errorf("replace a form: %q is no state of a replaced form", state)
	}
	n, err := l.t.exec(`UPDATE form SET state = $1 WHERE id = $2 AND state IN ('accepted','held')`, string(state), string(form))
	if err != nil {
		return nil, fmt.Errorf("replace a form: %w", err)
	}
	if n == 0 {
		var already string
		if err := l.t.row(`SELECT state FROM form WHERE id = $1`, string(form)).Scan(&already); err != nil {
			return nil, fmt.Errorf("replace a form: %w", notFound(err))
		}
	}
	now, err := l.t.clock()
	if err != nil {
		return nil, err
	}
	versions, err := l.t.versions(form)
	if err != nil {
		return nil, err
	}
	var hear []operation.ParticipantCode
	for _, id := range versions {
		left, waiting, err := l.t.drop(id, now)
		if err != nil {
			return nil, err
		}
		if state == gateway.FormCorrected {
			left = append(left, waiting...)
		}
		hear = append(hear, left...)
	}
	slices.Sort(hear)
	return slices.Compact(hear), nil
}

// Version implements gateway.Ledger.
func (l *ledger) Version(form gateway.FormID) (latest gateway.FormID, state gateway.FormState, err error) {
	err = l.t.row(`SELECT d.state FROM form d WHERE d.id = $1`+l.t.s.d.updateOf(), string(form)).Scan(&state)
	if err != nil {
		return "", "", fmt.Errorf("read a form's state: %w", notFound(err))
	}
	err = notFound(l.t.row(`SELECT id FROM form WHERE `+newestCorrection, string(form)).Scan(&latest))
	switch {
	case errors.Is(err, gateway.ErrNotFound):
		return form, state, nil
	case err != nil:
		return "", "", fmt.Errorf("read a form's newest correction: %w", err)
	}
	return latest, state, nil
}

// newestCorrection ends a select of form: the newest accepted correction of $1.
const newestCorrection = `type = 'COR' AND answers = $1 AND role = 'form' AND state = 'accepted' ORDER BY number DESC LIMIT 1`

// versions are a form and its corrections, which all name it, oldest first.
func (t *tx) versions(form gateway.FormID) ([]gateway.FormID, error) {
	rows, err := t.Query(t.ctx, `SELECT id FROM form WHERE type = 'COR' AND answers = $1 AND role = 'form' ORDER BY id`, string(form))
	if err != nil {
		return nil, fmt.Errorf("read corrections: %w", err)
	}
	defer rows.Close()
	list := []gateway.FormID{form}
	for rows.Next() {
		var id gateway.FormID
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		list = append(list, id)
	}
	return list, rows.Err()
}

// drop takes the deliveries of a form that wait from the queue, and says who has it, or
// may have, and who waited for it.
func (t *tx) drop(form gateway.FormID, now int64) (left, waited []operation.ParticipantCode, err error) {
	left, waiting, err := t.whoHasIt(form, now)
	if err != nil {
		return nil, nil, err
	}
	if err := t.put(`UPDATE delivery SET dropped = 1 WHERE form = $1 AND (queued = 1 OR state = 'withheld')`, string(form)); err != nil {
		return nil, nil, fmt.Errorf("drop deliveries: %w", err)
	}
	for _, d := range waiting {
		if err := t.withhold(d, superseded); err != nil {
			return nil, nil, err
		}
		waited = append(waited, d.participant)
	}
	return left, waited, nil
}

// whoHasIt tells deliveries that have left, or may have, from those that wait.
func (t *tx) whoHasIt(form gateway.FormID, now int64) (left []operation.ParticipantCode, waiting []waitingDelivery, err error) {
	rows, err := t.Query(t.ctx, `SELECT d.id, d.operation, d.participant, d.state, d.attempts, d.owner, d.lease_until, q.seq
		FROM delivery d LEFT JOIN sequence q ON q.delivery = d.id WHERE d.form = $1 ORDER BY d.id`+t.s.d.updateOf(), string(form))
	if err != nil {
		return nil, nil, fmt.Errorf("read deliveries: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var w waitingDelivery
		var state gateway.State
		var attempts, until int64
		var owner string
		var seq *int64
		if err := rows.Scan(&w.id, &w.operation, &w.participant, &state, &attempts, &owner, &until, &seq); err != nil {
			return nil, nil, err
		}
		switch {
		case state == gateway.Withheld:
		case state != gateway.Pending, seq != nil, owner != "" && until > now:
			left = append(left, w.participant)
		default:
			waiting = append(waiting, w)
		}
	}
	return left, waiting, rows.Err()
}

type waitingDelivery struct {
	id, operation string
	participant   operation.ParticipantCode // where it is asked for
}

// withhold takes a delivery from the queue. One that was handed over before keeps its
// state.
func (t *tx) withhold(d waitingDelivery, reason string) error {
	sealed, err := t.sealNote(d.operation, "delivery", d.id, "reason", reason)
	if err != nil {
		return err
	}
	n, err := t.exec(`UPDATE delivery SET state = 'withheld', sealed_reason = $1, queued = 0, owner = '', lease_until = 0 WHERE id = $2 AND state = 'pending'`, sealed, d.id)
	if err != nil {
		return err
	}
	if n > 0 {
		t.reaches(gateway.Withheld, n)
		return nil
	}
	return t.put(`UPDATE delivery SET queued = 0, owner = '', lease_until = 0 WHERE id = $1 AND queued = 1`, d.id)
}
