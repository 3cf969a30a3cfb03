package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"liaison/adapters/websocket"
	"liaison/crypto/openpgp"
	"liaison/gateway/operation"
)

// Options is what an agent needs.
type Options struct {
	Dir         string // holds in, out, ask and state
	URL         string // wss://channel.gateway.example/v1/channel
	Operation   operation.Code
	Participant operation.ParticipantCode
	Prefix      string                 // of references: country and authority, "LV-VID"
	Keys        []*openpgp.SecretKey   // the first signs and proves, all open
	Gateways    []*openpgp.Certificate // pinned: compared with the operation book; several while the gateway changes its key
	Roster      *Roster                // the participants' certificates; nil: none, originators rest on the gateway's word
	Language    string                 // of what the agent writes itself; default "en"
	Program     string                 // name and version, for test replies

	Exec        []string      // run for each received form, its folder as last argument; none: nothing
	ExecTimeout time.Duration // default 1 min
	Scan        time.Duration // how often out is looked at; default 1 s

	TLS         *tls.Config
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	Backoff     websocket.Backoff
	Aside       time.Duration // how long it stands aside once replaced, doubled each time up to 6 h; default 5 min
	Log         *slog.Logger
	Clock       func() time.Time
}

// Fault is an Options with which no agent can work.
type Fault struct{ text string }

func (f *Fault) Error() string { return f.text }

func (o Options) withDefaults() (Options, error) {
	switch {
	case len(o.Keys) == 0 || len(o.Gateways) == 0:
		return o, &Fault{"agent: its own secret key and the gateway's certificate are needed"}
	case o.Operation == "" || o.Participant == "" || o.Dir == "":
		return o, &Fault{"agent: operation, participant and folder are needed"}
	case o.Prefix == "" || strings.ContainsAny(o.Prefix, "/\\ "):
		return o, &Fault{`agent: prefix is the country and authority of references, such as "LV-VID"`}
	}
	if o.Language == "" {
		o.Language = "en"
	}
	if o.Program == "" {
		o.Program = "liaison agent"
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	for _, d := range []struct {
		of  *time.Duration
		def time.Duration
	}{{&o.ExecTimeout, time.Minute}, {&o.Scan, time.Second}, {&o.Aside, 5 * time.Minute}} {
		if *d.of <= 0 {
			*d.of = d.def
		}
	}
	if err := o.Keys[0].Certificate().Valid(openpgp.Signing, o.Clock()); err != nil {
		return o, &Fault{fmt.Sprintf("this agent's key can't sign on %s: %v; if the date is right, make a new key (liaison key generate) and have its fingerprint confirmed by the coordination unit", o.Clock().Format(time.DateOnly), err)}
	}
	return o, nil
}

// warnOfKey says what will soon be wrong with the agent's own key, or is.
func (o Options) warnOfKey() {
	now, cert := o.Clock(), o.Keys[0].Certificate()
	if err := cert.Valid(openpgp.Encryption, now); err != nil {
		o.Log.Error("nothing can be received: no form can be encrypted to this agent's key; make a new one and have it confirmed", "cause", err)
	}
	if end, forever := cert.ValidUntil(openpgp.Signing, now); !forever && end.Sub(now) < 30*24*time.Hour {
		o.Log.Warn("this agent's key ends soon; renew it and send the certificate to the coordination unit", "until", end.Format(time.DateOnly))
	}
}

// agent is one folder with one connection.
type agent struct {
	opt   Options
	state *state
	lock  *folderLock

	mu     sync.Mutex // guards what follows
	client *websocket.Client

	landed chan struct{} // something waits for Exec
	up     chan struct{} // there is a new connection
	step   func(string) error
}

// Run serves the folder until ctx ends. ErrInUse: another agent serves it.
func Run(ctx context.Context, opt Options) error {
	a, err := open(opt)
	if err != nil {
		return err
	}
	defer a.close()
	a.opt.warnOfKey()
	return a.run(ctx)
}

// open prepares the folder and takes its lock.
func open(opt Options) (*agent, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	for _, d := range []string{"in/refused", "out/sent", "out/failed", "ask", "state/jobs", "state/todo", "state/answered", "state/superseded", "state/sent"} {
		if err := os.MkdirAll(filepath.Join(opt.Dir, d), 0o700); err != nil {
			return nil, fmt.Errorf("prepare folder: %w", err)
		}
	}
	lock, err := lockFolder(filepath.Join(opt.Dir, "state"))
	if err != nil {
		return nil, err
	}
	s, err := readState(filepath.Join(opt.Dir, "state"))
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	a := &agent{opt: opt, state: s, lock: lock, landed: make(chan struct{}, 1), up: make(chan struct{}, 1), step: func(string) error { return nil }}
	if err := a.sweep(); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare folder: %w", err), lock.release())
	}
	return a, nil
}

