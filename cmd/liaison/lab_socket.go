package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	gorilla "github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"

	"liaison/adapters/websocket"
	"liaison/crypto/openpgp"
	"liaison/gateway/operation"
)

// connect starts the systems of the participants that have one.
func (l *lab) connect(group *errgroup.Group) error {
	for _, e := range l.exams {
		if e.Kind != operation.WebSocket {
			continue
		}
		o := l.officers[address(e.Code)]
		switch o.Connection {
		case "none":
		case "old-nonce":
			group.Go(func() error { l.oldNonce(e.Code, o.Key); return nil })
		case "other-key":
			group.Go(func() error { return l.system(o, o.Stranger) })
		default:
			group.Go(func() error { return l.system(o, nil) })
		}
	}
	return nil
}

// system is a participant's system that stays connected; with a stranger it proves
// itself by a key that isn't its own.
func (l *lab) system(o *labOfficer, stranger *openpgp.Certificate) error {
	key := o.Key
	if stranger != nil {
		key = l.strangerKey()
	}
	var last atomic.Int64
	var now atomic.Pointer[line]
	up := func(c *websocket.Client) {
		at := now.Load()
		at.client = c
		close(at.up)
	}
	opt := websocket.ClientOptions{URL: l.channelURL(), Operation: l.op.Code, Participant: o.code, Key: key, Gateways: []*openpgp.Certificate{o.Gateway}, Log: slog.New(slog.DiscardHandler),
		After:  last.Load,
		Opened: func(websocket.Opened) error { now.Store(&line{up: make(chan struct{})}); return nil },
		Handle: func(ctx context.Context, d websocket.Delivery) error {
			if o.Connection == "half-open" {
				<-ctx.Done()
				return ctx.Err()
			}
			last.Store(d.Seq)
			if at := now.Load(); d.Message != nil {
				l.queue(func() { l.systemAnswers(ctx, o, at, d.Message) })
			}
			return nil
		}}
	err := websocket.Run(l.ctx, opt, websocket.Backoff{First: 300 * time.Millisecond, Most: 2 * time.Second}, up, nil)
	if l.ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// line is one connection: its first frame may come before its client is known.
type line struct {
	up     chan struct{} // closed when client is set
	client *websocket.Client
}

func (l *lab) systemAnswers(ctx context.Context, o *labOfficer, at *line, message []byte) {
	o.Lock()
	out := o.ReceiveSealed(message, l.clock.Now())
	o.Unlock()
	l.leave(o, out)
	for _, s := range out {
		if s.Over != "websocket" {
			continue
		}
		l.schedule(s.After, func() {
			ctx, stop := context.WithTimeout(ctx, demoTimeout)
			defer stop()
			select {
			case <-at.up:
				_, _ = at.client.Submit(ctx, uuid.NewString(), s.Raw) // what is refused is refused
			case <-ctx.Done():
			}
		})
	}
}

func (l *lab) channelURL() string { return "ws://" + l.s.config.WebSocket.Listen + websocket.Path }

// strangerKey is a key that nobody registered.
func (l *lab) strangerKey() *openpgp.SecretKey {
	k, err := openpgp.Generate(openpgp.KeyOptions{Name: "stranger", Address: "stranger@private.example", Created: time.Now().Add(-time.Hour)})
	if err != nil {
		return nil
	}
	return k
}

// oldNonce dials again and again with a proof over the nonce of the connection
// before.
func (l *lab) oldNonce(code operation.ParticipantCode, key *openpgp.SecretKey) {
	var before struct{ Nonce, Fingerprint string }
	for l.ctx.Err() == nil {
		conn, _, err := (&gorilla.Dialer{Subprotocols: []string{"jco-form.v1"}, HandshakeTimeout: 5 * time.Second}).DialContext(l.ctx, l.channelURL(), nil)
		if err == nil {
			_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			now := before
			if err := conn.ReadJSON(&now); err == nil && before.Nonce != "" {
				_ = conn.WriteJSON(staleHello(code, key, before.Nonce, before.Fingerprint))
				var answer json.RawMessage
				_ = conn.ReadJSON(&answer) // an error frame, and the end
			}
			before = now
			conn.Close()
		}
		select {
		case <-time.After(time.Second):
		case <-l.ctx.Done():
		}
	}
}

func staleHello(code operation.ParticipantCode, key *openpgp.SecretKey, nonce, fingerprint string) map[string]any {
	mine := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("n", 32)))
	lines := strings.Join([]string{"jco-form.v1 client", "127.0.0.1", fingerprint, nonce, mine, labOperation, string(code), "0"}, "\n")
	proof, _ := openpgp.SignDetached([]byte(lines), key, time.Now()) // a bad proof is what is wanted
	return map[string]any{"type": "hello", "operation": labOperation, "participant": code, "after": 0, "client_nonce": mine, "proof": base64.StdEncoding.EncodeToString(proof)}
}
