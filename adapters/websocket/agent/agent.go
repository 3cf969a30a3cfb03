// Package agent is a participant's everyday end of the WebSocket channel:
// received forms land in one folder, forms dropped into another are signed,
// sealed and submitted.
//
//	in/<reference>/     form.json, form.txt, form.json.asc, relay.json, attachments/
//	in/status.jsonl     what became of forms of ours
//	in/refused/         what could not be proven to come from the gateway
//	out/                drop .json, .txt or a folder with a form and attachments
//	out/sent/           what the gateway took, with its verified answer beside
//	out/failed/         what it refused, or what is no form, with the reason beside
//	state/              position, counter, jobs; keep it with the folders
//
// It guarantees that a form is acknowledged only when it lies synced on disk and
// its gateway's signature, operation and recipients were checked; that a repeat
// after a crash is known by its delivery and dropped; that a submit keeps its
// identifier and its bytes from before the first try, so that no crash makes two
// forms of one.
//
// A frame that can't be verified is never acknowledged: the gateway is told, and
// sends it again, made anew; what comes after it waits. The package decides
// nothing about what a form says. Read Run, then land.go and dispatch.go.
package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
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
	Dir         string // holds in, out and state
	URL         string // wss://channel.gateway.example/v1/channel
	Operation   operation.Code
	Participant operation.ParticipantCode
	Prefix      string               // of references: country and authority, "LV-VID"
	Keys        []*openpgp.SecretKey // the first signs and proves, all open
	Gateway     *openpgp.Certificate // pinned: compared with the operation book
	Language    string               // of the text beside form.json; default "en"

	Exec        []string      // run for each received form, its folder as last argument; none: nothing
	ExecTimeout time.Duration // default 1 min
	Scan        time.Duration // how often out is looked at; default 1 s

	TLS         *tls.Config
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	Backoff     websocket.Backoff
	Log         *slog.Logger
	Clock       func() time.Time
}

func (o Options) withDefaults() (Options, error) {
	if len(o.Keys) == 0 || o.Gateway == nil {
		return o, errors.New("agent: its own secret key and the gateway's certificate are needed")
	}
	if o.Operation == "" || o.Participant == "" || o.Dir == "" {
		return o, errors.New("agent: operation, participant and folder are needed")
	}
	if o.Prefix == "" || strings.ContainsAny(o.Prefix, "/\\ ") {
		return o, errors.New(`agent: prefix is the country and authority of references, such as "LV-VID"`)
	}
	if o.Language == "" {
		o.Language = "en"
	}
	if o.ExecTimeout <= 0 {
		o.ExecTimeout = time.Minute
	}
	if o.Scan <= 0 {
		o.Scan = time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return o, nil
}

// agent is one folder with one connection.
type agent struct {
	opt   Options
	state *state

	mu     sync.Mutex // guards what follows
	client *websocket.Client
	up     chan struct{} // closed when client is set

	landed chan struct{} // something waits for Exec
	step   func(string) error
}

// Run serves the folder until ctx ends. It returns websocket.ErrReplaced when
// another agent of the same participant took over.
func Run(ctx context.Context, opt Options) error {
	a, err := open(opt)
	if err != nil {
		return err
	}
	return a.run(ctx)
}

func open(opt Options) (*agent, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	for _, d := range []string{"in", "in/refused", "out", "out/sent", "out/failed", "state", "state/jobs", "state/todo"} {
		if err := os.MkdirAll(filepath.Join(opt.Dir, d), 0o700); err != nil {
			return nil, fmt.Errorf("prepare folder: %w", err)
		}
	}
	s, err := readState(filepath.Join(opt.Dir, "state"))
	if err != nil {
		return nil, err
	}
	return &agent{opt: opt, state: s, up: make(chan struct{}), landed: make(chan struct{}, 1), step: func(string) error { return nil }}, nil
}

func (a *agent) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var work sync.WaitGroup
	work.Go(func() { a.dispatch(ctx) })
	work.Go(func() { a.execute(ctx) })
	err := websocket.Run(ctx, a.channel(), a.opt.Backoff, a.connected, nil)
	cancel()
	work.Wait()
	return err
}

// channel is how the agent uses the channel.
func (a *agent) channel() websocket.ClientOptions {
	return websocket.ClientOptions{
		URL: a.opt.URL, Operation: a.opt.Operation, Participant: a.opt.Participant, Key: a.opt.Keys[0], Gateways: []*openpgp.Certificate{a.opt.Gateway},
		After: a.state.Position, Handle: a.take, Opened: a.opened, TLS: a.opt.TLS, DialContext: a.opt.DialContext, Log: a.opt.Log, Clock: a.opt.Clock,
	}
}

// opened sets the position back where the gateway knows less than we do: it was
// restored from a backup. Deliveries that come again are known by their id.
func (a *agent) opened(s websocket.Opened) error {
	if at := a.state.Position(); s.Last < at {
		a.opt.Log.Error("the gateway was restored from a backup: what it sent since then may be unknown to it; tell the coordination unit", "position", at, "last", s.Last)
		return a.state.setPosition(s.Last)
	}
	return nil
}

// connected hands a new connection to whoever waits to submit.
func (a *agent) connected(c *websocket.Client) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.client = c
	close(a.up)
	a.up = make(chan struct{})
	a.opt.Log.Info("connected to the gateway", "session", c.Session().Session)
}

// connection waits for a live connection.
func (a *agent) connection(ctx context.Context) (*websocket.Client, error) {
	for {
		a.mu.Lock()
		c, up := a.client, a.up
		a.mu.Unlock()
		if c != nil && c.Err() == nil {
			return c, nil
		}
		select {
		case <-up:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
