package mail

import (
	"context"
	"errors"
	"time"

	"github.com/emersion/go-imap/v2"

	"liaison/gateway"
)

// maxBackoff is how long a mailbox that came back may wait to be read.
const maxBackoff = time.Minute

// reader is the one reader of a mailbox. It outlives connections, so that a
// message that breaks them doesn't hold back the others.
type reader struct {
	a       *Adapter
	offer   Offer
	account string
	lease   string

	validity uint32
	position imap.UID // the lowest unsettled UID
	setUp    time.Time
	fresh    imap.UID          // from here on mail came after the set-up, whatever its date
	settled  map[imap.UID]bool // above the position
	failed   map[imap.UID]int  // tries so far: they wait until retryAt
	retryAt  time.Time
	long     map[imap.UID]bool   // longer than they were said to be: their header alone
	leaving  map[imap.UID]string // settled, and to which folder
	queue    *queue
	seen     imap.UID // up to here everything is settled, failed, or in the queue
	reach    int      // messages that join it at most until the next turn
	unread   bool     // there may be more behind it
	read     int      // messages that were settled
}

// readMailbox reads until ctx ends, a connection after the other, while this
// node holds the mailbox's lease. It waits the longer the more connections in a row
// were good for nothing; the record, on which all depends, is asked again soon.
func (a *Adapter) readMailbox(ctx context.Context, offer Offer) {
	r := &reader{a: a, offer: offer, account: a.opt.IMAP.account()}
	r.lease = "imap:" + r.account + "/" + a.opt.Mailbox
	wait := a.opt.Limits.Backoff
	for ctx.Err() == nil {
		worked, err := r.underLease(ctx)
		if ctx.Err() != nil {
			return
		}
		if worked || gateway.KindOf(err) == gateway.Transient {
			wait = a.opt.Limits.Backoff
		}
		if err != nil {
			a.opt.Log.Warn("mail waits in its mailbox, which can't be read now", "account", r.account, "again", wait, "err", err)
		}
		pause(ctx, wait)
		wait = min(2*wait, maxBackoff)
	}
}

// underLease reads over one connection as long as the lease is ours. worked
// says that something was read, or that all was.
func (r *reader) underLease(ctx context.Context) (worked bool, err error) {
	ttl := r.a.opt.Limits.Lease
	held, err := r.takeLease(ctx)
	if err != nil {
		err = gateway.Errorf(gateway.Transient, "", "ask for the lease: %w", err)
	}
	if err != nil || !held { // another node reads: look again when its lease may be over
		pause(ctx, ttl/3)
		return err == nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.keepLease(ctx, cancel)
	}()
	defer func() {
		cancel(nil)
		<-ended
		free, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer stop()
		if err := r.a.opt.Positions.Unlease(free, r.lease); err != nil {
			r.a.opt.Log.Warn("give the mailbox's lease back", "lease", r.lease, "err", err)
		}
	}()
	worked, err = r.connection(ctx)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return worked, err
}

// takeLease takes or prolongs the lease; asking lasts no longer than it would.
func (r *reader) takeLease(ctx context.Context) (held bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.a.opt.Limits.Lease)
	defer cancel()
	return r.a.opt.Positions.Lease(ctx, r.lease, r.a.opt.Limits.Lease)
}

// keepLease prolongs the lease at a third of its time, and ends the reading
// where it can't.
func (r *reader) keepLease(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(r.a.opt.Limits.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		held, err := r.takeLease(ctx)
		if err != nil || !held {
			if err == nil {
				err = errors.New("another node reads the mailbox now")
			}
			cancel(gateway.Errorf(gateway.Transient, "", "prolong the lease: %w", err))
			return
		}
	}
}

// connection logs in and reads until something breaks.
func (r *reader) connection(ctx context.Context) (worked bool, err error) {
	b, err := openBox(ctx, r.a.opt.IMAP, r.a.opt.Mailbox, r.a.opt.Limits)
	if err != nil {
		return false, err
	}
	defer b.close()
	if err := b.folders(ctx); err != nil {
		return false, err
	}
	if err := r.locate(ctx, b); err != nil {
		return false, err
	}
	poll := time.NewTicker(r.a.opt.Limits.Poll)
	defer poll.Stop()
	r.a.reads.Store(true)
	defer r.a.reads.Store(false)
	before := r.read
	for {
		if err := r.readAll(ctx, b); err != nil {
			return worked || r.read > before, err
		}
		worked = true
		if err := b.idle(ctx, poll.C); err != nil {
			return worked, err
		}
	}
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
