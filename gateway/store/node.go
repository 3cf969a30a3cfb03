package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"liaison/gateway"
)

// register gives this node its next epoch and voids what its earlier epochs
// held. On SQLite the file lock says that nobody else serves, so everything is
// voided.
func (s *Store) register(ctx context.Context) error {
	if s.mode != serving {
		return nil
	}
	return s.write(ctx, func(t *tx) error {
		// What goes on under the old epoch ends first: see ours.
		if err := t.put(`SELECT epoch FROM node WHERE name = $1`+s.d.forUpdate, s.opt.Node); err != nil {
			return err
		}
		now, err := t.clock()
		if err != nil {
			return err
		}
		err = t.row(`INSERT INTO node (name, epoch, beat, started) VALUES ($1, 1, $2, $2)
			ON CONFLICT (name) DO UPDATE SET epoch = node.epoch + 1, beat = $2, started = $2 RETURNING epoch`, s.opt.Node, now).Scan(&s.epoch)
		if err != nil {
			return err
		}
		s.beat.Store(time.Now().UnixMilli())
		t.due = true
		if s.d.driver == sqlite.driver {
			return t.void(`owner <> ''`, `id <> ''`, `owner <> ''`)
		}
		return t.void(`owner = $1`, `node = $1`, `owner = $1`, s.opt.Node)
	})
}

// void frees deliveries, sessions and due rows and leases whose owner matches.
func (t *tx) void(deliveries, sessions, leases string, args ...any) error {
	for _, q := range []string{
		`UPDATE delivery SET owner = '', lease_until = 0, fence = fence + 1 WHERE ` + deliveries,
		`UPDATE session SET id = '', node = '', epoch = 0 WHERE ` + sessions,
		`UPDATE due SET owner = '', lease_until = 0, fence = fence + 1 WHERE ` + leases,
		`DELETE FROM lease WHERE ` + leases,
	} {
		if err := t.put(q, args...); err != nil {
			return fmt.Errorf("void claims: %w", err)
		}
	}
	return nil
}

// leave gives everything back: another node goes on at once.
func (s *Store) leave(ctx context.Context) error {
	return s.write(ctx, func(t *tx) error {
		ours, err := t.ours()
		if err != nil || !ours {
			return err
		}
		if err := t.void(`owner = $1`, `node = $1`, `owner = $1`, s.opt.Node); err != nil {
			return err
		}
		return t.put(`UPDATE node SET beat = 0, parted = epoch WHERE name = $1 AND epoch = $2`, s.opt.Node, s.epoch)
	})
}

// ours reports whether this node's epoch is still the one in force, and keeps
// it from changing until the transaction ends. On PostgreSQL it locks the row's key
// alone: a stronger lock, which transactions share without end under load, would
// keep the heartbeat out until the node takes itself for dead.
func (t *tx) ours() (bool, error) {
	if t.s.mode != serving || t.s.lock != nil {
		return t.s.mode == serving, nil // nobody else serves a file that we hold the lock of
	}
	var epoch int64
	err := t.row(t.s.d.epoch, t.s.opt.Node).Scan(&epoch)
	if err != nil {
		return false, fmt.Errorf("read this node's epoch: %w", notFound(err))
	}
	return epoch == t.s.epoch, nil
}

// willBeOurs is ours for those who ask something more before they need the answer.
func (t *tx) willBeOurs() (func() bool, error) {
	if t.s.mode != serving || t.s.lock != nil {
		return func() bool { return t.s.mode == serving }, nil
	}
	var epoch int64
	err := t.Ask(t.ctx, []any{&epoch}, t.s.d.epoch, t.s.opt.Node)
	return func() bool { return epoch == t.s.epoch }, err
}

