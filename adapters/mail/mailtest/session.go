package mailtest

import (
	"io"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// session is one IMAP connection. The library calls it from one goroutine, but
// for Idle, during which it calls nothing else.
type session struct {
	server *Server
	conn   *imapserver.Conn

	account *account // nil before the log-in
	box     *mailbox // nil where none is selected
	view    *imapserver.SessionTracker
	news    chan struct{} // takes one: something is queued for us
}

var _ imapserver.SessionIMAP4rev2 = (*session)(nil)

func (s *Server) newSession(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
	return &session{server: s, conn: c, news: make(chan struct{}, 1)}, nil, nil
}

func (s *session) Close() error { return s.Unselect() }

func (s *session) Login(user, password string) error {
	a := s.server.login(user, password)
	if a == nil {
		return imapserver.ErrAuthFailed
	}
	s.account = a
	return nil
}

func (s *session) Select(name string, _ *imap.SelectOptions) (*imap.SelectData, error) {
	if err := s.Unselect(); err != nil {
		return nil, err
	}
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	m, err := s.account.find(name, imap.ResponseCodeNonExistent)
	if err != nil {
		return nil, err
	}
	s.box, s.view = m, m.tracker.NewSession()
	m.sessions[s] = struct{}{} // from here on nothing is missed, IDLE or not
	flags := []imap.Flag{imap.FlagSeen, imap.FlagAnswered, imap.FlagFlagged, imap.FlagDeleted, imap.FlagDraft}
	data := &imap.SelectData{Flags: flags, PermanentFlags: append(flags, imap.FlagWildcard), NumMessages: uint32(len(m.list)), UIDNext: m.next, UIDValidity: m.validity}
	for i, msg := range m.list {
		if !msg.has(imap.FlagSeen) {
			data.FirstUnseenSeqNum = uint32(i + 1)
			break
		}
	}
	return data, nil
}

func (s *session) Unselect() error {
	if s.account == nil {
		return nil
	}
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	if s.box == nil {
		return nil
	}
	delete(s.box.sessions, s)
	s.view.Close()
	s.box, s.view = nil, nil
	return nil
}

func (s *session) Create(name string, _ *imap.CreateOptions) error { return s.account.create(name) }

func (s *session) Delete(name string) error {
	return refuse(imap.ResponseCodeCannot, "mailboxes stay here")
}

func (s *session) Rename(string, string, *imap.RenameOptions) error {
	return refuse(imap.ResponseCodeCannot, "mailboxes keep their names here")
}

func (s *session) Subscribe(name string) error   { return s.subscribe(name, true) }
func (s *session) Unsubscribe(name string) error { return s.subscribe(name, false) }

func (s *session) subscribe(name string, on bool) error {
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	m, err := s.account.find(name, imap.ResponseCodeNonExistent)
	if err == nil {
		m.subscribed = on
	}
	return err
}

func (s *session) Namespace() (*imap.NamespaceData, error) {
	return &imap.NamespaceData{Personal: []imap.NamespaceDescriptor{{Delim: delimiter}}}, nil
}

func (s *session) List(w *imapserver.ListWriter, ref string, patterns []string, opt *imap.ListOptions) error {
	if len(patterns) == 0 {
		return w.WriteList(&imap.ListData{Attrs: []imap.MailboxAttr{imap.MailboxAttrNoSelect}, Delim: delimiter})
	}
	for _, data := range s.matching(ref, patterns, opt) {
		if err := w.WriteList(&data); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) matching(ref string, patterns []string, opt *imap.ListOptions) []imap.ListData {
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	var list []imap.ListData
	for name, m := range s.account.boxes {
		match := false
		for _, p := range patterns {
			match = match || imapserver.MatchList(name, delimiter, ref, p)
		}
		if !match || opt.SelectSubscribed && !m.subscribed {
			continue
		}
		data := imap.ListData{Mailbox: name, Delim: delimiter}
		if m.subscribed {
			data.Attrs = append(data.Attrs, imap.MailboxAttrSubscribed)
		}
		if opt.ReturnStatus != nil {
			data.Status = m.status(opt.ReturnStatus)
		}
		list = append(list, data)
	}
	return list
}

func (s *session) Status(name string, opt *imap.StatusOptions) (*imap.StatusData, error) {
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	m, err := s.account.find(name, imap.ResponseCodeNonExistent)
	if err != nil {
		return nil, err
	}
	return m.status(opt), nil
}

// status is called under the lock.
func (m *mailbox) status(opt *imap.StatusOptions) *imap.StatusData {
	data := &imap.StatusData{Mailbox: m.name}
	var all, unseen, deleted, recent uint32
	var size int64
	for _, msg := range m.list {
		all++
		size += int64(len(msg.raw))
		if !msg.has(imap.FlagSeen) {
			unseen++
		}
		if msg.has(imap.FlagDeleted) {
			deleted++
		}
	}
	if opt.NumMessages {
		data.NumMessages = &all
	}
	if opt.UIDNext {
		data.UIDNext = m.next
	}
	if opt.UIDValidity {
		data.UIDValidity = m.validity
	}
	if opt.NumUnseen {
		data.NumUnseen = &unseen
	}
	if opt.NumDeleted {
		data.NumDeleted = &deleted
	}
	if opt.Size {
		data.Size = &size
	}
	if opt.NumRecent {
		data.NumRecent = &recent
	}
	return data
}

func (s *session) AppendLimit() uint32 { return uint32(s.server.opt.MaxSize) }

func (s *session) Append(name string, r imap.LiteralReader, opt *imap.AppendOptions) (*imap.AppendData, error) {
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	m, err := s.account.find(name, imap.ResponseCodeTryCreate)
	if err != nil {
		return nil, err
	}
	msg, err := s.account.insert(m, raw, opt.Flags, opt.Time)
	if err != nil {
		return nil, err
	}
	return &imap.AppendData{UID: msg.uid, UIDValidity: m.validity}, nil
}

func (s *session) Poll(w *imapserver.UpdateWriter, allowExpunge bool) error {
	if s.account == nil {
		return nil
	}
	s.account.mu.Lock() // Close may come while Idle still runs, where the line broke
	view := s.view
	s.account.mu.Unlock()
	if view == nil {
		return nil
	}
	return view.Poll(w, allowExpunge)
}

// Idle tells what is queued already at once, then what comes: the library's own
// waits for the next change, and would keep back the one just before.
func (s *session) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	if s.server.faults.take(DeadIdle) {
		mute(s.conn.NetConn())
		<-stop
		return nil
	}
	for {
		if err := s.Poll(w, true); err != nil {
			return err
		}
		select {
		case <-s.news:
		case <-stop:
			return nil
		}
	}
}

// snapshot is a message as it was when it was looked up.
type snapshot struct {
	number uint32 // as this session counts, 0 where it doesn't know the message yet
	*message
	flags []imap.Flag
}

// pick returns the set's messages; it is called under the lock.
func (s *session) pick(set imap.NumSet) []snapshot {
	set = s.static(set)
	var list []snapshot
	for i, msg := range s.box.list {
		number := s.view.EncodeSeqNum(uint32(i + 1))
		in := false
		switch set := set.(type) {
		case imap.SeqSet:
			in = number != 0 && set.Contains(number)
		case imap.UIDSet:
			in = set.Contains(msg.uid)
		}
		if in && number != 0 {
			list = append(list, snapshot{number, msg, msg.flags})
		}
	}
	return list
}

// static gives "*" its number.
func (s *session) static(set imap.NumSet) imap.NumSet {
	switch set := set.(type) {
	case imap.SeqSet:
		var out imap.SeqSet
		last := uint32(len(s.box.list))
		for _, r := range set {
			start, stop := star(r.Start, last), star(r.Stop, last)
			out.AddRange(min(start, stop), max(start, stop))
		}
		return out
	case imap.UIDSet:
		var out imap.UIDSet
		last := imap.UID(0)
		if n := len(s.box.list); n > 0 {
			last = s.box.list[n-1].uid
		}
		for _, r := range set {
			start, stop := star(r.Start, last), star(r.Stop, last)
			out.AddRange(min(start, stop), max(start, stop))
		}
		return out
	}
	return set
}

func star[N uint32 | imap.UID](n, last N) N {
	if n == 0 {
		return max(last, 1)
	}
	return n
}

// day compares as SEARCH does: by the date, whatever the zone (RFC 9051,
// section 6.4.4).
func day(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}
