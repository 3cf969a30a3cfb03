package mailtest

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-smtp"
	"golang.org/x/net/netutil"
)

// Options say what the server is. The zero Options are a server in memory on
// free loopback ports, in the clear.
type Options struct {
	Dir        string // keeps mail over restarts; "" keeps it in memory
	IMAPListen string // default "127.0.0.1:0"
	SMTPListen string // default "127.0.0.1:0"
	Security   Security
	Extensions Extensions

	// AuthServID adds Authentication-Results with this id to what comes in:
	// dmarc=pass where the sender logged in as the From address's account,
	// dmarc=none else; the same id in what came is stripped. "" adds none.
	AuthServID string
	MaxSize    int64 // bytes of one mail, default 25 MiB
	Clock      func() time.Time
	Log        *log.Logger // what the servers complain about; default nowhere
}

// Security is how the ports are protected.
type Security int

// The securities. TLS uses a certificate of its own, which Server.TLS trusts.
const (
	Clear Security = iota
	TLS
	StartTLS
)

// Extensions says what the server leaves out.
type Extensions struct {
	NoMove    bool // no IMAP MOVE (RFC 6851)
	NoUIDPlus bool // no IMAP UIDPLUS (RFC 4315)
	NoDSN     bool // no SMTP delivery reports (RFC 3461)
}

// Limits of the server.
const (
	mostConnections = 128
	mostRecipients  = 100
	loginPenalty    = 200 * time.Millisecond
)

// Server is a running mail server. It is safe for concurrent use.
type Server struct {
	IMAPAddr, SMTPAddr string      // host:port
	TLS                *tls.Config // for clients, where Security asks for it; else nil

	opt    Options
	imap   *imapserver.Server
	smtp   *smtp.Server
	ports  []net.Listener
	faults faults

	mu       sync.Mutex // guards what follows
	accounts map[string]*account
	forward  map[string]string // LMTP address by account
	sent     []Transaction
}

// Transaction is a mail as it was submitted, with its envelope.
type Transaction struct {
	User       string // who logged in, "" for nobody
	From       string
	To         []string
	EnvelopeID string
	Return     string
	Notify     []string
	Raw        []byte
}

// New starts a server. Close ends it.
func New(opt Options) (*Server, error) {
	if opt.IMAPListen == "" {
		opt.IMAPListen = "127.0.0.1:0"
	}
	if opt.SMTPListen == "" {
		opt.SMTPListen = "127.0.0.1:0"
	}
	if opt.MaxSize == 0 {
		opt.MaxSize = 25 << 20
	}
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	if opt.Log == nil {
		opt.Log = log.New(io.Discard, "", 0)
	}
	s := &Server{opt: opt, accounts: make(map[string]*account), forward: make(map[string]string)}
	s.faults.left = make(map[Fault]int)
	s.faults.refused = make(map[string]*smtp.SMTPError)
	var own *tls.Config
	if opt.Security != Clear {
		var err error
		if own, s.TLS, err = certificate(opt.Clock()); err != nil {
			return nil, err
		}
	}
	if err := s.load(); err != nil {
		return nil, err
	}
	if err := s.listen(own); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Server) listen(own *tls.Config) error {
	onIMAP, err := net.Listen("tcp", s.opt.IMAPListen)
	if err != nil {
		return fmt.Errorf("listen for IMAP: %w", err)
	}
	onSMTP, err := net.Listen("tcp", s.opt.SMTPListen)
	if err != nil {
		onIMAP.Close()
		return fmt.Errorf("listen for SMTP: %w", err)
	}
	s.ports = []net.Listener{onIMAP, onSMTP}
	s.IMAPAddr, s.SMTPAddr = onIMAP.Addr().String(), onSMTP.Addr().String()
	starttls := own
	if s.opt.Security == TLS {
		starttls = nil
	}
	s.imap = imapserver.New(&imapserver.Options{NewSession: s.newSession, Caps: s.capabilities(), Logger: s.opt.Log,
		TLSConfig: starttls, InsecureAuth: s.opt.Security == Clear})
	s.smtp = s.newSMTP(starttls)
	onIMAP = &faulty{netutil.LimitListener(onIMAP, mostConnections), s}
	onSMTP = netutil.LimitListener(onSMTP, mostConnections)
	if s.opt.Security == TLS {
		onIMAP, onSMTP = tls.NewListener(onIMAP, own), tls.NewListener(onSMTP, own)
	}
	go func() { _ = s.imap.Serve(onIMAP) }() // it ends with Close
	go func() { _ = s.smtp.Serve(onSMTP) }()
	return nil
}

func (s *Server) capabilities() imap.CapSet {
	caps := imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapNamespace: {}}
	if !s.opt.Extensions.NoMove {
		caps[imap.CapMove] = struct{}{}
	}
	if !s.opt.Extensions.NoUIDPlus {
		caps[imap.CapUIDPlus] = struct{}{}
	}
	return caps
}

