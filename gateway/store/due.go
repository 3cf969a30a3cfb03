package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"liaison/gateway"
)

// SetDue sets when something is due; a row of the same kind and key is moved.
func (s *Store) SetDue(ctx context.Context, kind, key string, at time.Time) error {
	return s.write(ctx, func(t *tx) error {
		t.due = true
		return t.put(`INSERT INTO due (kind, key, at) VALUES ($1, $2, $3) ON CONFLICT (kind, key) DO UPDATE SET at = $3, owner = '', lease_until = 0, fence = due.fence + 1`, kind, key, millis(at))
	})
}

// ensureDue sets when something is due unless that is set already.
func (t *tx) ensureDue(d gateway.Due) error {
	err := t.put(`INSERT INTO due (kind, key, at) VALUES ($1, $2, $3) ON CONFLICT (kind, key) DO NOTHING`, d.Kind, d.Key, millis(d.At))
	if err != nil {
		return fmt.Errorf("set when %s is due: %w", d.Kind, err)
	}
	return nil
}

// rouse makes whoever watches an urgent form look again: one of its deliveries
// was confirmed or given up.
func (t *tx) rouse(form string) error {
	n, err := t.exec(`UPDATE due SET at = $1 WHERE kind = $2 AND key = $3`, time.Now().UnixMilli(), gateway.DueWatch, form)
	if err != nil {
		return fmt.Errorf("rouse a form's watch: %w", err)
	}
	t.due = t.due || n > 0
	return nil
}

