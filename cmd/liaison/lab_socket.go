package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
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
	s := &labSystem{l: l, o: o, now: newLine()}
	opt := websocket.ClientOptions{URL: l.channelURL(), Operation: l.op.Code, Participant: o.code, Key: key, Gateways: []*openpgp.Certificate{o.Gateway}, Log: slog.New(slog.DiscardHandler),
		After: s.last.Load, Handle: s.handle}
	err := websocket.Run(l.ctx, opt, websocket.Backoff{First: 300 * time.Millisecond, Most: 2 * time.Second}, s.up, s.down)
	if l.ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// labSystem is a participant's system. It keeps an answer until the gateway has
// settled it, over whichever connection there is then.
type labSystem struct {
	l    *lab
	o    *labOfficer
	last atomic.Int64

	mu  sync.Mutex // guards now
	now line
}

// line is the connection that there is, or the next one: a first frame may come
// before its client is known.
type line struct {
	up     chan struct{} // closed when client is set
	client *websocket.Client
}

func newLine() line { return line{up: make(chan struct{})} }

func (s *labSystem) up(c *websocket.Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.client = c
	close(s.now.up)
}

// down says that the connection that there was, if any, is over.
func (s *labSystem) down(error, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.client != nil {
		s.now = newLine()
	}
}

// connected waits for a connection, and returns nil where the laboratory ends
// first.
func (s *labSystem) connected() *websocket.Client {
	s.mu.Lock()
	up := s.now.up
	s.mu.Unlock()
	select {
	case <-up:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.now.client // nil where it is down again
	case <-s.l.ctx.Done():
		return nil
	}
}

func (s *labSystem) handle(ctx context.Context, d websocket.Delivery) error {
	if s.o.Connection == "half-open" {
		<-ctx.Done()
		return ctx.Err()
	}
	s.last.Store(d.Seq)
	if d.Message != nil {
		s.l.queue(func() { s.answer(d.Message) })
	}
	return nil
}

func (s *labSystem) answer(message []byte) {
	s.o.Lock()
	out := s.o.ReceiveSealed(message, s.l.clock.Now())
	s.o.Unlock()
	s.l.leave(s.o, out)
	for _, x := range out {
		if x.Over == "websocket" {
			s.l.schedule(x.After, func() { s.submit(x.Raw) })
		}
	}
}

// submit submits until it is settled; what is refused for good is refused.
func (s *labSystem) submit(raw []byte) {
	id := uuid.NewString()
	for s.l.ctx.Err() == nil {
		c := s.connected()
		if c == nil {
			continue
		}
		ctx, stop := context.WithTimeout(s.l.ctx, demoTimeout)
		_, err := c.Submit(ctx, id, raw)
		stop()
		var remote *websocket.RemoteError
		if err == nil || errors.As(err, &remote) && remote.Final() {
			return
		}
		select {
		case <-time.After(labTick):
		case <-s.l.ctx.Done():
		}
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
