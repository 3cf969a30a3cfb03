package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"liaison/adapters/mail"
	"liaison/adapters/websocket"
	"liaison/configs"
	"liaison/crypto/keyring"
	"liaison/gateway"
	"liaison/gateway/commtest"
	"liaison/gateway/operation"
	"liaison/gateway/store"
)

type serveCmd struct {
	configFlag
}

func (serveCmd) Help() string {
	return "Runs the gateway until it is told to stop (Ctrl-C, SIGTERM).\nExample: liaison serve -c gateway.yaml"
}

func (c serveCmd) Run(a *app) error {
	s, err := c.load()
	if err != nil {
		return err
	}
	figures := newMetrics()
	s.opt.Log = slog.New(counting{slog.NewTextHandler(a.err, nil), figures})
	st, err := s.serving(a.ctx)
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	defer st.Close()
	if err := applyChanged(a, s, st, jsonFlag{}); err != nil {
		return err
	}
	n, err := newNode(a.ctx, s, st, st)
	if err != nil {
		return err
	}
	n.show(figures)
	return n.run(a)
}

// record is where the flow's commit points are; a test puts a death between
// them.
type record interface {
	gateway.Store
	gateway.Sequencer
}

// node is a running gateway: the flow, its store and its adapters.
type node struct {
	s       *setup
	store   *store.Store
	ring    *keyring.Ring
	gateway *gateway.Gateway
	socket  *websocket.Server
	mail    *mail.Adapter
	tests   *commtest.Runner
	metrics *metrics            // nil where nobody asks for them
	watch   func(gateway.Event) // hears of everything that happens
}

// show lets a node be watched by its metrics.
func (n *node) show(m *metrics) {
	n.metrics, n.watch, n.tests.Watch = m, m.watch, m.tested
	m.observe(n)
}

// newMail makes the mail channel, nil where none is set up.
func newMail(s *setup, positions mail.Positions, setUp time.Time, sender func(context.Context, []byte) string) (*mail.Adapter, error) {
	c := s.config.Mail
	if c.IMAP.URL == "" && c.SMTP.URL == "" && c.LMTP.Listen == "" {
		return nil, nil
	}
	opt := mail.Options{Address: s.config.Gateway.Address, LMTP: c.LMTP.Listen, Sender: sender, Positions: positions, SetUp: setUp, MaxSize: s.config.Limits.Message, Clock: s.opt.Clock, Log: s.opt.Log}
	for _, server := range []struct {
		config configs.Server
		into   **mail.Server
	}{{c.IMAP, &opt.IMAP}, {c.SMTP, &opt.SMTP}} {
		if server.config.URL == "" {
			continue
		}
		password := func() ([]byte, error) {
			return configs.Secret(s.config.Path(server.config.PasswordFile), "LIAISON_MAIL_PASSWORD")
		}
		parsed, err := mail.ParseServer(server.config.URL, server.config.Username, password)
		if err != nil {
			return nil, wrong{err}
		}
		if parsed.TLS, err = trusting(s.config.Path(server.config.CAFile)); err != nil {
			return nil, err
		}
		parsed.TLS = noting(parsed.TLS, s.tlsSeen)
		*server.into = parsed
	}
	adapter, err := mail.New(opt)
	if err != nil {
		return nil, wrong{err}
	}
	return adapter, nil
}

