package mailtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

const (
	inbox     = "INBOX"
	delimiter = '/'
)

// account is one user's mail. One lock guards all mailboxes of it, so that
// copying between two can't deadlock; nothing is written to a client under it.
type account struct {
	address string
	dir     string // "" in memory
	clock   func() time.Time

	mu       sync.Mutex // guards what follows, and the mailboxes
	password string
	boxes    map[string]*mailbox
	lastMade uint32        // highest UIDVALIDITY given
	changed  chan struct{} // closed and made anew at each change
}

// mailbox is guarded by its account's lock.
type mailbox struct {
	name       string
	validity   uint32
	next       imap.UID
	list       []*message // ascending UIDs
	tracker    *imapserver.MailboxTracker
	sessions   map[*session]struct{}
	subscribed bool
}

type message struct {
	uid   imap.UID
	raw   []byte // never changed
	at    time.Time
	flags []imap.Flag // replaced, never changed in place
}

func newAccount(address, password, dir string, clock func() time.Time) *account {
	return &account{address: address, password: password, dir: dir, clock: clock, boxes: make(map[string]*mailbox), changed: make(chan struct{})}
}

func (a *account) setPassword(p string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.password = p
}

func (a *account) secret() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.password
}

// canonical is a mailbox's name; INBOX has none of its own case.
func canonical(name string) string {
	if strings.EqualFold(name, inbox) {
		return inbox
	}
	return strings.Trim(name, string(delimiter))
}

func (a *account) create(name string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	name = canonical(name)
	switch {
	case name == "" || strings.Contains(name, "..") || strings.ContainsAny(name, "\\\x00"):
		return refuse("", "this is no name for a mailbox")
	case a.boxes[name] != nil:
		return refuse(imap.ResponseCodeAlreadyExists, "the mailbox exists")
	}
	a.boxes[name] = &mailbox{name: name, validity: a.nextValidity(), next: 1, tracker: imapserver.NewMailboxTracker(0), sessions: make(map[*session]struct{})}
	return a.keepState(a.boxes[name])
}

// nextValidity never gives a number twice, not after a restart without a folder
// either.
func (a *account) nextValidity() uint32 {
	a.lastMade = max(a.lastMade+1, uint32(a.clock().Unix()))
	return a.lastMade
}

func refuse(code imap.ResponseCode, text string) error {
	return &imap.Error{Type: imap.StatusResponseTypeNo, Code: code, Text: text}
}

// find is called under the lock.
func (a *account) find(name string, code imap.ResponseCode) (*mailbox, error) {
	m := a.boxes[canonical(name)]
	if m == nil {
		return nil, refuse(code, "there is no such mailbox")
	}
	return m, nil
}

// add puts a message into a mailbox.
func (a *account) add(name string, raw []byte, flags []imap.Flag, at time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	m, err := a.find(name, imap.ResponseCodeTryCreate)
	if err != nil {
		return err
	}
	_, err = a.insert(m, raw, flags, at)
	return err
}

// insert is called under the lock. The message is on disk, where one is, before
// anybody hears of it.
func (a *account) insert(m *mailbox, raw []byte, flags []imap.Flag, at time.Time) (*message, error) {
	if at.IsZero() {
		at = a.clock()
	}
	msg := &message{uid: m.next, raw: raw, at: at.Truncate(time.Second), flags: known(flags)}
	m.next++
	if err := a.keepMessage(m, msg); err != nil {
		return nil, fmt.Errorf("keep a message: %w", err)
	}
	m.list = append(m.list, msg)
	m.tracker.QueueNumMessages(uint32(len(m.list)))
	a.tell(m)
	return msg, nil
}

// remove is called under the lock.
func (a *account) remove(m *mailbox, gone func(*message) bool) ([]uint32, error) {
	var numbers []uint32
	for i := len(m.list) - 1; i >= 0; i-- { // from the end: the numbers before stay
		msg := m.list[i]
		if !gone(msg) {
			continue
		}
		if err := a.dropMessage(m, msg); err != nil {
			return numbers, err
		}
		m.list = slices.Delete(m.list, i, i+1)
		m.tracker.QueueExpunge(uint32(i + 1))
		numbers = append(numbers, uint32(i+1))
	}
	if len(numbers) > 0 {
		a.tell(m)
	}
	return numbers, nil
}

// tell wakes whoever idles or waits; it is called under the lock.
func (a *account) tell(m *mailbox) {
	for s := range m.sessions {
		select {
		case s.news <- struct{}{}:
		default: // it is awake already
		}
	}
	close(a.changed)
	a.changed = make(chan struct{})
}

// wait waits until the condition, asked under the lock, holds.
func (a *account) wait(ctx context.Context, holds func() (bool, string)) error {
	for {
		a.mu.Lock()
		ok, state := holds()
		changed := a.changed
		a.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", state, ctx.Err())
		}
	}
}

// known drops what a client can't set and doubles.
func known(flags []imap.Flag) []imap.Flag {
	var list []imap.Flag
	for _, f := range flags {
		if f = imap.Flag(strings.ToLower(string(f))); f != `\recent` && !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	slices.Sort(list)
	return list
}

func (m *message) has(flag imap.Flag) bool {
	return slices.Contains(m.flags, imap.Flag(strings.ToLower(string(flag))))
}
