package mail

import (
	"context"
	"iter"
	"time"

	"github.com/emersion/go-imap/v2"

	"liaison/gateway"
)

// locate says where to go on reading. After the first start and after a change
// of UIDVALIDITY that is the first message that came after the set-up: what is
// older was there before and isn't even fetched. Newer mail is offered again
// then, and known by its other names.
func (r *reader) locate(ctx context.Context, b *box) error {
	mailbox := r.a.opt.Mailbox
	validity, uid, setUp, ok, err := r.a.opt.Positions.MailPosition(ctx, r.account, mailbox)
	switch {
	case err != nil:
		return gateway.Errorf(gateway.Transient, "", "read the position: %w", err)
	case ok && validity == b.validity && r.validity == validity && imap.UID(uid) == r.position:
		return nil // no other process has read: go on with what this one knows
	case ok && validity == b.validity:
		// What came after the set-up under an older date (a server's clock that is
		// behind, a mail moved here from elsewhere) is told from what was there before
		// by the first reader alone. An old mail too many is better than a new one lost.
		r.start(b.validity, imap.UID(uid), setUp, imap.UID(uid))
		return nil
	case ok:
		r.a.opt.Log.Warn("the mailbox was numbered anew; mail since the set-up is offered again", "account", r.account, "uidvalidity", b.validity, "before", validity)
	default:
		if setUp = r.a.opt.SetUp; setUp.IsZero() {
			setUp = r.a.opt.Clock()
		}
	}
	setUp = setUp.Truncate(time.Second) // as exact as INTERNALDATE
	next, err := b.nextUID(ctx)
	if err != nil {
		return err
	}
	first, err := b.firstSince(ctx, setUp, next)
	if err != nil {
		return err
	}
	if err := r.a.opt.Positions.SetMailPosition(ctx, r.account, mailbox, b.validity, uint32(first), setUp); err != nil {
		return gateway.Errorf(gateway.Transient, "", "keep the position: %w", err)
	}
	r.start(b.validity, first, setUp, next)
	return nil
}

func (r *reader) start(validity uint32, position imap.UID, setUp time.Time, fresh imap.UID) {
	r.validity, r.position, r.setUp, r.fresh = validity, max(position, 1), setUp, fresh
	r.settled, r.failed = make(map[imap.UID]bool), make(map[imap.UID]int)
	r.long, r.leaving = make(map[imap.UID]bool), make(map[imap.UID]string)
	r.queue, r.seen, r.reach = newQueue(), r.position-1, atFirst
	r.retryAt = time.Time{}
}

// nextUID is UIDNEXT; some servers don't say it when selecting.
func (b *box) nextUID(ctx context.Context) (imap.UID, error) {
	if b.next != 0 {
		return b.next, nil
	}
	set, err := b.search(ctx, from(1))
	if err != nil {
		return 0, err
	}
	last := imap.UID(0)
	for _, r := range set {
		last = max(last, r.Start, r.Stop)
	}
	return last + 1, nil
}

// firstSince returns the lowest UID whose message came at that time or later,
// next where there is none. SEARCH knows days alone, in a zone of its choice.
func (b *box) firstSince(ctx context.Context, at time.Time, next imap.UID) (imap.UID, error) {
	set, err := b.search(ctx, &imap.SearchCriteria{Since: at.Add(-24 * time.Hour)})
	if err != nil {
		return 0, err
	}
	for uids := range chunks(set, 1, 500) {
		known, err := b.facts(ctx, uids)
		if err != nil {
			return 0, err
		}
		for _, uid := range uids {
			if f, there := known[uid]; there && (f == nil || !f.at.Before(at)) { // who knows when that came
				return uid, nil
			}
		}
	}
	return next, nil
}

// chunks yields the set's UIDs from first on, ascending as the set is, a few at
// a time: a set may stand for billions.
func chunks(set imap.UIDSet, first imap.UID, n int) iter.Seq[[]imap.UID] {
	return func(yield func([]imap.UID) bool) {
		list := make([]imap.UID, 0, n)
		for _, r := range set {
			for uid := uint64(max(r.Start, first, 1)); uid <= uint64(r.Stop); uid++ {
				if list = append(list, imap.UID(uid)); len(list) < n {
					continue
				}
				if !yield(list) {
					return
				}
				list = make([]imap.UID, 0, n)
			}
		}
		if len(list) > 0 {
			yield(list)
		}
	}
}

// advance keeps the lowest unsettled UID.
func (r *reader) advance(ctx context.Context) error {
	position := r.queue.lowest(max(r.position, r.seen+1))
	for uid := range r.failed {
		position = min(position, uid)
	}
	if position == r.position {
		return nil
	}
	if err := r.a.opt.Positions.SetMailPosition(ctx, r.account, r.a.opt.Mailbox, r.validity, uint32(position), time.Time{}); err != nil {
		return gateway.Errorf(gateway.Transient, "", "keep the position: %w", err)
	}
	for uid := range r.settled {
		if uid < position {
			delete(r.settled, uid)
		}
	}
	r.position = position
	return nil
}
