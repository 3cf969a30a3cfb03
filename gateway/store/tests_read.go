package store

import (
	"context"
	"errors"
	"fmt"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// How many participants of a run aren't through; 0 where nobody asks, since
// counting a thousand costs more than the rest.
const (
	countOpen = `(SELECT count(*) FROM test_party p WHERE p.run = r.id AND p.ended = 0)`
	uncounted = `0`
)

// testRuns reads runs; open is one of the above, where begins with WHERE.
func (s *Store) testRuns(ctx context.Context, q querier, open, where string, args ...any) ([]gateway.TestRun, error) {
	rows, err := q.Query(ctx, `SELECT r.id, r.operation, r.number, r.started, r.ended, r.sealed_detail, `+open+` FROM test_run r `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read test runs: %w", err)
	}
	var list []gateway.TestRun
	var sealed [][]byte
	for rows.Next() {
		var r gateway.TestRun
		var started, ended int64
		var detail []byte
		if err := rows.Scan(&r.ID, &r.Operation, &r.Number, &started, &ended, &detail, &r.Open); err != nil {
			_ = rows.Close()
			return nil, err
		}
		r.Started, r.Ended = when(started), when(ended)
		list, sealed = append(list, r), append(sealed, detail)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	o := s.opener(ctx, q)
	for i := range list {
		if list[i].Detail, err = o.unseal(string(list[i].Operation), "test_run", string(list[i].ID), "detail", sealed[i]); err != nil {
			return nil, fmt.Errorf("read test run %s: %w", list[i].ID, err)
		}
	}
	return list, nil
}

// TestRuns returns an operation's runs, newest first; all where op is "".
func (s *Store) TestRuns(ctx context.Context, op operation.Code) ([]gateway.TestRun, error) {
	return s.testRuns(ctx, s.read(), countOpen, `WHERE ($1 = '' OR r.operation = $1) ORDER BY r.started DESC, r.number DESC`, string(op))
}

// TestParties returns the participants' parts of a run, without evidence, by code.
func (s *Store) TestParties(ctx context.Context, run gateway.RunID) ([]gateway.TestParty, error) {
	return s.testParties(ctx, s.read(), run)
}

func (s *Store) testParties(ctx context.Context, q querier, run gateway.RunID) ([]gateway.TestParty, error) {
	rows, err := q.Query(ctx, `SELECT participant, operation, ended, sealed_detail FROM test_party WHERE run = $1 ORDER BY participant`, string(run))
	if err != nil {
		return nil, fmt.Errorf("read a test run's participants: %w", err)
	}
	var list []gateway.TestParty
	var sealed [][]byte
	for rows.Next() {
		p := gateway.TestParty{Run: run}
		var ended int64
		var detail []byte
		if err := rows.Scan(&p.Participant, &p.Operation, &ended, &detail); err != nil {
			_ = rows.Close()
			return nil, err
		}
		p.Ended = ended != 0
		list, sealed = append(list, p), append(sealed, detail)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	o := s.opener(ctx, q)
	for i := range list {
		if list[i].Detail, err = o.unseal(string(list[i].Operation), "test_party", partyRow(run, list[i].Participant), "detail", sealed[i]); err != nil {
			return nil, fmt.Errorf("read %s in test run %s: %w", list[i].Participant, run, err)
		}
	}
	return list, nil
}

// TestParty returns a participant's part of a run with its evidence. ErrNotFound.
func (s *Store) TestParty(ctx context.Context, run gateway.RunID, p operation.ParticipantCode) (*gateway.TestParty, error) {
	return s.testParty(ctx, s.read(), run, p)
}

func (s *Store) testParty(ctx context.Context, q querier, run gateway.RunID, p operation.ParticipantCode) (*gateway.TestParty, error) {
	party := &gateway.TestParty{Run: run, Participant: p}
	var ended int64
	var detail []byte
	err := q.QueryRow(ctx, `SELECT operation, ended, sealed_detail FROM test_party WHERE run = $1 AND participant = $2`, string(run), string(p)).
		Scan(&party.Operation, &ended, &detail)
	if err != nil {
		return nil, fmt.Errorf("read %s in test run %s: %w", p, run, notFound(err))
	}
	party.Ended = ended != 0
	o := s.opener(ctx, q)
	if party.Detail, err = o.unseal(string(party.Operation), "test_party", partyRow(run, p), "detail", detail); err != nil {
		return nil, fmt.Errorf("read %s in test run %s: %w", p, run, err)
	}
	if party.Probes, err = s.probes(ctx, q, o, `WHERE run = $1 AND participant = $2 ORDER BY sent, delivery`, string(run), string(p)); err != nil {
		return nil, err
	}
	if party.Deliveries, err = s.deliveries(ctx, q, `JOIN test_probe t ON t.delivery = d.id WHERE t.run = $1 AND t.participant = $2 ORDER BY d.created, d.id`, string(run), string(p)); err != nil {
		return nil, err
	}
	party.Attempts, err = s.attempts(ctx, q, `JOIN test_probe t ON t.delivery = a.delivery WHERE t.run = $1 AND t.participant = $2 ORDER BY a.id`, string(run), string(p))
	if err != nil {
		return nil, err
	}
	if party.Heard, err = s.heard(ctx, q, o, run, p); err != nil {
		return nil, err
	}
	party.Onward, err = s.onward(ctx, q, run, p)
	return party, err
}

func (s *Store) probes(ctx context.Context, q querier, o *opener, where string, args ...any) ([]gateway.Probe, error) {
	rows, err := q.Query(ctx, `SELECT operation, delivery, sealed_probe FROM test_probe `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read probes: %w", err)
	}
	type row struct {
		op, delivery string
		sealed       []byte
	}
	var found []row
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.op, &r.delivery, &r.sealed); err != nil {
			_ = rows.Close()
			return nil, err
		}
		found = append(found, r)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	list := make([]gateway.Probe, len(found))
	for i, r := range found {
		if err := o.json(r.op, "test_probe", r.delivery, "probe", r.sealed, &list[i]); err != nil {
			return nil, fmt.Errorf("read a probe: %w", err)
		}
	}
	return list, nil
}

func (s *Store) heard(ctx context.Context, q querier, o *opener, run gateway.RunID, p operation.ParticipantCode) ([]gateway.Hearing, error) {
	rows, err := q.Query(ctx, `SELECT operation, form, at, sealed_detail FROM test_evidence WHERE run = $1 AND participant = $2 ORDER BY id`, string(run), string(p))
	if err != nil {
		return nil, fmt.Errorf("read what was heard: %w", err)
	}
	var list []gateway.Hearing
	var sealed [][]byte
	for rows.Next() {
		h := gateway.Hearing{Run: run, Participant: p}
		var at int64
		var detail []byte
		if err := rows.Scan(&h.Operation, &h.Form, &at, &detail); err != nil {
			_ = rows.Close()
			return nil, err
		}
		h.At = when(at)
		list, sealed = append(list, h), append(sealed, detail)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	for i := range list {
		if err := o.json(string(list[i].Operation), "test_evidence", partyRow(run, p), "detail", sealed[i], &list[i]); err != nil {
			return nil, fmt.Errorf("read what was heard of %s: %w", p, err)
		}
	}
	return list, nil
}

// onward reads the test replies that were relayed from or to a participant.
func (s *Store) onward(ctx context.Context, q querier, run gateway.RunID, p operation.ParticipantCode) ([]gateway.Onward, error) {
	rows, err := q.Query(ctx, `SELECT d.form, o.sender, o.recipient, o.probe, d.channel_at, d.channel, d.state, d.confirmed
		FROM test_onward o JOIN delivery d ON d.id = o.delivery
		WHERE o.run = $1 AND (o.sender = $2 OR o.recipient = $2) ORDER BY d.form, o.recipient, o.probe`, string(run), string(p))
	if err != nil {
		return nil, fmt.Errorf("read relayed test replies: %w", err)
	}
	defer rows.Close()
	var list []gateway.Onward
	for rows.Next() {
		var o gateway.Onward
		var confirmed int64
		if err := rows.Scan(&o.Form, &o.From, &o.To, &o.Probe, &o.ChannelAt, &o.Channel, &o.State, &confirmed); err != nil {
			return nil, err
		}
		o.Confirmed = when(confirmed)
		list = append(list, o)
	}
	return list, rows.Err()
}

// ProbeOf implements gateway.Tests.
func (s *Store) ProbeOf(ctx context.Context, op operation.Code, delivery gateway.DeliveryID, code string) (*gateway.Probe, error) {
	q := s.read()
	o := s.opener(ctx, q)
	if delivery != "" {
		if p, err := first(s.probes(ctx, q, o, `WHERE delivery = $1`, string(delivery))); p != nil || err != nil {
			return p, err
		}
	}
	if code == "" || op == "" {
		return nil, nil
	}
	return first(s.probes(ctx, q, o, `WHERE code_sum = $1 AND operation = $2 ORDER BY sent DESC LIMIT 1`, codeSum(op, code), string(op)))
}

func first(list []gateway.Probe, err error) (*gateway.Probe, error) {
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// NewestProbe implements gateway.Tests.
func (s *Store) NewestProbe(ctx context.Context, op operation.Code, p operation.ParticipantCode, channelAt int) (*gateway.Probe, error) {
	q := s.read()
	return first(s.probes(ctx, q, s.opener(ctx, q), `WHERE operation = $1 AND participant = $2 AND channel_at = $3 ORDER BY sent DESC, delivery DESC LIMIT 1`, string(op), string(p), int64(channelAt)))
}

// Waivers returns an operation's waivers, oldest first.
func (s *Store) Waivers(ctx context.Context, op operation.Code) ([]gateway.Waiver, error) {
	q := s.read()
	rows, err := q.Query(ctx, `SELECT id, participant, at, sealed_statement, sealed_signature FROM test_waiver WHERE operation = $1 ORDER BY at, id`, string(op))
	if err != nil {
		return nil, fmt.Errorf("read waivers: %w", err)
	}
	var list []gateway.Waiver
	var sealed [][2][]byte
	for rows.Next() {
		w := gateway.Waiver{Operation: op}
		var at int64
		var parts [2][]byte
		if err := rows.Scan(&w.ID, &w.Participant, &at, &parts[0], &parts[1]); err != nil {
			_ = rows.Close()
			return nil, err
		}
		w.At = when(at)
		list, sealed = append(list, w), append(sealed, parts)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	o := s.opener(ctx, q)
	for i := range list {
		if list[i].Statement, err = o.unseal(string(op), "test_waiver", list[i].ID, "statement", sealed[i][0]); err != nil {
			return nil, fmt.Errorf("read a waiver: %w", err)
		}
		if list[i].Signature, err = o.unseal(string(op), "test_waiver", list[i].ID, "signature", sealed[i][1]); err != nil {
			return nil, fmt.Errorf("read a waiver: %w", err)
		}
	}
	return list, nil
}

// Serving reports whether a gateway serves this store now.
func (s *Store) Serving(ctx context.Context) (bool, error) {
	q := s.read()
	now, err := s.clockOf(ctx, q)
	if err != nil {
		return false, err
	}
	var n int64
	if err := q.QueryRow(ctx, `SELECT count(*) FROM node WHERE beat > $1`, now-deadAfter.Milliseconds()).Scan(&n); err != nil {
		return false, fmt.Errorf("ask whether a gateway serves: %w", err)
	}
	return n > 0, nil
}
