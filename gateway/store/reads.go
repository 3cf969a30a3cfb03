package store

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"liaison/gateway"
	"liaison/gateway/form"
	"liaison/gateway/operation"
)

const deliverySelect = `SELECT d.id, d.form, f.number, f.reference, f.type, f.role, d.operation, d.participant, d.channel, d.channel_at, d.priority, d.state,
	d.attempts, d.created, d.channel_from, d.subject, d.confirmed, d.fence, d.queued, d.sealed_reason FROM delivery d JOIN form f ON f.id = d.form `

// deliveries reads deliveries; where begins with WHERE.
func (s *Store) deliveries(ctx context.Context, q querier, where string, args ...any) ([]gateway.Delivery, error) {
	rows, err := q.Query(ctx, deliverySelect+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	defer rows.Close()
	var list []gateway.Delivery
	var reasons [][]byte
	for rows.Next() {
		var d gateway.Delivery
		var created, from, confirmed, queued int64
		var reason []byte
		if err := rows.Scan(&d.ID, &d.Form, &d.Number, &d.Reference, &d.Type, &d.Role, &d.Operation, &d.Participant, &d.Channel, &d.ChannelAt, &d.Priority, &d.State,
			&d.Attempts, &created, &from, &d.Subject, &confirmed, &d.Fence, &queued, &reason); err != nil {
			return nil, err
		}
		d.Created, d.ChannelFrom, d.Confirmed = when(created), when(from), when(confirmed)
		d.Queued = queued != 0
		list, reasons = append(list, d), append(reasons, reason)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	_ = rows.Close() // PostgreSQL: one query at a time on a transaction's connection
	o := s.opener(ctx, q)
	for i, sealed := range reasons {
		d := &list[i]
		if d.Reason, err = o.text(string(d.Operation), "delivery", string(d.ID), "reason", sealed); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Delivery implements gateway.Reads.
func (s *Store) Delivery(ctx context.Context, id gateway.DeliveryID) (*gateway.Delivery, error) {
	list, err := s.deliveries(ctx, s.read(), `WHERE d.id = $1`, string(id))
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, gateway.ErrNotFound
	}
	return &list[0], nil
}

// DeliveriesOf implements gateway.Reads, ordered by participant.
func (s *Store) DeliveriesOf(ctx context.Context, id gateway.FormID) ([]gateway.Delivery, error) {
	return s.deliveries(ctx, s.read(), `WHERE d.form = $1 ORDER BY d.participant`, string(id))
}

// Form implements gateway.Reads.
func (s *Store) Form(ctx context.Context, id gateway.FormID) (*gateway.Form, error) {
	return s.form(ctx, s.read(), `id = $1`, string(id))
}

// form reads one form whole. What was erased is an error: errErased.
func (s *Store) form(ctx context.Context, q querier, where string, args ...any) (*gateway.Form, error) {
	var sealed, wrapped []byte
	f, err := scanForm(q.QueryRow(ctx, `SELECT `+formColumns+`, sealed_content, (SELECT wrapped FROM data_key k WHERE k.operation = form.operation) FROM form WHERE `+where, args...), &sealed, &wrapped)
	if err != nil {
		return nil, fmt.Errorf("read a form: %w", err)
	}
	o := s.opener(ctx, q)
	if err := s.codec.hold(o.keys, string(f.Operation), wrapped); err != nil {
		return nil, fmt.Errorf("read form %s: %w", f.ID, err)
	}
	if err := o.content(f, sealed); err != nil {
		return nil, fmt.Errorf("read form %s: %w", f.ID, err)
	}
	if len(f.Content.JSON) > 0 {
		boxes, problems := form.ParseJSON(f.Content.JSON)
		if boxes == nil {
			return nil, fmt.Errorf("read form %s: its recorded boxes can't be parsed (%d problems)", f.ID, len(problems))
		}
		f.Content.Boxes = boxes
	}
	f.Content.Attachments, err = s.attachments(ctx, q, o, f.ID)
	return f, err
}

func (s *Store) attachments(ctx context.Context, q querier, o *opener, id gateway.FormID) ([]gateway.Attachment, error) {
	rows, err := q.Query(ctx, `SELECT operation, type, nominal, sealed_name, sealed_content FROM attachment WHERE form = $1 ORDER BY position`, string(id))
	if err != nil {
		return nil, fmt.Errorf("read attachments: %w", err)
	}
	type row struct {
		op            string
		name, content []byte
	}
	var list []gateway.Attachment
	var sealed []row
	for rows.Next() {
		var a gateway.Attachment
		var r row
		var nominal int64
		if err := rows.Scan(&r.op, &a.Type, &nominal, &r.name, &r.content); err != nil {
			_ = rows.Close()
			return nil, err
		}
		a.Nominal = nominal != 0
		list, sealed = append(list, a), append(sealed, r)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	for i, r := range sealed {
		name, err := o.unseal(r.op, "attachment", attachmentRow(id, i), "name", r.name)
		if err != nil {
			return nil, err
		}
		list[i].Name = string(name)
		if list[i].Content, err = o.unseal(r.op, "attachment", attachmentRow(id, i), "content", r.content); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// The number of a form as people quote it: "OP-7K3 000123".
var numbered = regexp.MustCompile(`^(\S+) ([0-9]{1,18})$`)

// FormByReference implements gateway.Reads. Where a reference was used more than
// once, the form that occupies it comes before those refused or replaced.
func (s *Store) FormByReference(ctx context.Context, op operation.Code, sender operation.ParticipantCode, reference string) (*gateway.Form, error) {
	if m := numbered.FindStringSubmatch(reference); m != nil && m[1] == string(op) {
		n, err := strconv.ParseInt(m[2], 10, 64)
		if err != nil || n == 0 {
			return nil, gateway.ErrNotFound
		}
		return s.form(ctx, s.read(), `operation = $1 AND number = $2 AND ($3 = '' OR sender = $3)`, string(op), n, string(sender))
	}
	if reference == "" {
		return nil, gateway.ErrNotFound
	}
	return s.form(ctx, s.read(), `operation = $1 AND reference = $2 AND ($3 = '' OR sender = $3)
		ORDER BY CASE state WHEN 'accepted' THEN 0 WHEN 'held' THEN 1 WHEN 'refused' THEN 3 ELSE 2 END, id DESC LIMIT 1`, legible([]any{string(op), reference, string(sender)})...)
}

// Corrected implements gateway.Reads.
func (s *Store) Corrected(ctx context.Context, f *gateway.Form) (*gateway.Form, error) {
	return s.form(ctx, s.read(), newestCorrection, string(f.ID))
}

// Attempts returns a delivery's evidence, oldest first.
func (s *Store) Attempts(ctx context.Context, id gateway.DeliveryID) ([]gateway.Evidence, error) {
	return s.attempts(ctx, s.read(), `WHERE a.delivery = $1 ORDER BY a.id`, string(id))
}

// attempts reads evidence; where follows the table, alias a.
func (s *Store) attempts(ctx context.Context, q querier, where string, args ...any) ([]gateway.Evidence, error) {
	rows, err := q.Query(ctx, `SELECT a.delivery, a.operation, a.outcome, a.state, a.channel, a.at, a.source, a.seq, a.sealed_detail FROM attempt a `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read attempts: %w", err)
	}
	var list []gateway.Evidence
	var ops []string
	var details [][]byte
	for rows.Next() {
		var e gateway.Evidence
		var op string
		var at int64
		var detail []byte
		if err := rows.Scan(&e.Delivery, &op, &e.Outcome, &e.State, &e.Channel, &at, &e.By, &e.Seq, &detail); err != nil {
			_ = rows.Close()
			return nil, err
		}
		e.At = when(at)
		list, ops, details = append(list, e), append(ops, op), append(details, detail)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	o := s.opener(ctx, q)
	for i := range list {
		if list[i].Detail, err = o.text(ops[i], "attempt", string(list[i].Delivery), "detail", details[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// IsErased reports whether an error says that content was destroyed on purpose.
func IsErased(err error) bool { return errors.Is(err, errErased) }
