package store

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// codeSum is how a probe's code is found again: the code itself lies sealed.
func codeSum(op operation.Code, code string) []byte {
	sum := sha256.Sum256([]byte(string(op) + "\x00" + code))
	return sum[:]
}

func partyRow(run gateway.RunID, p operation.ParticipantCode) string {
	return gateway.PartyKey(run, p)
}

// tests writes what a decision adds to the communications tests.
func (t *tx) tests(r gateway.TestRecord) error {
	for _, run := range r.Runs {
		if err := t.putRun(run); err != nil {
			return fmt.Errorf("record test run %s: %w", run.ID, err)
		}
	}
	for _, p := range r.Parties {
		if err := t.putParty(p); err != nil {
			return fmt.Errorf("record %s in test run %s: %w", p.Participant, p.Run, err)
		}
	}
	for _, p := range r.Probes {
		if err := t.insertProbe(p); err != nil {
			return fmt.Errorf("record a probe to %s: %w", p.Participant, err)
		}
	}
	for _, h := range sortedHeard(r.Heard) {
		if err := t.insertHearing(h); err != nil {
			return fmt.Errorf("record what was heard of %s: %w", h.Participant, err)
		}
	}
	for _, d := range r.Look {
		if err := t.dueBy(d.Kind, d.Key, millis(d.At)); err != nil {
			return err
		}
	}
	for _, w := range r.Waivers {
		if err := t.insertWaiver(w); err != nil {
			return fmt.Errorf("record a waiver for %s: %w", w.Participant, err)
		}
	}
	return nil
}

func (t *tx) putRun(r gateway.TestRun) error {
	detail, err := t.seal(string(r.Operation), "test_run", string(r.ID), "detail", r.Detail)
	if err != nil {
		return err
	}
	return t.put(`INSERT INTO test_run (id, operation, number, started, ended, sealed_detail) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET ended = $5, sealed_detail = $6`,
		string(r.ID), string(r.Operation), r.Number, millis(r.Started), millis(r.Ended), detail)
}

func (t *tx) putParty(p gateway.TestParty) error {
	detail, err := t.seal(string(p.Operation), "test_party", partyRow(p.Run, p.Participant), "detail", p.Detail)
	if err != nil {
		return err
	}
	return t.put(`INSERT INTO test_party (run, participant, operation, ended, sealed_detail) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (run, participant) DO UPDATE SET ended = $4, sealed_detail = $5`,
		string(p.Run), string(p.Participant), string(p.Operation), flag(p.Ended), detail)
}

func (t *tx) insertProbe(p gateway.Probe) error {
	sealed, err := t.sealJSON(string(p.Operation), "test_probe", string(p.Delivery), "probe", p)
	if err != nil {
		return err
	}
	return t.put(`INSERT INTO test_probe (delivery, run, operation, participant, channel_at, code_sum, sent, sealed_probe) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		string(p.Delivery), string(p.Run), string(p.Operation), string(p.Participant), int64(p.ChannelAt), codeSum(p.Operation, p.Code), millis(p.Sent), sealed)
}

func (t *tx) insertHearing(h gateway.Hearing) error {
	sealed, err := t.sealJSON(string(h.Operation), "test_evidence", partyRow(h.Run, h.Participant), "detail", h)
	if err != nil {
		return err
	}
	err = t.put(`INSERT INTO test_evidence (run, operation, participant, probe, form, at, sealed_detail) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		string(h.Run), string(h.Operation), string(h.Participant), string(h.Probe), string(h.Form), millis(h.At), sealed)
	if err != nil {
		return err
	}
	if h.Form != "" {
		err := t.put(`INSERT INTO test_onward (delivery, run, probe, sender, recipient) SELECT id, $2, $3, $4, participant FROM delivery WHERE form = $1
			ON CONFLICT DO NOTHING`, string(h.Form), string(h.Run), string(h.Probe), string(h.Participant))
		if err != nil {
			return fmt.Errorf("note where a test reply travels: %w", err)
		}
	}
	return t.rouseParty(gateway.PartyKey(h.Run, h.Participant))
}

