package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	lite "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"liaison/gateway"
)

// Offer implements gateway.Store.
func (s *Store) Offer(ctx context.Context, in *gateway.Inbound) (interrupted int, receipt *gateway.Receipt, err error) {
	if len(in.Repeats) == 0 {
		return 0, nil, errors.New("note an offer: the inbound has no repeat by which it would be known again")
	}
	repeats := sortedRepeats(in)
	// The common case of a mailbox read again costs no commit.
	if receipt, err := known(ctx, s.read(), repeats); receipt != nil || err != nil {
		return 0, receipt, err
	}
	// A message at which the gateway dies is known by it, and a note outlives that.
	err = s.note(ctx, func(t *tx) error {
		interrupted = 0
		if receipt, err = known(t.ctx, t, repeats); receipt != nil || err != nil {
			return err
		}
		for _, r := range repeats {
			n, err := t.offer(repeatKey(r), millis(in.Received))
			if err != nil {
				return fmt.Errorf("note an offer: %w", err)
			}
			interrupted = max(interrupted, n)
		}
		return nil
	})
	return interrupted, receipt, err
}

// offer notes that this process has an inbound open. Where another had it, and
// neither lives nor left in peace, that one's death may have been its fault.
func (t *tx) offer(name string, at int64) (interrupted int, err error) {
	s := t.s
	fresh, err := t.exec(`INSERT INTO offer (name, count, at, owner, owner_epoch) VALUES ($1, 0, $2, $3, $4) ON CONFLICT DO NOTHING`, name, at, s.opt.Node, s.epoch)
	if err != nil || fresh > 0 {
		return 0, err
	}
	now, err := t.clock()
	if err != nil {
		return 0, err
	}
	err = t.row(`UPDATE offer SET at = $2, owner = $3, owner_epoch = $4, count = count +
		CASE WHEN owner = '' OR owner = $3 AND owner_epoch = $4
		  OR EXISTS (SELECT 1 FROM node n WHERE n.name = offer.owner AND (n.parted = offer.owner_epoch OR n.epoch = offer.owner_epoch AND n.beat > $5))
		THEN 0 ELSE 1 END WHERE name = $1 RETURNING count`, name, at, s.opt.Node, s.epoch, now-deadAfter.Milliseconds()).Scan(&interrupted)
	return interrupted, err
}

// Blame implements gateway.Store.
func (s *Store) Blame(ctx context.Context, in *gateway.Inbound, cause error) (blamed bool, err error) {
	if fromOutside(cause) {
		return false, nil
	}
	err = s.write(ctx, func(t *tx) error {
		for _, r := range sortedRepeats(in) {
			if err := t.put(`UPDATE offer SET count = count + 1, owner = '' WHERE name = $1`, repeatKey(r)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("count an interrupted offer: %w", err)
	}
	return true, nil
}

// fromOutside reports whether what went wrong says nothing about the bytes that
// were to be recorded: somebody gave up waiting, or the database is away, full or
// busy. Data that it won't take is the bytes' own fault.
func fromOutside(err error) bool {
	var refused *pgconn.PgError
	var failed *lite.Error
	var line net.Error
	switch {
	case errors.As(err, &refused):
		class := refused.Code[:min(2, len(refused.Code))]
		return class != "22" && class != "23" && class != "54" // PostgreSQL appendix A: data exception, integrity, limits
	case errors.As(err, &failed):
		code := failed.Code() & 0xff // without the extended code
		return code != codes.SQLITE_CONSTRAINT && code != codes.SQLITE_TOOBIG && code != codes.SQLITE_MISMATCH
	case errors.As(err, &line), pgconn.SafeToRetry(err):
		return true
	}
	for _, known := range []error{context.Canceled, context.DeadlineExceeded, gateway.ErrFenced, errClosed, errReading,
		io.EOF, io.ErrUnexpectedEOF, driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