// Heartbeat says that this node lives and prolongs the claims of attempts that
// are under way. ErrFenced: another process took this node's name; stop.
func (s *Store) Heartbeat(ctx context.Context) error {
	err := s.write(ctx, func(t *tx) error {
		now, err := t.clock()
		if err != nil {
			return err
		}
		n, err := t.exec(`UPDATE node SET beat = $1 WHERE name = $2 AND epoch = $3`, now, s.opt.Node, s.epoch)
		if err != nil {
			return fmt.Errorf("heartbeat: %w", err)
		}
		if n == 0 {
			return gateway.ErrFenced
		}
		// An attempt that is being recorded needs no longer lease, and isn't waited for.
		err = t.put(`UPDATE delivery SET lease_until = $1 WHERE id IN (SELECT d.id FROM delivery d
			WHERE d.owner = $2 AND d.owner_epoch = $3 AND d.lease_until > $4 AND d.claimed > $5 AND d.queued = 1`+s.d.skipLocked+`)`,
			now+leaseFor.Milliseconds(), s.opt.Node, s.epoch, now, now-attemptMax.Milliseconds())
		if err != nil {
			return fmt.Errorf("prolong claims: %w", err)
		}
		return t.sweep(now)
	})
	if err == nil { // committed: a full disk takes no heartbeat
		now := time.Now().UnixMilli()
		if last := s.beat.Swap(now); now-last >= s.lapse().Milliseconds() {
			s.lapsed.Store(now)
		}
	}
	return err
}

// lapse is after how long without a heartbeat others may have this node's claims: on
// SQLite there are no others, but the leases end.
func (s *Store) lapse() time.Duration {
	if s.d.driver == postgres.driver {
		return deadAfter
	}
	return leaseFor
}

// Holds implements gateway.Store. A claim that waited long for its turn, or from
// before this process or its machine stood still, may be somebody else's by now: the
// record knows, and where it is still ours it begins anew there.
func (s *Store) Holds(ctx context.Context, d gateway.Delivery) (held bool, err error) {
	if !s.beats.Load() {
		return true, nil // nobody runs it: its claims are not prolonged either
	}
	claimed, now := d.Claimed.UnixMilli(), time.Now().UnixMilli()
	if claimed >= s.lapsed.Load() && now-claimed < freshFor.Milliseconds() && now-max(claimed, s.beat.Load()) < s.lapse().Milliseconds() {
		return true, nil
	}
	err = s.note(ctx, func(t *tx) error {
		held, err = t.claimAnew(d)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("ask for a claim: %w", err)
	}
	return held, nil
}

// claimAnew begins a claim anew, if it is still this process's.
func (t *tx) claimAnew(d gateway.Delivery) (held bool, err error) {
	ours, err := t.ours()
	if err != nil || !ours {
		return false, err
	}
	now, err := t.clock()
	if err != nil {
		return false, err
	}
	if alive, err := t.alive(now); err != nil || !alive {
		return false, errors.Join(err, errors.New("this node's heart doesn't beat"))
	}
	n, err := t.exec(`UPDATE delivery SET claimed = $1, lease_until = $2 WHERE id = $3 AND queued = 1 AND owner = $4 AND owner_epoch = $5 AND fence = $6`,
		now, now+leaseFor.Milliseconds(), string(d.ID), t.s.opt.Node, t.s.epoch, d.Fence)
	return n > 0, err
}

// alive: a node whose heart stopped must not send, since others may have taken
// over. On SQLite there are no others.
func (t *tx) alive(now int64) (bool, error) {
	if t.s.d.driver != postgres.driver {
		return true, nil
	}
	var n int64
	err := t.row(`SELECT count(*) FROM node WHERE name = $1 AND epoch = $2 AND beat > $3`, t.s.opt.Node, t.s.epoch, now-deadAfter.Milliseconds()).Scan(&n)
	return n > 0, err
}

// sweep withholds deliveries of replaced forms whose attempt never ended.
func (t *tx) sweep(now int64) error {
	rows, err := t.Query(t.ctx, `SELECT d.id, d.operation FROM delivery d WHERE d.dropped = 1 AND d.queued = 1 AND d.lease_until <= $1 ORDER BY d.id LIMIT 100`+t.s.d.skipLocked, now)
	if err != nil {
		return fmt.Errorf("sweep the queue: %w", err)
	}
	var list []waitingDelivery
	for rows.Next() {
		var w waitingDelivery
		if err := rows.Scan(&w.id, &w.operation); err != nil {
			rows.Close()
			return err
		}
		list = append(list, w)
	}
	if err := rows.Close(); err != nil {
		return err
	}
	for _, w := range list {
		if err := t.withhold(w, superseded); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Alive reports whether this node may send: it serves, and its last heartbeat
// is young enough that no other node takes it for dead.
func (s *Store) Alive() bool {
	return s.mode == serving && time.Since(time.UnixMilli(s.beat.Load())) < deadAfter-beatEvery
}
