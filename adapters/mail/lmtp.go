package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"liaison/gateway"
)

// LMTP limits that nobody needs to set.
const (
	mostRecipients = 64
	peerSilence    = 5 * time.Minute // for one command, or one mail
)

// tryAgain is the answer where no decision was recorded. It says nothing of why.
var tryAgain = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Not taken now, try again later"}

// listener bounds the connections and ends them all: the library's own shutdown
// waits for peers that only hold the line.
type listener struct {
	net.Listener
	slots chan struct{}

	mu    sync.Mutex // guards open
	open  map[net.Conn]struct{}
	ended bool
}

// listen opens the address of options. A socket that a killed process left
// behind is taken over; a live one isn't, and nothing that is no socket.
func listen(opt Options) (*listener, error) {
	network := "tcp"
	if strings.HasPrefix(opt.LMTP, "/") {
		network = "unix"
		if c, err := net.Dial(network, opt.LMTP); err == nil {
			c.Close()
			return nil, fmt.Errorf("listen for LMTP: %s is in use", opt.LMTP)
		}
		if info, err := os.Lstat(opt.LMTP); err == nil && info.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("listen for LMTP: %s is there and is no socket", opt.LMTP)
		}
		if err := os.Remove(opt.LMTP); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("listen for LMTP: %w", err)
		}
	}
	l, err := net.Listen(network, opt.LMTP)
	if err != nil {
		return nil, fmt.Errorf("listen for LMTP: %w", err)
	}
	return &listener{Listener: l, slots: make(chan struct{}, opt.Limits.Peers), open: make(map[net.Conn]struct{})}, nil
}

// room is how many connections are open; a slot more is taken by who waits for the
// next one.
func (l *listener) room() gateway.Room {
	l.mu.Lock()
	defer l.mu.Unlock()
	return gateway.Room{Name: "lmtp", Count: len(l.open), Most: cap(l.slots)}
}

// Accept waits for room before it takes the next connection.
func (l *listener) Accept() (net.Conn, error) {
	l.slots <- struct{}{}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		conn.Close()
	}
	l.open[conn] = struct{}{}
	return &peer{Conn: conn, l: l}, nil
}

func (l *listener) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.Listener.Close()
	for conn := range l.open {
		conn.Close()
	}
}

// peer gives its place back when it is closed, and knows whether it has said its
// last: the library takes a chunk (BDAT) that broke off for a whole one.
type peer struct {
	net.Conn
	l      *listener
	once   sync.Once
	silent atomic.Bool // nothing more can be read
}

func (p *peer) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if err != nil {
		p.silent.Store(true)
	}
	return n, err
}

func (p *peer) Close() error {
	p.once.Do(func() {
		p.l.mu.Lock()
		delete(p.l.open, p.Conn)
		p.l.mu.Unlock()
		<-p.l.slots
	})
	return p.Conn.Close()
}

// serveLMTP takes mail from the mail server beside us until ctx ends, and
// returns after the offers under way.
func (a *Adapter) serveLMTP(ctx context.Context, l *listener, offer Offer) {
	var offers sync.WaitGroup
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &delivery{ctx: ctx, a: a, peer: c.Conn().(*peer), offer: offer, offers: &offers}, nil // as the listener made it
	}))
	s.LMTP, s.Domain = true, a.opt.Hello
	s.MaxMessageBytes, s.MaxRecipients = a.opt.MaxSize, mostRecipients
	s.MaxLineLength = int(a.opt.MaxSize) // RFC 5321 says 998; what a program wrote that doesn't know it is mail all the same
	s.ReadTimeout, s.WriteTimeout = peerSilence, time.Minute
	s.EnableSMTPUTF8 = true
	s.ErrorLog = slog.NewLogLogger(a.opt.Log.Handler(), slog.LevelDebug)
	stop := context.AfterFunc(ctx, l.end)
	defer stop()
	if err := s.Serve(l); err != nil && ctx.Err() == nil {
		a.opt.Log.Error("LMTP listener ended", "address", a.opt.LMTP, "err", err)
	}
	<-ctx.Done()
	s.Close()
	offers.Wait()
}

// delivery is one LMTP session. Every recipient counts: the mail server beside
// us decides what is ours.
type delivery struct {
	ctx    context.Context
	a      *Adapter
	peer   *peer
	offer  Offer
	offers *sync.WaitGroup

	from string
	to   []string
}

func (d *delivery) Reset()        { d.from, d.to = "", nil }
func (d *delivery) Logout() error { return nil }

func (d *delivery) Mail(from string, _ *smtp.MailOptions) error {
	d.from = from
	return nil
}

func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.to = append(d.to, to)
	return nil
}

// Data offers the mail once, whatever the number of its recipients, and answers
// 250 only with a receipt.
func (d *delivery) Data(r io.Reader) error {
	d.offers.Add(1)
	defer d.offers.Done()
	raw, err := io.ReadAll(r)
	switch {
	case errors.Is(err, smtp.ErrDataTooLarge), errors.Is(err, smtp.ErrTooLongLine): // one line as long as a mail may be
		return smtp.ErrDataTooLarge
	case err != nil:
		return tryAgain // slow, or cut short: the library would say 554, and the mail bounce
	}
	if d.peer.silent.Load() {
		return tryAgain // nobody hears it; the mail comes again, whole
	}
	in := &gateway.Inbound{Medium: gateway.ByMail, Account: "lmtp:" + d.a.opt.LMTP, Raw: raw, Received: d.a.opt.Clock(),
		Repeats: []gateway.Repeat{transport(raw)}, Envelope: gateway.Envelope{From: d.from, To: d.to, Seen: true}}
	ctx, cancel := context.WithTimeout(d.ctx, d.a.opt.Limits.Offer)
	defer cancel()
	if _, err := offered(d.offer(ctx, in)); err != nil {
		d.a.opt.Log.Error("mail is left to the mail server, which offers it again", "account", in.Account, "err", err)
		return tryAgain
	}
	return nil
}
