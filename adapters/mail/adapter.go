package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"liaison/gateway"
)

// Offer hands an inbound to the flow. A receipt means: acknowledge. An error
// means: don't, and offer again.
type Offer func(ctx context.Context, in *gateway.Inbound) (*gateway.Receipt, error)

// Positions is where the adapter keeps how far it read, and who reads.
type Positions interface {
	// MailPosition returns a mailbox's UIDVALIDITY, its lowest unsettled UID and
	// when it was set up; ok false where it was never read.
	MailPosition(ctx context.Context, account, mailbox string) (uidvalidity, uid uint32, setUp time.Time, ok bool, err error)
	// SetMailPosition records a position; a zero setUp keeps the recorded one.
	SetMailPosition(ctx context.Context, account, mailbox string, uidvalidity, uid uint32, setUp time.Time) error
	// Lease takes or prolongs a named lease; held false: another node has it.
	Lease(ctx context.Context, name string, ttl time.Duration) (held bool, err error)
	// Unlease gives a lease back.
	Unlease(ctx context.Context, name string) error
}

// Options are what an adapter is made of. Any of IMAP, SMTP and LMTP may be
// missing; to receive over IMAP, Positions is needed.
type Options struct {
	Address string  // the gateway's own address, From of what it sends
	Hello   string  // name for EHLO; default the address's domain
	IMAP    *Server // mailbox to read
	SMTP    *Server // submission server to send through
	LMTP    string  // address to listen on: loopback "127.0.0.1:2424" or an absolute path of a Unix socket

	// Sender says whose mail it is, by the From field of its header: senders take
	// turns in the mailbox. All unknown ones are "". Default: all are one.
	Sender func(ctx context.Context, from []byte) string

	Mailbox   string    // default "INBOX"
	Positions Positions // with IMAP
	SetUp     time.Time // mail in the mailbox that is older is backlog; default the first start

	MaxSize int64 // bytes of one mail, default 25 MiB
	Limits  Limits
	Log     *slog.Logger
	Clock   func() time.Time
}

// Limits bound what a server may cost us. A zero field takes its default.
type Limits struct {
	Dial     time.Duration // to connect, with TLS; default 30 s
	Command  time.Duration // for one command's answer; default 60 s
	Transfer time.Duration // for one mail, either way; default 4 min
	Offer    time.Duration // for one offer; default 5 min
	Poll     time.Duration // the mailbox is asked so often, IDLE or not; default 60 s, at most 9 min
	Lease    time.Duration // of the one reader of a mailbox: when it dies, another reads after at most 4/3 of it; default 6 s
	Backoff  time.Duration // before the first reconnect, doubled up to 1 min; default 1 s

	Connections int           // to the submission server at once; default 8
	Reuse       int           // mails over one connection; default 100
	Idle        time.Duration // an unused connection to the submission server is closed; default 20 s

	Peers int // LMTP connections at once; default 16
}

func (l Limits) withDefaults() Limits {
	fill(&l.Dial, 30*time.Second)
	fill(&l.Command, time.Minute)
	fill(&l.Transfer, 4*time.Minute)
	fill(&l.Offer, 5*time.Minute)
	fill(&l.Poll, time.Minute)
	l.Poll = min(l.Poll, 9*time.Minute)
	fill(&l.Lease, 6*time.Second)
	fill(&l.Backoff, time.Second)
	fill(&l.Connections, 8)
	fill(&l.Reuse, 100)
	fill(&l.Idle, 20*time.Second)
	fill(&l.Peers, 16)
	return l
}

func fill[T int | int64 | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// Adapter is the mail channel. It is safe for concurrent use.
type Adapter struct {
	opt  Options
	pool *pool                    // nil where nothing is sent
	lmtp atomic.Pointer[listener] // Receive's

	reads atomic.Bool  // the mailbox, over a connection that works
	waits atomic.Int64 // in its queue
}

// Reads reports whether this node reads the mailbox now; of the nodes that share a
// record one does.
func (a *Adapter) Reads() bool { return a.reads.Load() }

var _ gateway.Sender = (*Adapter)(nil)

// New checks the options and makes an adapter. It doesn't connect.
func New(opt Options) (*Adapter, error) {
	if _, domain, ok := strings.Cut(opt.Address, "@"); !ok || domain == "" {
		return nil, fmt.Errorf("the gateway's address %q is no mail address: set gateway.address", opt.Address)
	} else if opt.Hello == "" {
		opt.Hello = domain
	}
	if opt.LMTP != "" && !localListen(opt.LMTP) {
		return nil, fmt.Errorf("mail.lmtp.listen: %q is reachable from outside; use a loopback address or a Unix socket", opt.LMTP)
	}
	if opt.Mailbox == "" {
		opt.Mailbox = "INBOX"
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	fill(&opt.MaxSize, 25<<20)
	opt.Limits = opt.Limits.withDefaults()
	a := &Adapter{opt: opt}
	if opt.SMTP != nil {
		a.pool = newPool(opt)
	}
	return a, nil
}

// Rooms are the connections that mails leave and come by, and the queue of those that
// are in the mailbox.
func (a *Adapter) Rooms() []gateway.Room {
	var list []gateway.Room
	if a.pool != nil {
		list = append(list, gateway.RoomOf("smtp", a.pool.slots))
	}
	if a.opt.IMAP != nil {
		list = append(list, gateway.Room{Name: "mailbox", Count: int(a.waits.Load()), Most: ahead})
	}
	if l := a.lmtp.Load(); l != nil {
		list = append(list, l.room())
	}
	return list
}

// Receive reads the mailbox and takes mail over LMTP, whichever is set up,
// until ctx ends or the listener can't be opened. A mail server that is away is
// tried again for ever.
func (a *Adapter) Receive(ctx context.Context, offer Offer) error {
	if a.opt.IMAP != nil && a.opt.Positions == nil {
		return errors.New("reading a mailbox needs a place to keep its position")
	}
	var listener *listener
	if a.opt.LMTP != "" {
		var err error
		if listener, err = listen(a.opt); err != nil {
			return err
		}
		a.lmtp.Store(listener)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	if listener != nil {
		wg.Go(func() { a.serveLMTP(ctx, listener, offer) })
	}
	if a.opt.IMAP != nil {
		wg.Go(func() { a.readMailbox(ctx, offer) })
	}
	<-ctx.Done()
	wg.Wait()
	if a.pool != nil {
		a.pool.closeIdle()
	}
	return ctx.Err()
}

// Check logs in to the mailbox and to the submission server and says what is
// wrong with either: one error a server, joined.
func (a *Adapter) Check(ctx context.Context) error {
	var errs []error
	if s := a.opt.IMAP; s != nil {
		if err := a.checkIMAP(ctx); err != nil {
			errs = append(errs, fmt.Errorf("mailbox %s at %s: %w", s.User, s.address(), err))
		}
	}
	if s := a.opt.SMTP; s != nil {
		if err := a.checkSMTP(ctx); err != nil {
			errs = append(errs, fmt.Errorf("sending as %s through %s: %w", s.User, s.address(), err))
		}
	}
	return errors.Join(errs...)
}

func localListen(address string) bool {
	if strings.HasPrefix(address, "/") {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	return err == nil && loopback(host)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