func (a *agent) close() {
	if err := a.lock.release(); err != nil {
		a.opt.Log.Warn("the folder's lock can't be given back", "error", err)
	}
}

func (a *agent) path(elements ...string) string {
	return filepath.Join(append([]string{a.opt.Dir}, elements...)...)
}

func (a *agent) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var work sync.WaitGroup
	work.Go(func() { a.dispatch(ctx) })
	work.Go(func() { a.execute(ctx) })
	err := a.connect(ctx)
	cancel()
	work.Wait()
	return err
}

// asideMost is how long an agent stands aside at most.
const asideMost = 6 * time.Hour

// connect keeps a connection until ctx ends. Once another system of the same
// participant took the session over, it stands aside for a growing while: two
// that take it from one another in turn would serve nobody.
func (a *agent) connect(ctx context.Context) error {
	aside := a.opt.Aside
	for {
		began := time.Now()
		err := websocket.Run(ctx, a.channel(), a.opt.Backoff, a.connected, a.disconnected)
		if !errors.Is(err, websocket.ErrReplaced) {
			return err
		}
		if time.Since(began) > 2*aside {
			aside = a.opt.Aside
		}
		pause := aside + rand.N(aside/4+1)
		a.opt.Log.Error(a.explain(err), "again_in", pause.Round(time.Second))
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		aside = min(2*aside, asideMost)
	}
}

// channel is how the agent uses the channel.
func (a *agent) channel() websocket.ClientOptions {
	return websocket.ClientOptions{
		URL: a.opt.URL, Operation: a.opt.Operation, Participant: a.opt.Participant, Key: a.opt.Keys[0], Gateways: a.opt.Gateways,
		After: a.state.Position, Handle: a.take, Opened: a.opened, TLS: a.opt.TLS, DialContext: a.opt.DialContext, Log: a.opt.Log, Clock: a.opt.Clock,
	}
}

// skewMost is how far this machine's clock may be from the gateway's before
// somebody is told.
const skewMost = 2 * time.Minute

// opened sets the position back where the gateway knows less than we do: it was
// restored from a backup. Deliveries that come again are known by their id.
func (a *agent) opened(s websocket.Opened) error {
	if skew := a.opt.Clock().Sub(s.Clock).Round(time.Second); !s.Clock.IsZero() && skew.Abs() > skewMost {
		a.opt.Log.Warn("this machine's clock and the gateway's differ; set it right, or signatures may not count", "ahead_by", skew)
	}
	if at := a.state.Position(); s.Last < at {
		a.opt.Log.Error("the gateway was restored from a backup: what it sent since then may be unknown to it; tell the coordination unit", "position", at, "last", s.Last)
		return a.state.setPosition(s.Last)
	}
	return nil
}

// connected hands a new connection to whoever waits to submit.
func (a *agent) connected(c *websocket.Client) {
	a.mu.Lock()
	a.client = c
	a.mu.Unlock()
	a.opt.Log.Info("connected to the gateway", "session", c.Session().Session)
	select {
	case a.up <- struct{}{}:
	default:
	}
}

func (a *agent) disconnected(cause error, again time.Duration) {
	a.opt.Log.Warn(a.explain(cause), "again_in", again.Round(time.Millisecond))
}

// connection returns the live connection, nil where there is none.
func (a *agent) connection() *websocket.Client {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.client == nil || a.client.Err() != nil {
		return nil
	}
	return a.client
}

// gateway is the certificate to seal to: that of the session, else the newest
// that can be encrypted to.
func (a *agent) gateway() (*openpgp.Certificate, error) {
	if c := a.connection(); c != nil {
		return c.Session().Gateway, nil
	}
	var last error
	for _, cert := range a.opt.Gateways {
		if last = cert.Valid(openpgp.Encryption, a.opt.Clock()); last == nil {
			return cert, nil
		}
	}
	return nil, fmt.Errorf("the gateway's certificate can't be encrypted to: %w; get its renewed one and compare the fingerprint with your operation book", last)
}
