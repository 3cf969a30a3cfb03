package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
)

// Errors that say something about one message, not about the connection.
var (
	errGone    = errors.New("the message is gone")
	errTooLong = errors.New("the message is longer than it was said to be")
)

// box is a log-in to a mailbox, one goroutine's alone. Every command is
// bounded; after an error that errGone isn't, the connection is done for.
type box struct {
	conn   net.Conn
	client *imapclient.Client
	limits Limits

	wake     chan struct{} // takes one: the server said that something came
	validity uint32
	next     imap.UID // UIDNEXT when it was selected
	done     string   // folder of settled mail, "" where moving is not safe
	rejected string
	noIdle   bool // the server refused it, whatever it says of itself
}

// openBox connects, logs in and selects the mailbox.
func openBox(ctx context.Context, s *Server, name string, limits Limits) (*box, error) {
	conn, err := s.dial(ctx, limits.Dial)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	b := &box{conn: conn, limits: limits, wake: make(chan struct{}, 1)}
	if err := b.command(ctx, func() error { return b.greet(s) }); err != nil {
		b.close()
		return nil, fmt.Errorf("greet: %w", err)
	}
	if err := b.command(ctx, func() error { return b.login(s) }); err != nil {
		b.close()
		return nil, err
	}
	err = b.command(ctx, func() error {
		data, err := b.client.Select(name, nil).Wait()
		if err == nil {
			b.validity, b.next = data.UIDValidity, data.UIDNext
		}
		return err
	})
	if err != nil {
		b.close()
		return nil, fmt.Errorf("select %s: %w", name, err)
	}
	return b, nil
}

func (b *box) greet(s *Server) error {
	opt := &imapclient.Options{TLSConfig: s.tlsConfig(), UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages != nil { // in the reader's goroutine: never block
				select {
				case b.wake <- struct{}{}:
				default:
				}
			}
		}}}
	if s.security == startTLS {
		var err error
		b.client, err = imapclient.NewStartTLS(b.conn, opt)
		return err
	}
	b.client = imapclient.New(b.conn, opt)
	return b.client.WaitGreeting()
}

func (b *box) login(s *Server) error {
	password, err := s.password()
	if err != nil {
		return err
	}
	if b.client.Caps().Has(imap.AuthCap("PLAIN")) {
		err = b.client.Authenticate(sasl.NewPlainClient("", s.User, password))
	} else {
		err = b.client.Login(s.User, password).Wait()
	}
	var refused *imap.Error
	if errors.As(err, &refused) {
		return fmt.Errorf("the server refuses the log-in (%s): check the user name and the password file", refused.Text)
	}
	return err
}

// command bounds a command without a literal.
func (b *box) command(ctx context.Context, f func() error) error {
	return guard(ctx, b.conn, b.limits.Command, f)
}

// close ends the connection, the socket first: closing the client waits for a
// reader that may wait for us.
func (b *box) close() {
	b.conn.Close()
	if b.client != nil {
		_ = b.client.Close() // it says again what ended the connection
	}
}

// folders makes the folders that settled mail is moved to. Without MOVE and
// UIDPLUS a mail can't leave safely: an EXPUNGE would take others along.
func (b *box) folders(ctx context.Context) error {
	return b.command(ctx, func() error {
		caps := b.client.Caps()
		if !caps.Has(imap.CapMove) && !caps.Has(imap.CapUIDPlus) {
			return nil
		}
		prefix := ""
		if caps.Has(imap.CapNamespace) {
			ns, err := b.client.Namespace().Wait()
			if err != nil {
				return fmt.Errorf("namespace: %w", err)
			}
			if len(ns.Personal) > 0 {
				prefix = ns.Personal[0].Prefix
			}
		}
		for _, name := range []string{prefix + "Done", prefix + "Quarantine"} {
			err := b.client.Create(name, nil).Wait()
			var no *imap.Error
			if err != nil && !errors.As(err, &no) { // "it exists" has no code of its own everywhere
				return fmt.Errorf("create %s: %w", name, err)
			}
		}
		b.done, b.rejected = prefix+"Done", prefix+"Quarantine"
		return nil
	})
}