// newNode wires a gateway on a store, whose commit points are rec's.
func newNode(ctx context.Context, s *setup, st *store.Store, rec record) (*node, error) {
	n := &node{s: s, store: st, ring: ring(st), watch: func(gateway.Event) {}}
	code := operation.ParticipantCode(s.config.Gateway.Code)
	var err error
	opt := gateway.Options{Code: code, Address: s.config.Gateway.Address, Keys: s.keys, Store: rec, Clock: st, Reads: st, Ring: n.ring, Tests: st, Now: s.opt.Clock,
		AuthServ: s.config.Mail.AuthservID, Log: s.opt.Log, Phone: s.config.Gateway.Phone, Watch: func(e gateway.Event) { n.watch(e) },
		Limits: gateway.Limits{Message: s.config.Limits.Message}}
	setUp, _, err := st.SetUp(ctx) // zero before anything was applied: then it is the first start
	if err != nil {
		return nil, err
	}
	sender := func(ctx context.Context, from []byte) string { return n.gateway.Claimed(ctx, from) }
	if n.mail, err = newMail(s, st, setUp, sender); err != nil {
		return nil, err
	}
	if n.mail != nil {
		opt.Mail = n.mail
	}
	if s.config.WebSocket.Listen != "" {
		n.socket = websocket.NewServer(websocket.Options{Hosts: s.config.WebSocket.Hosts, GatewayCode: code, Key: s.keys[0], Keys: socketKeys{n.ring, st}, Sequencer: rec,
			Render: func(ctx context.Context, id gateway.DeliveryID) (*gateway.Outbound, error) {
				return n.gateway.Render(ctx, id)
			},
			Answer: func(ctx context.Context, r *gateway.Receipt, ses gateway.Session) ([]byte, error) {
				return n.gateway.SealAnswer(ctx, r, ses)
			}, Unproven: func(ctx context.Context, op operation.Code, p operation.ParticipantCode) {
				n.tests.Unproven(ctx, op, p)
			}, Log: s.opt.Log})
		opt.Socket = n.socket
	}
	n.tests = newTests(s, st)
	n.gateway, err = gateway.New(opt)
	return n, err
}

// run serves until ctx ends, then hands over what is under way: within ten seconds,
// whatever hangs, the store's own leave included.
func (n *node) run(a *app) error {
	group, ctx := errgroup.WithContext(a.ctx)
	group.Go(func() error { return n.store.Run(ctx) })
	group.Go(func() error { setGarbage(ctx); return nil })
	group.Go(func() error { return n.gateway.Run(ctx, n.store.Wake()) })
	group.Go(func() error { return n.tests.Run(ctx) })
	if n.socket != nil {
		if err := n.serveSocket(ctx, group, a); err != nil {
			return err
		}
	}
	if n.metrics != nil && n.s.config.Metrics.Listen != "" {
		if err := n.serveMetrics(ctx, group, a); err != nil {
			return err
		}
	}
	if n.mail != nil {
		group.Go(func() error { return n.mail.Receive(ctx, n.gateway.Accept) })
	}
	a.print("liaison serves as %s. Stop it with Ctrl-C.", n.s.config.Gateway.Code)
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	a.print("liaison stopped; what was under way is recorded.")
	return nil
}

// openingMost is how many connections may be there beside those of the channel: they
// say hello, or are told to come later.
const openingMost = 1024

// serveSocket listens for the WebSocket channel.
func (n *node) serveSocket(ctx context.Context, group *errgroup.Group, a *app) error {
	w := n.s.config.WebSocket
	listener, err := net.Listen("tcp", w.Listen)
	if err != nil {
		return fmt.Errorf("listen for the WebSocket channel: %w", err)
	}
	listener = netutil.LimitListener(listener, n.socket.Connections()+openingMost)
	scheme := "ws"
	if w.TLSCertFile != "" {
		pair, err := newRenewal(n.s.config.Path(w.TLSCertFile), n.s.config.Path(w.TLSKeyFile), n.s.opt.Log)
		if err != nil {
			return wrongf("websocket certificate: %w", err)
		}
		listener, scheme = tls.NewListener(listener, &tls.Config{GetCertificate: pair.current, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}), "wss"
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+websocket.Path, n.socket)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10, // until the channel takes over
		ErrorLog: slog.NewLogLogger(n.s.opt.Log.Handler(), slog.LevelDebug)}
	server.SetKeepAlivesEnabled(false) // there is nothing here but the channel
	a.print("WebSocket channel: %s://%s%s", scheme, listener.Addr(), websocket.Path)
	group.Go(func() error { return n.socket.Receive(ctx, n.gateway.Accept) })
	group.Go(func() error {
		select { // who comes before waits, and isn't sent away
		case <-n.socket.Ready():
		case <-ctx.Done():
			return listener.Close()
		}
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		return server.Shutdown(stop)
	})
	return nil
}