// ClaimDue implements gateway.Clock: it leases what is due to this node for 30
// seconds, oldest first.
func (s *Store) ClaimDue(ctx context.Context, kinds []string, limit int, now time.Time) (list []gateway.Due, err error) {
	marks, args := make([]string, len(kinds)), []any{millis(now)}
	for i, k := range kinds {
		marks[i], args = fmt.Sprintf("$%d", i+2), append(args, k)
	}
	which := ` d.at <= $1 AND d.kind IN (` + strings.Join(marks, ",") + `)`
	// An empty agenda costs no commit.
	var any int64
	err = s.read().QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 FROM due d WHERE`+which+` LIMIT 1) AS q`, args...).Scan(&any)
	if err != nil || any == 0 {
		return nil, err
	}
	err = s.write(ctx, func(t *tx) error {
		list, err = t.claimDue(which, args, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim what is due: %w", err)
	}
	return list, nil
}

func (t *tx) claimDue(which string, args []any, limit int) (list []gateway.Due, err error) {
	clock, err := t.clock()
	if err != nil {
		return nil, err
	}
	n := len(args)
	query := fmt.Sprintf(`UPDATE due SET owner = $%d, lease_until = $%d, fence = fence + 1 WHERE (kind, key) IN (
		SELECT d.kind, d.key FROM due d WHERE%s AND d.lease_until <= $%d ORDER BY d.at, d.kind, d.key LIMIT $%d%s) RETURNING kind, key, at, fence`,
		n+1, n+2, which, n+3, n+4, t.s.d.skipLocked)
	rows, err := t.Query(t.ctx, query, append(args, t.s.opt.Node, clock+leaseFor.Milliseconds(), clock, int64(limit))...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var d gateway.Due
		var at int64
		if err := rows.Scan(&d.Kind, &d.Key, &at, &d.Fence); err != nil {
			return nil, err
		}
		d.At = when(at)
		list = append(list, d)
	}
	return list, rows.Err()
}

// FinishDue implements gateway.Clock. The row is locked before anything is
// decided, so that who rouses it meanwhile is heard.
func (s *Store) FinishDue(ctx context.Context, d gateway.Due, decide func(gateway.Ledger) (*gateway.Decision, time.Time, error)) error {
	err := s.write(ctx, func(t *tx) error {
		var at int64
		err := notFound(t.row(`SELECT at FROM due WHERE kind = $1 AND key = $2 AND fence = $3`+s.d.forUpdate, d.Kind, d.Key, d.Fence).Scan(&at))
		if errors.Is(err, gateway.ErrNotFound) {
			return gateway.ErrFenced
		}
		if err != nil {
			return err
		}
		then, next, err := decide(&ledger{t: t})
		if err != nil {
			return err
		}
		if then != nil {
			if err := t.record(then, "", ""); err != nil {
				return err
			}
		}
		if next.IsZero() {
			err = t.put(`DELETE FROM due WHERE kind = $1 AND key = $2`, d.Kind, d.Key)
		} else {
			err = t.put(`UPDATE due SET at = $1, owner = '', lease_until = 0 WHERE kind = $2 AND key = $3`, millis(next), d.Kind, d.Key)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("finish what was due: %w", err)
	}
	return nil
}

// Lease takes or prolongs a named lease, e.g. of the one IMAP reader of a
// mailbox. held false: another node has it.
func (s *Store) Lease(ctx context.Context, name string, ttl time.Duration) (held bool, err error) {
	err = s.write(ctx, func(t *tx) error {
		now, err := t.clock()
		if err != nil {
			return err
		}
		n, err := t.exec(`INSERT INTO lease (name, owner, epoch, until) VALUES ($1, $2, $3, $4)
			ON CONFLICT (name) DO UPDATE SET owner = $2, epoch = $3, until = $4 WHERE lease.until <= $5 OR lease.owner = $2 AND lease.epoch = $3`,
			name, s.opt.Node, s.epoch, now+ttl.Milliseconds(), now)
		held = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("lease %s: %w", name, err)
	}
	return held, nil
}

// Unlease gives a lease back, if it is this node's.
func (s *Store) Unlease(ctx context.Context, name string) error {
	return s.write(ctx, func(t *tx) error {
		return t.put(`DELETE FROM lease WHERE name = $1 AND owner = $2 AND epoch = $3`, name, s.opt.Node, s.epoch)
	})
}

// SetUp is when the first operation was applied; ok false where none was. Mail
// that came before can be about none.
func (s *Store) SetUp(ctx context.Context) (at time.Time, ok bool, err error) {
	var ms *int64
	if err := s.read().QueryRow(ctx, `SELECT min(applied) FROM operation`).Scan(&ms); err != nil {
		return time.Time{}, false, fmt.Errorf("read when the set-up was made: %w", err)
	}
	if ms == nil {
		return time.Time{}, false, nil
	}
	return when(*ms), true, nil
}

// MailPosition returns how far a mailbox was settled: its UIDVALIDITY, the
// lowest unsettled UID as set, and when the account was set up; ok false where
// it was never read.
func (s *Store) MailPosition(ctx context.Context, account, mailbox string) (uidvalidity, uid uint32, setUp time.Time, ok bool, err error) {
	var at, v, u int64
	err = notFound(s.read().QueryRow(ctx, `SELECT uidvalidity, uid, set_up FROM mailbox WHERE account = $1 AND mailbox = $2`, account, mailbox).Scan(&v, &u, &at))
	if errors.Is(err, gateway.ErrNotFound) {
		return 0, 0, time.Time{}, false, nil
	}
	if err != nil {
		return 0, 0, time.Time{}, false, fmt.Errorf("read a mailbox's position: %w", err)
	}
	return uint32(v), uint32(u), when(at), true, nil
}

// SetMailPosition records a mailbox's position; a zero setUp keeps the recorded
// one.
func (s *Store) SetMailPosition(ctx context.Context, account, mailbox string, uidvalidity, uid uint32, setUp time.Time) error {
	return s.write(ctx, func(t *tx) error {
		return t.put(`INSERT INTO mailbox (account, mailbox, uidvalidity, uid, set_up) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (account, mailbox) DO UPDATE SET uidvalidity = $3, uid = $4, set_up = CASE WHEN CAST($5 AS BIGINT) = 0 THEN mailbox.set_up ELSE CAST($5 AS BIGINT) END`,
			account, mailbox, int64(uidvalidity), int64(uid), millis(setUp))
	})
}

// Outstanding counts what is under way, or could be done by a time: due rows, and
// deliveries by mail. What goes over the WebSocket waits for the participant.
func (s *Store) Outstanding(ctx context.Context, by time.Time) (n int64, err error) {
	err = s.read().QueryRow(ctx, `SELECT (SELECT count(*) FROM due WHERE at <= $1) + (SELECT count(*) FROM delivery WHERE owner <> '')
		+ (SELECT count(*) FROM delivery WHERE queued = 1 AND owner = '' AND not_before <= $1 AND channel IN ('pgp-mail', 'mail'))`, millis(by)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count what is outstanding: %w", err)
	}
	return n, nil
}

// Depth is how many things wait in a queue, and since when the oldest does.
type Depth struct {
	Queue  string // of deliveries: their channel
	Count  int64
	Oldest time.Time
}

// Queues are the names of all queues that Depths knows.
var Queues = []string{"delivery websocket", "delivery pgp-mail", "delivery mail", "delivery phone", "held", "audit", "test", "due"}

// queues are what waits, each by an index that holds what waits alone.
var queues = []string{
	`SELECT 'delivery ' || channel, count(*), min(created) FROM delivery WHERE queued = 1 GROUP BY channel`,
	`SELECT 'held', count(*), min(recorded) FROM inbound WHERE verdict = 'held' AND settled = 0`,
	`SELECT 'audit', count(*), min(at) FROM audit WHERE sequence IS NULL`,
	`SELECT 'test', count(*), min(r.started) FROM test_party p JOIN test_run r ON r.id = p.run WHERE p.ended = 0`,
	`SELECT 'due', count(*), min(at) FROM due WHERE at <= $1`,
}

// Depths returns the queues that aren't empty, for metrics.
func (s *Store) Depths(ctx context.Context) ([]Depth, error) {
	var list []Depth
	for i, query := range queues {
		var args []any
		if i == len(queues)-1 {
			args = []any{time.Now().UnixMilli()}
		}
		rows, err := s.read().Query(ctx, query, args...)
		if err != nil {
			return nil, fmt.Errorf("count what waits: %w", err)
		}
		for rows.Next() {
			var d Depth
			var oldest *int64
			if err := rows.Scan(&d.Queue, &d.Count, &oldest); err != nil {
				return nil, errors.Join(err, rows.Close())
			}
			if oldest != nil {
				d.Oldest = when(*oldest)
				list = append(list, d)
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, fmt.Errorf("count what waits: %w", err)
		}
	}
	return list, nil
}
