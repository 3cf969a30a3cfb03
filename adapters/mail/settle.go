package mail

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"

	"liaison/gateway"
)

const (
	chunk      = 50        // messages between two moves and positions
	headerMost = 256 << 10 // bytes of the header of a mail that is too large
)

// read offers what is unsettled in the mailbox. What failed before waits for
// its time; an error is one of the connection or of the position's store.
func (r *reader) read(ctx context.Context, b *box) error {
	began := time.Now()
	again := !began.Before(r.retryAt)
	if again { // a poll that ticks a little early still counts
		r.retryAt = began.Add(r.a.opt.Limits.Poll * 9 / 10)
	}
	select { // what wakes us from here on came after the search
	case <-b.wake:
	default:
	}
	set, err := b.search(ctx, from(r.position))
	if err != nil {
		return err
	}
	if again {
		for uid := range r.failed { // deleted by somebody meanwhile: it must not hold the position
			if !set.Contains(uid) {
				r.settle(uid)
			}
		}
	}
	for uids := range chunks(set, r.position, chunk) {
		if err := r.batch(ctx, b, uids, again); err != nil {
			return err
		}
	}
	return nil
}

// batch offers some messages one after the other, in the order in which they
// came: a correction must not overtake what it corrects.
func (r *reader) batch(ctx context.Context, b *box, uids []imap.UID, again bool) error {
	var open []imap.UID
	for _, uid := range uids {
		if _, failed := r.failed[uid]; !r.settled[uid] && (again || !failed) {
			open = append(open, uid)
		}
	}
	if len(open) > 0 {
		known, err := b.facts(ctx, open)
		if err != nil {
			return err
		}
		for _, uid := range open {
			if err := r.one(ctx, b, uid, known); err != nil {
				return err
			}
		}
	}
	if err := r.leave(ctx, b); err != nil {
		return err
	}
	return r.advance(ctx, uids[len(uids)-1])
}

// one fetches and offers a message, and notes what became of it. An error ends
// the connection.
func (r *reader) one(ctx context.Context, b *box, uid imap.UID, known map[imap.UID]facts) error {
	f, there := known[uid]
	err := errGone
	var in *gateway.Inbound
	if there {
		in, err = r.fetch(ctx, b, uid, f)
	}
	var refused *imap.Error
	switch {
	case errors.Is(err, errGone):
		return r.gone(ctx, b, uid)
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &refused): // this message alone can't be read
		r.fail(uid, err)
		return nil
	case err != nil:
		r.fail(uid, err)
		return err
	}
	receipt, err := r.hand(ctx, in)
	if ctx.Err() != nil && err != nil {
		return ctx.Err()
	}
	if err != nil {
		r.fail(uid, fmt.Errorf("offer: %w", err))
		return nil
	}
	r.settle(uid)
	r.leaving[uid] = b.folder(receipt)
	return nil
}

func (r *reader) hand(ctx context.Context, in *gateway.Inbound) (*gateway.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, r.a.opt.Limits.Offer)
	defer cancel()
	return offered(r.offer(ctx, in))
}

// offered makes sure that nothing is acknowledged without a receipt.
func offered(receipt *gateway.Receipt, err error) (*gateway.Receipt, error) {
	if err == nil && receipt == nil {
		err = errors.New("no receipt")
	}
	return receipt, err
}

// fetch makes an inbound of a message, of its header alone where it is too
// large: nothing that large is read into memory.
func (r *reader) fetch(ctx context.Context, b *box, uid imap.UID, f facts) (*gateway.Inbound, error) {
	part, most := imap.PartSpecifierNone, r.a.opt.MaxSize
	if f.size > most || r.long[uid] {
		part, most = imap.PartSpecifierHeader, headerMost
	}
	raw, err := b.body(ctx, uid, part, most)
	if errors.Is(err, errTooLong) {
		r.long[uid] = true
	}
	if err != nil {
		return nil, err
	}
	account := "imap:" + r.account + "/" + r.a.opt.Mailbox
	in := &gateway.Inbound{Medium: gateway.ByMail, Account: account, Raw: raw, Received: f.at, Backlog: f.at.Before(r.setUp) && uid < r.fresh}
	place := gateway.Repeat{Name: fmt.Sprintf("%s/%d/%d", account, r.validity, uid), Digest: sha256.Sum256(raw)}
	in.Repeats = []gateway.Repeat{place, transport(raw)}
	if part == imap.PartSpecifierHeader {
		in.Repeats = []gateway.Repeat{place, nameless(raw)} // its body, which would tell it from others, is unread
	}
	return in, nil
}

// gone settles a message that vanished after the search: somebody else took it.
// One that is there after all only wasn't told of.
func (r *reader) gone(ctx context.Context, b *box, uid imap.UID) error {
	set, err := b.search(ctx, &imap.SearchCriteria{UID: []imap.UIDSet{imap.UIDSetNum(uid)}})
	if err != nil {
		return err
	}
	if set.Contains(uid) {
		r.fail(uid, errors.New("the server doesn't show the message"))
		return nil
	}
	r.settle(uid)
	return nil
}

func (r *reader) settle(uid imap.UID) {
	r.settled[uid] = true
	delete(r.failed, uid)
	delete(r.long, uid)
}

func (r *reader) fail(uid imap.UID, err error) {
	r.failed[uid]++
	r.a.opt.Log.Error("mail stays in the mailbox and is offered again", "account", r.account, "uid", uint32(uid), "tries", r.failed[uid], "err", err)
}

// folder is where a settled message goes, "" where it stays.
func (b *box) folder(receipt *gateway.Receipt) string {
	if receipt.Verdict == gateway.Rejected {
		return b.rejected
	}
	return b.done
}

// leave moves what was settled. A server that refuses keeps the mail where it
// is: the position alone says what was read.
func (r *reader) leave(ctx context.Context, b *box) error {
	to := make(map[string]imap.UIDSet)
	for uid, folder := range r.leaving {
		set := to[folder]
		set.AddNum(uid)
		to[folder] = set
	}
	for folder, uids := range to {
		if folder == "" {
			continue
		}
		err := b.move(ctx, uids, folder)
		var refused *imap.Error
		if errors.As(err, &refused) {
			r.a.opt.Log.Warn("settled mail stays in the mailbox", "account", r.account, "folder", folder, "err", err)
		} else if err != nil {
			return fmt.Errorf("move to %s: %w", folder, err)
		}
	}
	clear(r.leaving)
	return nil
}
