package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"liaison/adapters/mail/mailtest"
	"liaison/gateway"
	"liaison/gateway/operation"
)

const (
	unit   = "ocu@gateway.example"
	peerLV = "jco@vid.example"
	secret = "an invented password"
)

// memory is a place for positions.
type memory struct {
	mu     sync.Mutex // guards what follows
	at     map[string]position
	leases map[string]bool // taken by somebody else
	held   map[string]bool
	writes int
	broken error
}

type position struct {
	validity, uid uint32
	setUp         time.Time
}

func newMemory() *memory {
	return &memory{at: make(map[string]position), leases: make(map[string]bool), held: make(map[string]bool)}
}

func (m *memory) MailPosition(_ context.Context, account, mailbox string) (uint32, uint32, time.Time, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.at[account+"/"+mailbox]
	return p.validity, p.uid, p.setUp, ok, m.broken
}

func (m *memory) SetMailPosition(_ context.Context, account, mailbox string, validity, uid uint32, setUp time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if setUp.IsZero() {
		setUp = m.at[account+"/"+mailbox].setUp
	}
	m.at[account+"/"+mailbox] = position{validity, uid, setUp}
	m.writes++
	return m.broken
}

func (m *memory) Lease(_ context.Context, name string, _ time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leases[name] {
		return false, nil
	}
	m.held[name] = true
	return true, nil
}

func (m *memory) Unlease(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.held, name)
	return nil
}

func (m *memory) get() position {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.at {
		return p
	}
	return position{}
}

// flow is the gateway's side of offers: it knows repeats as the store does.
type flow struct {
	mu       sync.Mutex // guards what follows
	offers   []*gateway.Inbound
	accepted []*gateway.Inbound // without repeats
	known    map[gateway.Repeat]bool
	verdict  func(*gateway.Inbound) (gateway.Verdict, error)
	hold     func(context.Context) // an offer waits for it
	changed  chan struct{}
}

func newFlow() *flow {
	return &flow{known: make(map[gateway.Repeat]bool), changed: make(chan struct{})}
}

func (f *flow) offer(ctx context.Context, in *gateway.Inbound) (*gateway.Receipt, error) {
	f.mu.Lock()
	hold := f.hold
	f.mu.Unlock()
	if hold != nil {
		hold(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { close(f.changed); f.changed = make(chan struct{}) }()
	f.offers = append(f.offers, in)
	repeated := false
	for _, r := range in.Repeats {
		repeated = repeated || f.known[r]
	}
	verdict := gateway.Accepted
	if f.verdict != nil && !repeated {
		var err error
		if verdict, err = f.verdict(in); err != nil {
			return nil, err
		}
	}
	for _, r := range in.Repeats {
		f.known[r] = true
	}
	if !repeated {
		f.accepted = append(f.accepted, in)
	}
	return &gateway.Receipt{Inbound: fmt.Sprint(len(f.offers)), Verdict: verdict, Repeated: repeated}, nil
}

func (f *flow) judge(v func(*gateway.Inbound) (gateway.Verdict, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.verdict = v
}

func (f *flow) before(hold func(context.Context)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hold = hold
}

func (f *flow) counts() (offers, accepted int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.offers), len(f.accepted)
}

func (f *flow) list() []*gateway.Inbound {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*gateway.Inbound(nil), f.accepted...)
}

// wait waits until n different mails were accepted.
func (f *flow) wait(t testing.TB, n int) {
	t.Helper()
	f.until(t, fmt.Sprintf("%d mails accepted", n), func() bool { return len(f.accepted) >= n })
}

// until waits for a condition, asked under the lock.
func (f *flow) until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		f.mu.Lock()
		ok, changed := holds(), f.changed
		f.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-limit:
			offers, accepted := f.counts()
			t.Fatalf("%s: not after 10s (%d offers, %d accepted)", what, offers, accepted)
		}
	}
}

// lab is an adapter with a mail server and a gateway's side.
type lab struct {
	t         testing.TB
	server    *mailtest.Server
	flow      *flow
	positions *memory
	opt       Options
	adapter   *Adapter
	stop      func()
}

