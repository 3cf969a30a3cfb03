package mail

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"liaison/gateway"
)

const (
	chunk      = 50        // messages between two moves and positions
	look       = 10        // messages between two looks at what came
	headerMost = 256 << 10 // bytes of the header of a mail that is too large
	senderMost = 4 << 10   // bytes of a From field
	triesMost  = 5         // connections that may end over one message before others go first
)

// readAll offers what is unsettled in the mailbox, until nothing waits. An error is
// one of the connection or of the record.
func (r *reader) readAll(ctx context.Context, b *box) error {
	r.unread = true
	for {
		if err := r.fill(ctx, b); err != nil {
			return err
		}
		r.a.waits.Store(int64(r.queue.len()))
		if r.queue.len() == 0 && !r.unread {
			return r.advance(ctx)
		}
		if err := r.turn(ctx, b); err != nil {
			return err
		}
	}
}

// fill puts into the queue what came, a part at a time, and what failed before
// when its time has come.
func (r *reader) fill(ctx context.Context, b *box) error {
	now := time.Now()
	again := !now.Before(r.retryAt)
	if again { // a poll that ticks a little early still counts
		r.retryAt = now.Add(r.a.opt.Limits.Poll * 9 / 10)
	}
	select { // what wakes us from here on came after the search
	case <-b.wake:
		r.unread = true
	default:
	}
	if !again && (!r.unread || r.queue.len() >= ahead) {
		return nil
	}
	set, err := b.search(ctx, from(r.position))
	if err != nil {
		return err
	}
	if again {
		if err := r.again(ctx, b, set, now); err != nil {
			return err
		}
	}
	return r.scan(ctx, b, set, now)
}

// again lets what failed join the queue once more. What somebody deleted
// meanwhile must not hold the position.
func (r *reader) again(ctx context.Context, b *box, set imap.UIDSet, now time.Time) error {
	var failed []imap.UID
	for uid := range r.failed {
		if set.Contains(uid) {
			failed = append(failed, uid)
		} else {
			r.settle(uid)
		}
	}
	slices.Sort(failed)
	for uids := range slices.Chunk(failed, chunk) {
		if err := r.join(ctx, b, uids, now); err != nil {
			return err
		}
	}
	return nil
}

// scan lets what came since the last time join the queue.
func (r *reader) scan(ctx context.Context, b *box, set imap.UIDSet, now time.Time) error {
	joined := 0
	for uids := range chunks(set, r.seen+1, chunk) {
		if joined >= r.reach || r.queue.len() >= ahead {
			r.reach = min(2*r.reach, scanned)
			return nil // the rest at the next turn
		}
		fresh := slices.DeleteFunc(slices.Clone(uids), func(uid imap.UID) bool { return r.settled[uid] || r.failed[uid] > 0 })
		if err := r.join(ctx, b, fresh, now); err != nil {
			return err
		}
		joined += len(uids)
		r.seen = uids[len(uids)-1]
	}
	r.unread = false
	return nil
}

// join asks what the messages are and whose, and puts them into the queue.
func (r *reader) join(ctx context.Context, b *box, uids []imap.UID, now time.Time) error {
	if len(uids) == 0 {
		return nil
	}
	known, err := b.facts(ctx, uids)
	if err != nil {
		return err
	}
	senders, err := r.senders(ctx, b, uids)
	if err != nil {
		return err
	}
	for _, uid := range uids {
		r.queue.add(waiting{uid: uid, sender: senders[uid], known: known[uid], since: now})
	}
	return nil
}

// senders says whose turn each message waits for. A server that can't show one
// of them answers for none: they wait with the mail of unknown senders then.
func (r *reader) senders(ctx context.Context, b *box, uids []imap.UID) (map[imap.UID]string, error) {
	if r.a.opt.Sender == nil {
		return nil, nil
	}
	headers, err := b.senders(ctx, uids)
	var refused *imap.Error
	if err != nil && !errors.As(err, &refused) {
		return nil, err
	}
	whose := make(map[imap.UID]string, len(headers))
	for uid, header := range headers {
		whose[uid] = r.a.opt.Sender(ctx, header)
	}
	return whose, nil
}

// turn offers some messages one after the other, takes the settled ones out of
// the mailbox and keeps the position.
func (r *reader) turn(ctx context.Context, b *box) error {
	for n := range chunk {
		if n%look == look-1 {
			if err := r.fill(ctx, b); err != nil {
				return err
			}
		}
		w, ok := r.queue.next()
		if !ok {
			break
		}
		if err := r.one(ctx, b, w); err != nil {
			r.later(w, err)
			return err
		}
	}
	if err := r.leave(ctx, b); err != nil {
		return err
	}
	return r.advance(ctx)
}

// one fetches and offers a message, and notes what became of it. An error ends
// the connection.
func (r *reader) one(ctx context.Context, b *box, w waiting) error {
	uid, err := w.uid, errGone
	var in *gateway.Inbound
	if w.known != nil {
		in, err = r.fetch(ctx, b, uid, w.known)
	}
	var refused *imap.Error
	switch {
	case errors.Is(err, errGone):
		return r.gone(ctx, b, uid)
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &refused): // this message alone can't be read
		r.fail(uid, err)
		return nil
	case err != nil:
		return err
	}
	if w.before >= flood {
		in.Waited = time.Since(w.since)
	}
	receipt, err := r.hand(ctx, in)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return ctx.Err()
	case gateway.KindOf(err) == gateway.Transient:
		return fmt.Errorf("offer: %w", err)
	default:
		r.fail(uid, fmt.Errorf("offer: %w", err))
		return nil
	}
	r.settle(uid)
	r.leaving[uid] = b.folder(receipt)
	return nil
}

// later keeps a message over which the connection was ended. It keeps its place,
// for a correction must not overtake what it corrects, but not for ever: it may be
// what ends them.
func (r *reader) later(w waiting, err error) {
	if w.tries++; w.tries < triesMost && r.failed[w.uid] == 0 {
		r.queue.back(w)
		return
	}
	r.fail(w.uid, err)
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
func (r *reader) fetch(ctx context.Context, b *box, uid imap.UID, f *facts) (*gateway.Inbound, error) {
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
	r.read++
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