// Close ends all connections. The ports are closed here: the libraries know them
// only once they serve.
func (s *Server) Close() error {
	for _, p := range s.ports {
		p.Close()
	}
	_, _ = s.imap.Close(), s.smtp.Close() // what they say is that the ports are closed
	return nil
}

// Add makes an account with its INBOX, or sets another password. The account
// is its mail address; "name+anything@domain" reaches it too.
func (s *Server) Add(address, password string) error {
	address = strings.ToLower(address)
	if _, domain, ok := strings.Cut(address, "@"); !ok || domain == "" || strings.ContainsAny(address, "/\\+ ") {
		return fmt.Errorf("%q is no account: write it as name@domain", address)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.accounts[address]; a != nil {
		a.setPassword(password)
		return nil
	}
	a := newAccount(address, password, s.dir(address), s.opt.Clock)
	if err := a.create(inbox); err != nil {
		return err
	}
	s.accounts[address] = a
	return nil
}

func (s *Server) dir(address string) string {
	if s.opt.Dir == "" {
		return ""
	}
	return filepath.Join(s.opt.Dir, address)
}

// load takes up the accounts that the folder holds; nobody can log in to one
// before Add has set its password.
func (s *Server) load() error {
	if s.opt.Dir == "" {
		return nil
	}
	entries, err := os.ReadDir(s.opt.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read accounts: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.Contains(e.Name(), "@") {
			continue
		}
		a := newAccount(e.Name(), "", s.dir(e.Name()), s.opt.Clock)
		if err := a.load(); err != nil {
			return fmt.Errorf("read account %s: %w", e.Name(), err)
		}
		if a.boxes[inbox] == nil {
			if err := a.create(inbox); err != nil {
				return err
			}
		}
		s.accounts[e.Name()] = a
	}
	return nil
}

// Forward hands mail for an account on over LMTP instead of keeping it. "" keeps
// it again.
func (s *Server) Forward(account, lmtp string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forward[strings.ToLower(account)] = lmtp
}

// account finds the account of an address, tags left out.
func (s *Server) account(address string) *account {
	local, domain, _ := strings.Cut(strings.ToLower(address), "@")
	local, _, _ = strings.Cut(local, "+")
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accounts[local+"@"+domain]
}

// login returns the account where the password is right. A wrong one costs time.
func (s *Server) login(user, password string) *account {
	a := s.account(user)
	if a != nil && a.address == strings.ToLower(user) {
		want := a.secret()
		if want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(password)) == 1 {
			return a
		}
	}
	<-time.After(loginPenalty)
	return nil
}

// Messages returns what lies in a mailbox, in its order; nil where there is no
// such mailbox.
func (s *Server) Messages(address, name string) [][]byte {
	a := s.account(address)
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.boxes[name]
	if m == nil {
		return nil
	}
	var list [][]byte
	for _, msg := range m.list {
		list = append(list, msg.raw)
	}
	return list
}

// Deliver puts a mail into an account's INBOX as it is, with the time of now,
// as if it had come from outside.
func (s *Server) Deliver(sender, to string, raw []byte) error {
	return s.DeliverAt(sender, to, raw, s.opt.Clock())
}

// DeliverAt is Deliver with another time of arrival.
func (s *Server) DeliverAt(sender, to string, raw []byte, at time.Time) error {
	a := s.account(to)
	if a == nil {
		return fmt.Errorf("deliver from %s: there is no account %s", sender, to)
	}
	return a.add(inbox, raw, nil, at)
}

// Submitted returns the mails that were submitted over SMTP since the start, in
// their order.
func (s *Server) Submitted() []Transaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Transaction(nil), s.sent...)
}

// Wait waits until n mails have come into an account's INBOX since it was made,
// moved ones counted, or ctx ends.
func (s *Server) Wait(ctx context.Context, address string, n int) error {
	a := s.account(address)
	if a == nil {
		return fmt.Errorf("wait for mail: there is no account %s", address)
	}
	return a.wait(ctx, func() (bool, string) {
		came := int(a.boxes[inbox].next) - 1
		return came >= n, fmt.Sprintf("%d of %d mails came for %s", came, n, address)
	})
}

// WaitFor waits until a mailbox holds n mails, or ctx ends.
func (s *Server) WaitFor(ctx context.Context, address, name string, n int) error {
	a := s.account(address)
	if a == nil {
		return fmt.Errorf("wait for mail: there is no account %s", address)
	}
	return a.wait(ctx, func() (bool, string) {
		held := 0
		if m := a.boxes[name]; m != nil {
			held = len(m.list)
		}
		return held == n, fmt.Sprintf("%d mails in %s of %s, not %d", held, name, address, n)
	})
}
