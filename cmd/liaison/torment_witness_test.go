package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"liaison/adapters/websocket"
	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/entity"
	"liaison/gateway/simulator"
	"liaison/gateway/torment"
)

// witness is a participant's own system on the WebSocket. It writes every frame
// down, and dies now and then: between two frames, in the middle of one, after it
// kept one and before it said so.
type witness struct {
	w      *world
	code   string
	reader simulator.Participant
	rng    *rand.Rand // of the connection's goroutine alone

	mu       sync.Mutex // guards what follows
	position int64
	client   *websocket.Client
	clumsy   bool // it dies
}

func (w *world) newWitness(code string) *witness {
	x := &witness{w: w, code: code, rng: w.dice(7), clumsy: true,
		reader: simulator.Participant{Code: code, Address: "jco@" + strings.ToLower(code) + ".example", Key: w.key(code), Gateway: w.certificate("gw/keys/gateway.cert.asc"), To: unit}}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for w.ctx.Err() == nil { // ErrReplaced: its own connection of before was half open
			_ = websocket.Run(w.ctx, x.channel(), websocket.Backoff{First: 200 * time.Millisecond, Most: 2 * time.Second}, x.up, nil)
			rest(w.ctx, 200*time.Millisecond)
		}
	}()
	w.waits = append(w.waits, func() { <-over })
	return x
}

func (x *witness) channel() websocket.ClientOptions {
	_, port, _ := net.SplitHostPort(x.w.wires[x.code].address())
	return websocket.ClientOptions{URL: "ws://127.0.0.1:" + port + "/v1/channel", Operation: "OP-001", Participant: "SE", Key: x.reader.Key,
		Gateways: []*openpgp.Certificate{x.reader.Gateway}, After: x.after, Handle: x.take, Log: slog.New(slog.DiscardHandler)}
}

func (x *witness) up(c *websocket.Client) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.client = c
}

func (x *witness) after() int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.position
}

// take keeps one frame.
func (x *witness) take(_ context.Context, d websocket.Delivery) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.clumsy && x.rng.IntN(100) == 0 {
		return fmt.Errorf("died before it kept %d", d.Seq)
	}
	x.w.book.Framed(torment.Frame{By: x.code, Seq: d.Seq, Delivery: string(d.ID)})
	if d.Status != nil {
		if d.Seq > x.position {
			x.w.told(x.code, d.Status.Reference, string(d.Status.Recipient), string(d.Status.State))
		}
	} else if r, text := x.open(d.Message); r != nil {
		x.w.book.Shown(x.code, d.Reference, text, false)
		r.Identity, r.Order = string(d.ID), d.Seq
		x.w.book.Received(*r)
	}
	if x.clumsy && x.rng.IntN(100) == 0 {
		return fmt.Errorf("died after it kept %d", d.Seq)
	}
	x.position = max(x.position, d.Seq)
	return nil
}

// open reads a sealed form.
func (x *witness) open(sealed []byte) (*torment.Received, string) {
	m := x.message(sealed)
	relay, content, opened := partsOf(m)
	if m.Verdict != "good" || relay.Type == "" {
		x.w.t.Errorf("%s can't believe a frame of the gateway: %s", x.code, m.Verdict)
		return nil, ""
	}
	return &torment.Received{By: x.code, Reference: relay.Reference, Quantity: quantity(content)}, opened
}

// message opens a sealed entity as if it had come in a mail of the gateway.
func (x *witness) message(sealed []byte) *gateway.Message {
	h := entity.Draft{From: entity.Address{Addr: unit}, To: entity.Address{Addr: x.reader.Address}, Date: time.Now()}
	return x.reader.Read(entity.PGPMIME(h, openpgp.Armor(openpgp.ArmorMessage, sealed)), time.Now())
}

// send submits a form until it is answered, the same bytes under the same id each
// time.
func (x *witness) send(id, text string) {
	message, err := func() ([]byte, error) {
		sealed, err := openpgp.Seal(entity.Inner(text, nil, "Form"), x.reader.Key, openpgp.SEIPDv1, time.Now())
		if err != nil {
			return nil, err
		}
		return sealed.For(x.reader.Gateway)
	}()
	if err != nil {
		x.w.t.Error(err)
		return
	}
	submit := uuid.NewString()
	for x.w.ctx.Err() == nil {
		answer := x.submit(submit, message)
		if answer != nil && len(answer.Sealed) == 0 {
			return // set aside unopened: the unit's list names it
		}
		if answer != nil {
			m := x.message(answer.Sealed)
			relay, _, opened := partsOf(m)
			x.w.book.Shown(x.code, "answer to "+id, opened, false)
			a := answerIn(m.Text)
			a.To, a.Offer, a.Identity = x.code, id, relay.Reference
			x.w.answered(a, m.Text)
			return
		}
		rest(x.w.ctx, 100*time.Millisecond)
	}
}

func (x *witness) submit(id string, message []byte) *websocket.Answer {
	x.mu.Lock()
	c := x.client
	x.mu.Unlock()
	if c == nil || c.Err() != nil {
		return nil
	}
	ctx, stop := context.WithTimeout(x.w.ctx, 10*time.Second)
	defer stop()
	answer, err := c.Submit(ctx, id, message)
	if err != nil {
		return nil // whatever it was, the same again
	}
	return answer
}

// die ends the connection as a crash does.
func (x *witness) die() {
	x.mu.Lock()
	c := x.client
	x.mu.Unlock()
	if c != nil {
		_ = c.Close()
	}
}

// calm lets it live from now on.
func (x *witness) calm() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.clumsy = false
}