var quick = Limits{Command: 2 * time.Second, Poll: 100 * time.Millisecond, Backoff: 10 * time.Millisecond, Lease: 300 * time.Millisecond, Transfer: 5 * time.Second}

func newServer(t testing.TB, opt mailtest.Options) *mailtest.Server {
	t.Helper()
	s, err := mailtest.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for _, account := range []string{unit, peerLV} {
		if err := s.Add(account, secret); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func newLab(t testing.TB, opt mailtest.Options) *lab {
	t.Helper()
	l := &lab{t: t, server: newServer(t, opt), flow: newFlow(), positions: newMemory(), stop: func() {}}
	l.opt = Options{Address: unit, Positions: l.positions, Limits: quick}
	if testing.Verbose() {
		l.opt.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	l.opt.IMAP = l.parse("imap", l.server.IMAPAddr)
	l.opt.SMTP = l.parse("smtp", l.server.SMTPAddr)
	return l
}

func (l *lab) parse(kind, address string) *Server {
	scheme := kind + "+insecure"
	if l.server.TLS != nil {
		scheme = kind + "s"
	}
	s, err := ParseServer(scheme+"://"+address, unit, func() ([]byte, error) { return []byte(secret), nil })
	if err != nil {
		l.t.Fatal(err)
	}
	s.TLS = l.server.TLS
	return s
}

func (l *lab) make() *Adapter {
	l.t.Helper()
	if l.adapter == nil {
		a, err := New(l.opt)
		if err != nil {
			l.t.Fatal(err)
		}
		l.adapter = a
	}
	return l.adapter
}

// start runs the receiving side and waits until the mailbox's position is set.
func (l *lab) start() {
	l.t.Helper()
	a := l.make()
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		if err := a.Receive(ctx, l.flow.offer); !errors.Is(err, context.Canceled) {
			l.t.Errorf("Receive = %v; want canceled", err)
		}
	}()
	l.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-over:
		case <-time.After(10 * time.Second):
			l.t.Error("Receive didn't end with its context")
		}
	})
	l.t.Cleanup(l.stop)
	if l.opt.IMAP != nil {
		eventually(l.t, "the mailbox has a position", func() bool { return l.positions.get().validity != 0 })
	}
}

// restart runs a new adapter with the same positions, as a new process.
func (l *lab) restart() {
	l.stop()
	l.adapter = nil
	l.start()
}

func (l *lab) deliver(id string) []byte {
	l.t.Helper()
	raw := message5322(id)
	if err := l.server.Deliver(peerLV, unit, raw); err != nil {
		l.t.Fatal(err)
	}
	return raw
}

func (l *lab) held(name string, n int) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := l.server.WaitFor(ctx, unit, name, n); err != nil {
		l.t.Fatal(err)
	}
}

func message5322(id string) []byte {
	return []byte("From: Anna Example <" + peerLV + ">\r\nTo: " + unit + "\r\nMessage-ID: <" + id + "@vid.example>\r\nSubject: invented\r\n\r\nBody of " + id + ".\r\n")
}

func large(id string, size int) []byte {
	line := bytes.Repeat([]byte("invented "), 8)
	raw := message5322(id)
	for len(raw) < size {
		raw = append(append(raw, line...), '\r', '\n')
	}
	return raw
}

func outbound() *gateway.Outbound {
	return &gateway.Outbound{Delivery: gateway.NewDeliveryID(), Operation: "OP-7K3", Participant: "LV", Number: 123, Reference: "LV-VID-2026-000001",
		Channel: operation.Channel{Kind: operation.PGPMail, Address: peerLV}, Message: []byte("sealed, as far as mail knows")}
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	limit := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: still not after 10s", what)
		}
	}
}

// blackHole is a server that takes connections and says nothing.
func blackHole(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		var held []net.Conn // one that nobody holds is closed by the collector
		for {
			conn, err := l.Accept()
			if err != nil {
				for _, c := range held {
					c.Close()
				}
				return
			}
			held = append(held, conn)
		}
	}()
	return l.Addr().String()
}

// freeAddress is a loopback address that was free just now.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