// rouseParty makes the test look at a participant's part of a run, also of one
// that is over: a late answer counts too.
func (t *tx) rouseParty(key string) error {
	now, err := t.clock()
	if err != nil {
		return err
	}
	return t.dueBy(gateway.DueTest, key, now)
}

// dueBy makes something due no later than a time.
func (t *tx) dueBy(kind, key string, at int64) error {
	err := t.put(`INSERT INTO due (kind, key, at) VALUES ($1, $2, $3) ON CONFLICT (kind, key) DO UPDATE SET at = $3 WHERE due.at > $3`, kind, key, at)
	if err != nil {
		return fmt.Errorf("set by when %s is due: %w", kind, err)
	}
	return nil
}

// rouseTests rouses every part of a test that a delivery matters to: of whom it
// asks, and of both ends of a reply that it carries on. They come in the order in
// which rows are locked.
func (t *tx) rouseTests(delivery string) error {
	keys, err := t.partiesOf(delivery)
	if err != nil {
		return fmt.Errorf("read which test a delivery belongs to: %w", err)
	}
	for _, key := range keys {
		if err := t.rouseParty(key); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) partiesOf(delivery string) (keys []string, err error) {
	rows, err := t.Query(t.ctx, `SELECT run, participant FROM test_probe WHERE delivery = $1 UNION SELECT run, sender FROM test_onward WHERE delivery = $1
		UNION SELECT run, recipient FROM test_onward WHERE delivery = $1 ORDER BY 1, 2`, delivery)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var run gateway.RunID
		var who operation.ParticipantCode
		if err := rows.Scan(&run, &who); err != nil {
			return nil, err
		}
		keys = append(keys, gateway.PartyKey(run, who))
	}
	return keys, rows.Err()
}

func (t *tx) insertWaiver(w gateway.Waiver) error {
	if w.ID == "" {
		w.ID = newID()
	}
	statement, err := t.seal(string(w.Operation), "test_waiver", w.ID, "statement", w.Statement)
	if err != nil {
		return err
	}
	signature, err := t.seal(string(w.Operation), "test_waiver", w.ID, "signature", w.Signature)
	if err != nil {
		return err
	}
	return t.put(`INSERT INTO test_waiver (id, operation, participant, at, sealed_statement, sealed_signature) VALUES ($1, $2, $3, $4, $5, $6)`,
		w.ID, string(w.Operation), string(w.Participant), millis(w.At), statement, signature)
}

// NextRun implements gateway.Ledger.
func (l *ledger) NextRun(op operation.Code) (int64, error) { return l.t.count("test/" + string(op)) }

// TestRun implements gateway.Ledger.
func (l *ledger) TestRun(id gateway.RunID) (*gateway.TestRun, error) {
	list, err := l.t.s.testRuns(l.t.ctx, l.t, uncounted, `WHERE r.id = $1`, string(id))
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, gateway.ErrNotFound
	}
	return &list[0], nil
}

// TestParty implements gateway.Ledger.
func (l *ledger) TestParty(run gateway.RunID, p operation.ParticipantCode) (*gateway.TestParty, error) {
	return l.t.s.testParty(l.t.ctx, l.t, run, p)
}

// TestParties implements gateway.Ledger.
func (l *ledger) TestParties(run gateway.RunID) ([]gateway.TestParty, error) {
	return l.t.s.testParties(l.t.ctx, l.t, run)
}

// sortedHeard sorts hearings so that two transactions never rouse crosswise.
func sortedHeard(list []gateway.Hearing) []gateway.Hearing {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b gateway.Hearing) int {
		return strings.Compare(gateway.PartyKey(a.Run, a.Participant), gateway.PartyKey(b.Run, b.Participant))
	})
	return list
}
