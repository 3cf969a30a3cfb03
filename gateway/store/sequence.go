package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// OpenSession implements gateway.Sequencer.
func (s *Store) OpenSession(ctx context.Context, ses gateway.Session) (last, acked int64, err error) {
	if ses.ID == "" {
		return 0, 0, errors.New("open a session: it has no id")
	}
	err = s.write(ctx, func(t *tx) error {
		ours, err := t.ours()
		if err != nil {
			return err
		}
		if !ours {
			return gateway.ErrFenced
		}
		t.makeDue(string(ses.Operation), string(ses.Participant), string(operation.WebSocket))
		// Those that are claimed too: what is being recorded of them may be a wait.
		err = t.put(`UPDATE delivery SET not_before = 0 WHERE operation = $1 AND participant = $2 AND channel = 'websocket' AND queued = 1 AND (attempts > 0 OR owner <> '')`,
			string(ses.Operation), string(ses.Participant))
		if err != nil {
			return err
		}
		return t.row(`INSERT INTO session (operation, participant, id, node, epoch, fingerprint, opened, last, acked) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0)
			ON CONFLICT (operation, participant) DO UPDATE SET id = $3, node = $4, epoch = $5, fingerprint = $6, opened = $7 RETURNING last, acked`,
			string(ses.Operation), string(ses.Participant), ses.ID, s.opt.Node, s.epoch, ses.Fingerprint, time.Now().UnixMilli()).Scan(&last, &acked)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("open a session: %w", err)
	}
	return last, acked, nil
}

// CloseSession implements gateway.Sequencer.
func (s *Store) CloseSession(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	return s.write(ctx, func(t *tx) error {
		return t.put(`UPDATE session SET id = '', node = '', epoch = 0 WHERE id = $1`, id)
	})
}

// liveMost is how many sessions one statement asks about.
const liveMost = 500

// LiveSessions implements gateway.Sequencer.
func (s *Store) LiveSessions(ctx context.Context, ids []string) (map[string]bool, error) {
	live := make(map[string]bool, len(ids))
	for some := range slices.Chunk(ids, liveMost) {
		if err := s.liveSessions(ctx, some, live); err != nil {
			return nil, fmt.Errorf("look up sessions: %w", err)
		}
	}
	return live, nil
}

func (s *Store) liveSessions(ctx context.Context, ids []string, live map[string]bool) error {
	marks, args := make([]string, len(ids)), make([]any, len(ids))
	for i, id := range ids {
		marks[i], args[i] = fmt.Sprintf("$%d", i+1), id
	}
	rows, err := s.read().Query(ctx, `SELECT id FROM session WHERE id <> '' AND id IN (`+strings.Join(marks, ",")+`)`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		live[id] = true
	}
	return rows.Err()
}

// Number implements gateway.Sequencer. The session's row is the lock: one writer
// per participant, hence no gaps.
func (s *Store) Number(ctx context.Context, session string, id gateway.DeliveryID) (seq int64, err error) {
	if session == "" {
		return 0, gateway.ErrFenced
	}
	err = s.write(ctx, func(t *tx) error {
		seq, err = t.number(session, id)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("number a delivery: %w", err)
	}
	return seq, nil
}

func (t *tx) number(session string, id gateway.DeliveryID) (int64, error) {
	ours, err := t.ours()
	if err != nil {
		return 0, err
	}
	var op, p string
	var last, epoch int64
	var node string
	err = notFound(t.row(`SELECT operation, participant, last, node, epoch FROM session WHERE id = $1`+t.s.d.forUpdate, session).Scan(&op, &p, &last, &node, &epoch))
	if errors.Is(err, gateway.ErrNotFound) || err == nil && (!ours || node != t.s.opt.Node || epoch != t.s.epoch) {
		return 0, gateway.ErrFenced
	}
	if err != nil {
		return 0, err
	}
	var toOp, to string
	if err := t.row(`SELECT operation, participant FROM delivery WHERE id = $1`, string(id)).Scan(&toOp, &to); err != nil {
		return 0, notFound(err)
	}
	if toOp != op || to != p {
		return 0, fmt.Errorf("delivery %s is not for the participant of this session", id)
	}
	var seq int64
	err = notFound(t.row(`SELECT seq FROM sequence WHERE delivery = $1`, string(id)).Scan(&seq))
	if err == nil || !errors.Is(err, gateway.ErrNotFound) {
		return seq, err
	}
	if err := t.put(`INSERT INTO sequence (operation, participant, seq, delivery) VALUES ($1, $2, $3, $4)`, op, p, last+1, string(id)); err != nil {
		return 0, err
	}
	err = t.put(`UPDATE session SET last = $1 WHERE operation = $2 AND participant = $3`, last+1, op, p)
	return last + 1, err
}

// Numbered implements gateway.Sequencer: where after is lower than
// acknowledged, the participant asks for those again, and gets all above it.
func (s *Store) Numbered(ctx context.Context, op operation.Code, p operation.ParticipantCode, after int64, limit int) ([]gateway.Numbered, error) {
	rows, err := s.read().Query(ctx, `SELECT seq, delivery FROM sequence WHERE operation = $1 AND participant = $2 AND seq > $3 ORDER BY seq LIMIT $4`,
		string(op), string(p), after, int64(limit))
	if err != nil {
		return nil, fmt.Errorf("read a sequence: %w", err)
	}
	defer rows.Close()
	var list []gateway.Numbered
	for rows.Next() {
		var n gateway.Numbered
		if err := rows.Scan(&n.Seq, &n.Delivery); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, rows.Err()
}

// Acknowledge implements gateway.Sequencer.
func (s *Store) Acknowledge(ctx context.Context, op operation.Code, p operation.ParticipantCode, seq int64, by string) (settled []gateway.DeliveryID, err error) {
	err = s.write(ctx, func(t *tx) error {
		settled = nil
		settled, err = t.acknowledge(string(op), string(p), seq, by)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("acknowledge: %w", err)
	}
	return settled, nil
}

func (t *tx) acknowledge(op, p string, seq int64, by string) ([]gateway.DeliveryID, error) {
	var last, acked int64
	err := notFound(t.row(`SELECT last, acked FROM session WHERE operation = $1 AND participant = $2`+t.s.d.forUpdate, op, p).Scan(&last, &acked))
	if errors.Is(err, gateway.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	seq = min(seq, last) // nobody acknowledges what wasn't given
	if seq <= acked {
		return nil, nil
	}
	list, err := t.between(op, p, acked, seq)
	if err != nil {
		return nil, err
	}
	if err := t.put(`UPDATE session SET acked = $1 WHERE operation = $2 AND participant = $3`, seq, op, p); err != nil {
		return nil, err
	}
	now, err := t.clock()
	if err != nil {
		return nil, err
	}
	var settled []gateway.DeliveryID
	for _, n := range list {
		e := gateway.Evidence{Delivery: n.Delivery, Outcome: gateway.Confirmed, State: gateway.ConfirmedBySystem, Channel: operation.WebSocket,
			At: when(now), Detail: "acknowledged", By: by, Seq: n.Seq}
		if err := t.prove(e); err != nil {
			return nil, err
		}
		settled = append(settled, n.Delivery)
	}
	return settled, nil
}

func (t *tx) between(op, p string, from, to int64) ([]gateway.Numbered, error) {
	rows, err := t.Query(t.ctx, `SELECT seq, delivery FROM sequence WHERE operation = $1 AND participant = $2 AND seq > $3 AND seq <= $4 ORDER BY seq`, op, p, from, to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []gateway.Numbered
	for rows.Next() {
		var n gateway.Numbered
		if err := rows.Scan(&n.Seq, &n.Delivery); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, rows.Err()
}