// search returns the UIDs from first on. The server's answer to "n:*" holds the
// last message even where its UID is lower.
func (b *box) search(ctx context.Context, criteria *imap.SearchCriteria) (imap.UIDSet, error) {
	var set imap.UIDSet
	err := b.command(ctx, func() error {
		data, err := b.client.UIDSearch(criteria, nil).Wait()
		if err != nil {
			return fmt.Errorf("search: %w", err)
		}
		set, _ = data.All.(imap.UIDSet)
		return nil
	})
	return set, err
}

func from(first imap.UID) *imap.SearchCriteria {
	return &imap.SearchCriteria{UID: []imap.UIDSet{{imap.UIDRange{Start: first}}}} // 0 is "*"
}

// facts is what is known of a message before it is fetched.
type facts struct {
	size int64
	at   time.Time
}

// facts asks for size and date of messages. What is missing in the answer has
// vanished; of one that the server can't show they are nil. Where it refuses many
// at once, it is asked for fewer: one damaged mail must not hide the others.
func (b *box) facts(ctx context.Context, uids []imap.UID) (map[imap.UID]*facts, error) {
	known, err := b.factsOf(ctx, uids)
	var refused *imap.Error
	switch {
	case !errors.As(err, &refused):
		return known, err
	case len(uids) == 1:
		return map[imap.UID]*facts{uids[0]: nil}, nil
	}
	known, err = b.facts(ctx, uids[:len(uids)/2])
	if err != nil {
		return nil, err
	}
	rest, err := b.facts(ctx, uids[len(uids)/2:])
	maps.Copy(known, rest)
	return known, err
}

// factsOf asks for all of them at once.
func (b *box) factsOf(ctx context.Context, uids []imap.UID) (map[imap.UID]*facts, error) {
	known := make(map[imap.UID]*facts, len(uids))
	err := b.command(ctx, func() error {
		cmd := b.client.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, InternalDate: true, RFC822Size: true})
		defer cmd.Close()
		for m := cmd.Next(); m != nil; m = cmd.Next() {
			var uid imap.UID
			f := &facts{size: -1}
			for item := m.Next(); item != nil; item = m.Next() {
				switch item := item.(type) {
				case imapclient.FetchItemDataUID:
					uid = item.UID
				case imapclient.FetchItemDataInternalDate:
					f.at = item.Time
				case imapclient.FetchItemDataRFC822Size:
					f.size = item.Size
				}
			}
			if uid != 0 && f.size >= 0 {
				known[uid] = f
			}
		}
		return cmd.Close()
	})
	if err != nil {
		return nil, fmt.Errorf("fetch sizes: %w", err)
	}
	return known, nil
}

// senders asks for the From fields of messages, of each the first senderMost
// bytes: what is left out in the answer is unknown.
func (b *box) senders(ctx context.Context, uids []imap.UID) (map[imap.UID][]byte, error) {
	found := make(map[imap.UID][]byte, len(uids))
	section := &imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader, HeaderFields: []string{"From"}, Peek: true,
		Partial: &imap.SectionPartial{Size: senderMost}}
	err := b.command(ctx, func() error {
		cmd := b.client.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}})
		defer cmd.Close()
		for m := cmd.Next(); m != nil; m = cmd.Next() {
			var uid imap.UID
			var header []byte
			for item := m.Next(); item != nil; item = m.Next() {
				switch item := item.(type) {
				case imapclient.FetchItemDataUID:
					uid = item.UID
				case imapclient.FetchItemDataBodySection:
					if item.Literal != nil {
						header, _ = io.ReadAll(io.LimitReader(item.Literal, senderMost)) // the rest is drained; cut short: Close says it
					}
				}
			}
			found[uid] = header
		}
		return cmd.Close()
	})
	if err != nil {
		return nil, fmt.Errorf("fetch senders: %w", err)
	}
	return found, nil
}

