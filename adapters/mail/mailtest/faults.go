package mailtest

import (
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Fault is something that can go wrong.
type Fault int

// The faults. Each strikes as often as it was injected.
const (
	SilentIMAP   Fault = iota + 1 // a connection greets and says nothing more
	SlowIMAP                      // a connection answers 50 ms late, each time
	DeadIdle                      // a connection says nothing more once it idles
	CutLiteral                    // a mail is cut in the middle, and the connection with it
	HugeLiteral                   // a mail is announced with a tebibyte
	LieAboutSize                  // a mail's size is told as one byte
	Vanish                        // a mail disappears between search and fetch
	RefuseCopy                    // COPY and MOVE fail, the mailbox is full
	SilentSMTP                    // DATA is taken and never answered
	LoseMail                      // the connection breaks after DATA, the mail isn't kept
	LoseReply                     // the mail is kept and the connection breaks before 250
	EndBetween                    // the connection ends after a mail's 250
)

// faults counts what is still to strike.
type faults struct {
	mu      sync.Mutex // guards both
	left    map[Fault]int
	refused map[string]*smtp.SMTPError
}

// Inject lets a fault strike the next times; 0 lifts it.
func (s *Server) Inject(f Fault, times int) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.left[f] = times
}

// Left is how often a fault is still to strike.
func (s *Server) Left(f Fault) int {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	return s.faults.left[f]
}

// Refuse answers a recipient with this code (4xx, 5xx) until it is called with
// the code 0. The recipient "*" is everyone's DATA.
func (s *Server) Refuse(recipient string, code int, enhanced [3]int, text string) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	recipient = strings.ToLower(recipient)
	if code == 0 {
		delete(s.faults.refused, recipient)
		return
	}
	s.faults.refused[recipient] = &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode(enhanced), Message: text}
}

// Renumber gives a mailbox another UIDVALIDITY and its messages other UIDs, as
// after a restored backup, and ends the IMAP connections.
func (s *Server) Renumber(address, name string) error {
	a := s.account(address)
	a.mu.Lock()
	defer a.mu.Unlock()
	m, err := a.find(name, "")
	if err != nil {
		return err
	}
	for _, msg := range m.list {
		if err := a.dropMessage(m, msg); err != nil {
			return err
		}
	}
	old := m.list
	m.validity, m.next, m.list = a.nextValidity(), 1, nil
	for _, msg := range old {
		moved := &message{uid: m.next, raw: msg.raw, at: msg.at, flags: msg.flags}
		m.next++
		if err := a.keepMessage(m, moved); err != nil {
			return err
		}
		m.list = append(m.list, moved)
	}
	for other := range m.sessions {
		other.conn.NetConn().Close()
	}
	return a.keepState(m)
}

func (f *faults) take(which Fault) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left[which] <= 0 {
		return false
	}
	f.left[which]--
	return true
}

func (f *faults) refusal(recipient string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e := f.refused[strings.ToLower(recipient)]; e != nil {
		return e
	}
	return nil
}

// mute lets a connection fall silent, the one under TLS too.
func mute(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if f, ok := c.(*faultyConn); ok {
		f.mute()
	}
}

// faulty hands out connections that can fall silent or be slow.
type faulty struct {
	net.Listener
	s *Server
}

func (l *faulty) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &faultyConn{Conn: c, greetOnly: l.s.faults.take(SilentIMAP), slow: l.s.faults.take(SlowIMAP)}, nil
}

type faultyConn struct {
	net.Conn
	slow bool

	mu        sync.Mutex // guards what follows
	greetOnly bool
	silent    bool
}

func (c *faultyConn) mute() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silent = true
}

func (c *faultyConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	silent := c.silent
	c.silent = c.silent || c.greetOnly
	c.mu.Unlock()
	if silent {
		return len(b), nil
	}
	if c.slow {
		<-time.After(50 * time.Millisecond)
	}
	return c.Conn.Write(b)
}
