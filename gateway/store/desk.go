package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// Filter selects forms; empty fields match all.
type Filter struct {
	Operation operation.Code
	State     gateway.FormState
	Role      gateway.Role
	Sender    operation.ParticipantCode
	Since     time.Time
	Limit     int // 0 means 200; the newest come first
}

// Listed is a form's columns, without content, and where it went.
type Listed struct {
	Form       gateway.Form
	Deliveries []gateway.Delivery
}

// ListForms returns forms, newest first, with their deliveries' states.
func (s *Store) ListForms(ctx context.Context, f Filter) ([]Listed, error) {
	if f.Limit <= 0 {
		f.Limit = 200
	}
	q := s.read()
	rows, err := q.Query(ctx, `SELECT `+formColumns+` FROM form WHERE ($1 = '' OR operation = $1) AND ($2 = '' OR state = $2) AND ($3 = '' OR role = $3)
		AND ($4 = '' OR sender = $4) AND received >= $5 ORDER BY received DESC, id DESC LIMIT $6`,
		string(f.Operation), string(f.State), string(f.Role), string(f.Sender), millis(f.Since), int64(f.Limit))
	if err != nil {
		return nil, fmt.Errorf("list forms: %w", err)
	}
	var list []Listed
	for rows.Next() {
		one, err := scanForm(rows)
		if err != nil {
			_ = rows.Close()
			return nil, fmt.Errorf("list forms: %w", err)
		}
		list = append(list, Listed{Form: *one})
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("list forms: %w", err)
	}
	return list, s.addDeliveries(ctx, q, list)
}

// addDeliveries reads the deliveries of many forms, some hundred at a time.
func (s *Store) addDeliveries(ctx context.Context, q querier, list []Listed) error {
	const most = 500
	at := make(map[gateway.FormID]int, len(list))
	for i := range list {
		at[list[i].Form.ID] = i
	}
	for from := 0; from < len(list); from += most {
		part := list[from:min(from+most, len(list))]
		marks, args := make([]string, len(part)), make([]any, len(part))
		for i := range part {
			marks[i], args[i] = fmt.Sprintf("$%d", i+1), string(part[i].Form.ID)
		}
		ds, err := s.deliveries(ctx, q, `WHERE d.form IN (`+strings.Join(marks, ",")+`) ORDER BY d.form, d.participant`, args...)
		if err != nil {
			return err
		}
		for _, d := range ds {
			i := at[d.Form]
			list[i].Deliveries = append(list[i].Deliveries, d)
		}
	}
	return nil
}

// InboundRecord is an inbound as recorded.
type InboundRecord struct {
	ID        string
	Operation operation.Code
	Medium    gateway.Medium
	Account   string
	Verdict   gateway.Verdict
	Sender    operation.ParticipantCode
	Form      gateway.FormID
	Reference string
	Answer    gateway.FormID
	Reason    string
	Alarm     string
	Envelope  gateway.Envelope
	Session   *gateway.Session
	SubmitID  string
	Size      int64
	Backlog   bool
	Received  time.Time
	Recorded  time.Time
	Settled   time.Time // when a person decided on a held one
	SettledBy string
	Raw       []byte // of Inbound alone: the bytes as the channel brought them
}

// AsInbound is the message as the flow takes one, to be examined again.
func (r *InboundRecord) AsInbound() *gateway.Inbound {
	return &gateway.Inbound{Medium: r.Medium, Account: r.Account, Raw: r.Raw, Received: r.Received, Envelope: r.Envelope, Session: r.Session, SubmitID: r.SubmitID}
}

const inboundColumns = `id, operation, medium, account, verdict, sender, form, reference, answer, backlog, size, received, recorded, settled, settled_by, sealed_detail`

func scanInbound(row scanner, more ...any) (*InboundRecord, []byte, error) {
	r := &InboundRecord{}
	var backlog, received, recorded, settled int64
	var detail []byte
	err := row.Scan(append([]any{&r.ID, &r.Operation, &r.Medium, &r.Account, &r.Verdict, &r.Sender, &r.Form, &r.Reference, &r.Answer, &backlog, &r.Size,
		&received, &recorded, &settled, &r.SettledBy, &detail}, more...)...)
	if err != nil {
		return nil, nil, notFound(err)
	}
	r.Backlog, r.Received, r.Recorded, r.Settled = backlog != 0, when(received), when(recorded), when(settled)
	return r, detail, nil
}

func (r *InboundRecord) detail(o *opener, sealed []byte) error {
	var d inboundDetail
	if err := o.json(string(r.Operation), "inbound", r.ID, "detail", sealed, &d); err != nil && !errors.Is(err, errErased) {
		return err
	}
	r.Reason, r.Alarm, r.Envelope, r.Session, r.SubmitID = d.Reason, d.Alarm, d.Envelope, d.Session, d.SubmitID
	return nil
}

// Inbound returns a recorded inbound with its raw bytes. ErrNotFound.
func (s *Store) Inbound(ctx context.Context, id string) (*InboundRecord, error) {
	q := s.read()
	var raw []byte
	r, detail, err := scanInbound(q.QueryRow(ctx, `SELECT `+inboundColumns+`, sealed_raw FROM inbound WHERE id = $1`, id), &raw)
	if err != nil {
		return nil, fmt.Errorf("read an inbound: %w", err)
	}
	o := s.opener(ctx, q)
	if err := r.detail(o, detail); err != nil {
		return nil, fmt.Errorf("read an inbound: %w", err)
	}
	if r.Raw, err = o.unseal(string(r.Operation), "inbound", id, "raw", raw); err != nil {
		return nil, fmt.Errorf("read inbound %s: %w", id, err)
	}
	return r, nil
}

// ListHeld returns what waits for a person's decision, oldest first, without
// raw bytes: held inbounds, whether or not a form came of them.
func (s *Store) ListHeld(ctx context.Context) ([]InboundRecord, error) {
	q := s.read()
	rows, err := q.Query(ctx, `SELECT `+inboundColumns+` FROM inbound WHERE verdict = 'held' AND settled = 0 ORDER BY recorded, id`)
	if err != nil {
		return nil, fmt.Errorf("list what is held: %w", err)
	}
	var list []InboundRecord
	var details [][]byte
	for rows.Next() {
		r, detail, err := scanInbound(rows)
		if err != nil {
			_ = rows.Close()
			return nil, fmt.Errorf("list what is held: %w", err)
		}
		list, details = append(list, *r), append(details, detail)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("list what is held: %w", err)
	}
	o := s.opener(ctx, q)
	for i := range list {
		if err := list[i].detail(o, details[i]); err != nil {
			return nil, fmt.Errorf("list what is held: %w", err)
		}
	}
	return list, nil
}
