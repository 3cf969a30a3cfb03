package mailtest

import (
	"bufio"
	"bytes"
	"net/mail"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-message/textproto"
)

// Fetch looks messages up under the lock and writes them without it: a slow
// client is its own trouble.
func (s *session) Fetch(w *imapserver.FetchWriter, set imap.NumSet, opt *imap.FetchOptions) error {
	wantsBody := len(opt.BodySection) > 0
	if wantsBody && s.server.faults.take(Vanish) {
		s.vanish(set)
	}
	s.account.mu.Lock()
	list := s.pick(set)
	seen := slices.ContainsFunc(opt.BodySection, func(b *imap.FetchItemBodySection) bool { return !b.Peek })
	if seen {
		for i, msg := range list {
			msg.message.flags = known(append(slices.Clone(msg.flags), imap.FlagSeen))
			list[i].flags = msg.message.flags
			s.box.tracker.QueueMessageFlags(s.numberOf(msg.message), msg.uid, msg.message.flags, s.view)
		}
	}
	s.account.mu.Unlock()
	for _, msg := range list {
		if err := s.write(w.CreateMessage(msg.number), msg, opt, seen); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) write(w *imapserver.FetchResponseWriter, msg snapshot, opt *imap.FetchOptions, seen bool) error {
	w.WriteUID(msg.uid)
	if opt.Flags || seen {
		w.WriteFlags(msg.flags)
	}
	if opt.InternalDate {
		w.WriteInternalDate(msg.at)
	}
	if opt.RFC822Size {
		size := int64(len(msg.raw))
		if s.server.faults.take(LieAboutSize) {
			size = 1
		}
		w.WriteRFC822Size(size)
	}
	if opt.Envelope {
		if h, err := textproto.ReadHeader(bufio.NewReader(bytes.NewReader(msg.raw))); err == nil {
			w.WriteEnvelope(imapserver.ExtractEnvelope(h))
		}
	}
	if opt.BodyStructure != nil {
		w.WriteBodyStructure(imapserver.ExtractBodyStructure(bytes.NewReader(msg.raw)))
	}
	for _, section := range opt.BodySection {
		if err := s.section(w, msg, section); err != nil {
			return err
		}
	}
	return w.Close()
}

func (s *session) section(w *imapserver.FetchResponseWriter, msg snapshot, section *imap.FetchItemBodySection) error {
	content := imapserver.ExtractBodySection(bytes.NewReader(msg.raw), section)
	if section.Specifier == imap.PartSpecifierNone && len(section.Part) == 0 && section.Partial == nil {
		content = msg.raw // byte for byte, whatever it is
	}
	size := int64(len(content))
	cut := s.server.faults.take(CutLiteral)
	if s.server.faults.take(HugeLiteral) {
		size, cut = 1<<40, true
	}
	wc := w.WriteBodySection(section, size)
	if cut {
		_, err := wc.Write(content[:len(content)/2])
		s.conn.NetConn().Close()
		return err
	}
	if _, err := wc.Write(content); err != nil {
		return err
	}
	return wc.Close()
}

// vanish takes messages away as another client would.
func (s *session) vanish(set imap.NumSet) {
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	gone := make(map[*message]bool)
	for _, msg := range s.pick(set) {
		gone[msg.message] = true
	}
	_, _ = s.account.remove(s.box, func(m *message) bool { return gone[m] }) // a fault may fail
}

// numberOf is called under the lock.
func (s *session) numberOf(msg *message) uint32 { return uint32(slices.Index(s.box.list, msg) + 1) }

func (s *session) Store(w *imapserver.FetchWriter, set imap.NumSet, change *imap.StoreFlags, _ *imap.StoreOptions) error {
	s.account.mu.Lock()
	list := s.pick(set)
	for i, msg := range list {
		switch change.Op {
		case imap.StoreFlagsSet:
			msg.message.flags = known(change.Flags)
		case imap.StoreFlagsAdd:
			msg.message.flags = known(append(slices.Clone(msg.flags), change.Flags...))
		case imap.StoreFlagsDel:
			drop := known(change.Flags)
			msg.message.flags = slices.DeleteFunc(slices.Clone(msg.flags), func(f imap.Flag) bool { return slices.Contains(drop, f) })
		}
		list[i].flags = msg.message.flags
		s.box.tracker.QueueMessageFlags(s.numberOf(msg.message), msg.uid, msg.message.flags, s.view)
	}
	err := s.account.keepState(s.box)
	s.account.tell(s.box)
	s.account.mu.Unlock()
	if err != nil || change.Silent {
		return err
	}
	for _, msg := range list {
		if err := s.write(w.CreateMessage(msg.number), msg, &imap.FetchOptions{Flags: true}, false); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) Expunge(_ *imapserver.ExpungeWriter, uids *imap.UIDSet) error {
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	_, err := s.account.remove(s.box, func(m *message) bool {
		return m.has(imap.FlagDeleted) && (uids == nil || uids.Contains(m.uid))
	})
	return err // the numbers go out with the next poll
}

func (s *session) Copy(set imap.NumSet, name string) (*imap.CopyData, error) {
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	data, _, err := s.copy(set, name)
	return data, err
}

// copy is called under the lock.
func (s *session) copy(set imap.NumSet, name string) (*imap.CopyData, []snapshot, error) {
	if s.server.faults.take(RefuseCopy) {
		return nil, nil, refuse(imap.ResponseCodeOverQuota, "the mailbox is full")
	}
	to, err := s.account.find(name, imap.ResponseCodeTryCreate)
	if err != nil {
		return nil, nil, err
	}
	data := &imap.CopyData{UIDValidity: to.validity}
	list := s.pick(set)
	for _, msg := range list {
		made, err := s.account.insert(to, msg.raw, msg.flags, msg.at)
		if err != nil {
			return nil, nil, err
		}
		data.SourceUIDs.AddNum(msg.uid)
		data.DestUIDs.AddNum(made.uid)
	}
	return data, list, nil
}

func (s *session) Move(w *imapserver.MoveWriter, set imap.NumSet, name string) error {
	s.account.mu.Lock()
	if canonical(name) == s.box.name {
		s.account.mu.Unlock()
		return refuse(imap.ResponseCodeCannot, "it is there already")
	}
	data, list, err := s.copy(set, name)
	if err == nil {
		moved := make(map[*message]bool)
		for _, msg := range list {
			moved[msg.message] = true
		}
		_, err = s.account.remove(s.box, func(m *message) bool { return moved[m] })
	}
	s.account.mu.Unlock()
	if err != nil || len(list) == 0 {
		return err
	}
	return w.WriteCopyData(data) // the numbers go out with the next poll
}

func (s *session) Search(kind imapserver.NumKind, criteria *imap.SearchCriteria, _ *imap.SearchOptions) (*imap.SearchData, error) {
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	data := &imap.SearchData{}
	var numbers imap.SeqSet
	var uids imap.UIDSet
	for i, msg := range s.box.list {
		number := s.view.EncodeSeqNum(uint32(i + 1))
		if number == 0 || !s.matches(msg, number, criteria) {
			continue
		}
		n := number
		numbers.AddNum(number)
		uids.AddNum(msg.uid)
		if kind == imapserver.NumKindUID {
			n = uint32(msg.uid)
		}
		if data.Min == 0 {
			data.Min = n
		}
		data.Max = n
		data.Count++
	}
	if data.All = imap.NumSet(numbers); kind == imapserver.NumKindUID {
		data.All = uids
	}
	return data, nil
}

// matches is called under the lock.
func (s *session) matches(msg *message, number uint32, c *imap.SearchCriteria) bool {
	for _, set := range c.SeqNum {
		if static := s.static(set).(imap.SeqSet); !static.Contains(number) {
			return false
		}
	}
	for _, set := range c.UID {
		if !s.static(set).(imap.UIDSet).Contains(msg.uid) {
			return false
		}
	}
	for _, f := range c.Flag {
		if !msg.has(f) {
			return false
		}
	}
	for _, f := range c.NotFlag {
		if msg.has(f) {
			return false
		}
	}
	size := int64(len(msg.raw))
	if !c.Since.IsZero() && day(msg.at).Before(day(c.Since)) || !c.Before.IsZero() && !day(msg.at).Before(day(c.Before)) ||
		c.Larger > 0 && size <= c.Larger || c.Smaller > 0 && size >= c.Smaller {
		return false
	}
	for i := range c.Not {
		if s.matches(msg, number, &c.Not[i]) {
			return false
		}
	}
	for i := range c.Or {
		if !s.matches(msg, number, &c.Or[i][0]) && !s.matches(msg, number, &c.Or[i][1]) {
			return false
		}
	}
	return contains(msg.raw, c)
}

// contains looks for words in the raw mail; what is encoded isn't found.
func contains(raw []byte, c *imap.SearchCriteria) bool {
	lower := bytes.ToLower(raw)
	_, body, _ := bytes.Cut(lower, []byte("\r\n\r\n"))
	for _, text := range c.Text {
		if !bytes.Contains(lower, []byte(strings.ToLower(text))) {
			return false
		}
	}
	for _, text := range c.Body {
		if !bytes.Contains(body, []byte(strings.ToLower(text))) {
			return false
		}
	}
	if len(c.Header) == 0 {
		return true
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	for _, want := range c.Header {
		if err != nil || !strings.Contains(strings.ToLower(strings.Join(m.Header[mailKey(want.Key)], "\n")), strings.ToLower(want.Value)) {
			return false
		}
	}
	return true
}

func mailKey(name string) string {
	words := strings.Split(strings.ToLower(name), "-")
	for i, w := range words {
		if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "-")
}