// body fetches a message, or the first most bytes of its header alone. A literal
// longer than most is not drained: it would fill the memory or never end;
// errTooLong then, and the connection is done for.
func (b *box) body(ctx context.Context, uid imap.UID, part imap.PartSpecifier, most int64) ([]byte, error) {
	var raw []byte
	found := false
	section := &imap.FetchItemBodySection{Specifier: part, Peek: true}
	if part == imap.PartSpecifierHeader {
		section.Partial = &imap.SectionPartial{Size: most}
	}
	err := guard(ctx, b.conn, b.limits.Transfer, func() error {
		cmd := b.client.Fetch(imap.UIDSetNum(uid), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}})
		for m := cmd.Next(); m != nil; m = cmd.Next() {
			of, content, err := message(m, most)
			if err != nil {
				b.conn.Close() // before cmd.Close, which drains
			}
			if errors.Is(err, errTooLong) {
				_ = cmd.Close()
			}
			if err != nil { // a literal that failed once must not be touched again: the library reads on beside us
				return err
			}
			if of == uid && content != nil {
				raw, found = content, true
			}
		}
		return cmd.Close()
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("fetch message %d: %w", uid, err)
	case !found:
		return nil, errGone
	}
	return raw, nil
}

func message(m *imapclient.FetchMessageData, most int64) (uid imap.UID, content []byte, err error) {
	for item := m.Next(); item != nil; item = m.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			uid = item.UID
		case imapclient.FetchItemDataBodySection:
			if item.Literal == nil {
				continue
			}
			if item.Literal.Size() > most {
				return 0, nil, errTooLong
			}
			content = make([]byte, item.Literal.Size())
			if _, err := io.ReadFull(item.Literal, content); err != nil {
				return 0, nil, fmt.Errorf("cut short: %w", err)
			}
		}
	}
	return uid, content, nil
}

// move takes settled messages out of the mailbox. Where the server has no MOVE,
// the original is deleted only after the copy was confirmed, and expunged by
// its UID alone.
func (b *box) move(ctx context.Context, uids imap.UIDSet, folder string) error {
	return b.command(ctx, func() error {
		if b.client.Caps().Has(imap.CapMove) {
			_, err := b.client.Move(uids, folder).Wait()
			return err
		}
		if _, err := b.client.Copy(uids, folder).Wait(); err != nil {
			return fmt.Errorf("copy: %w", err)
		}
		deleted := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
		if err := b.client.Store(uids, deleted, nil).Close(); err != nil {
			return fmt.Errorf("mark as deleted: %w", err)
		}
		return b.client.UIDExpunge(uids).Close()
	})
}

// idle waits until something came, the time is over or ctx ends. IDLE is a hint:
// a connection that died looks idle.
func (b *box) idle(ctx context.Context, until <-chan time.Time) error {
	if b.noIdle || !b.client.Caps().Has(imap.CapIdle) {
		b.await(ctx, until)
		return ctx.Err()
	}
	var cmd *imapclient.IdleCommand
	err := b.command(ctx, func() (err error) {
		cmd, err = b.client.Idle()
		return err
	})
	var refused *imap.Error
	if errors.As(err, &refused) { // no reason to log in anew, again and again
		b.noIdle = true
		return b.idle(ctx, until)
	}
	if err != nil {
		return fmt.Errorf("idle: %w", err)
	}
	b.await(ctx, until)
	return b.command(ctx, func() error {
		if err := cmd.Close(); err != nil {
			return fmt.Errorf("end idle: %w", err)
		}
		return cmd.Wait()
	})
}

func (b *box) await(ctx context.Context, until <-chan time.Time) {
	select {
	case <-b.wake:
	case <-until:
	case <-ctx.Done():
	case <-b.client.Closed():
	}
}

// checkIMAP logs in to the mailbox.
func (a *Adapter) checkIMAP(ctx context.Context) error {
	b, err := openBox(ctx, a.opt.IMAP, a.opt.Mailbox, a.opt.Limits)
	if err != nil {
		return err
	}
	b.close()
	return nil
}
