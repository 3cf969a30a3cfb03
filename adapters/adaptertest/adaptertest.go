// Package adaptertest is what every adapter must do, as a suite that its tests
// run: nothing is acknowledged before a receipt, an error is not acknowledged
// and the same bytes are offered again, what Send is told becomes outcomes, and
// the context ends everything.
//
// It knows no protocol. The adapter under test is handed in as a Bench, which
// plays the other side. It says nothing about framing, limits and faults of one
// protocol: those are the adapter's own tests.
package adaptertest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"liaison/gateway"
)

// patience bounds each wait, in case the adapter never does it.
const patience = 10 * time.Second

// Bench is an adapter under test with its other side. A nil function leaves out
// what the adapter doesn't do.
type Bench struct {
	// Receive runs the adapter's receiving side with this offer until ctx ends.
	Receive func(ctx context.Context, offer func(context.Context, *gateway.Inbound) (*gateway.Receipt, error)) error
	// Submit lets a message come from the other side, and returns without
	// waiting for it to be acknowledged.
	Submit func(t *testing.T, name string)
	// Acknowledged reports whether the other side was told, by whatever the
	// protocol has, that the message is ours now.
	Acknowledged func(t *testing.T, name string) bool
	// Resubmits says that the other side, not the adapter, offers again what
	// wasn't acknowledged: Submit is called again then.
	Resubmits Resubmission

	// Send is the adapter's sending side; Outbound makes something to send and
	// Peer sets what the other side answers.
	Send     func(ctx context.Context, out *gateway.Outbound) (gateway.Evidence, error)
	Outbound func() *gateway.Outbound
	Peer     func(t *testing.T, b Behaviour)
	// Outcomes are what the behaviours come to. One that is missing isn't tried.
	Outcomes map[Behaviour]gateway.Outcome
}

// Resubmission says who offers a message again.
type Resubmission int

// The resubmissions.
const (
	ByAdapter Resubmission = iota
	ByPeer
)

// Behaviour is how the other side takes an outbound.
type Behaviour string

// The behaviours.
const (
	Takes   Behaviour = "takes"
	NotNow  Behaviour = "not now"
	Refuses Behaviour = "refuses"
	Breaks  Behaviour = "breaks the connection"
	Hangs   Behaviour = "hangs"
)

// Run runs the suite; open makes a fresh bench for each claim.
func Run(t *testing.T, open func(t *testing.T) *Bench) {
	receiving := map[string]func(*testing.T, *Bench){
		"NothingIsAcknowledgedBeforeItsReceipt":       acknowledgesAfterReceipt,
		"AnErrorIsNotAcknowledgedAndIsOfferedAgain":   offersAgain,
		"TheSameBytesCarryTheSameNamesEachTime":       namesStay,
		"OneMessageThatFailsHoldsNoOtherBack":         othersGoOn,
		"TheContextEndsReceivingWhileAnOfferIsOpen":   contextEndsReceiving,
		"NeitherReceiptNorErrorIsNotAcknowledgedThen": needsReceipt,
	}
	for name, claim := range receiving {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			if b.Receive == nil {
				t.Skip("the adapter receives nothing")
			}
			claim(t, b)
		})
	}
	t.Run("WhatThePeerAnswersBecomesTheOutcome", func(t *testing.T) { outcomes(t, open) })
	t.Run("TheContextEndsSending", func(t *testing.T) { contextEndsSending(t, open(t)) })
}

// record is an offer that does as it is told and remembers what it was given.
type record struct {
	mu      sync.Mutex // guards what follows
	offers  []*gateway.Inbound
	changed chan struct{}
}

func newRecord() *record { return &record{changed: make(chan struct{})} }

func (r *record) add(in *gateway.Inbound) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.offers = append(r.offers, in)
	close(r.changed)
	r.changed = make(chan struct{})
	return len(r.offers)
}

func (r *record) all() []*gateway.Inbound {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*gateway.Inbound(nil), r.offers...)
}

// wait waits for n offers.
func (r *record) wait(t *testing.T, n int) {
	t.Helper()
	limit := time.After(patience)
	for {
		r.mu.Lock()
		got, changed := len(r.offers), r.changed
		r.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("after %s there were %d offers; want %d", patience, got, n)
		}
	}
}

// receive runs the adapter until the test ends.
func receive(t *testing.T, b *Bench, offer func(context.Context, *gateway.Inbound) (*gateway.Receipt, error)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = b.Receive(ctx, offer) // it ends with ctx
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-over:
		case <-time.After(patience):
			t.Errorf("Receive was still running %s after its context ended", patience)
		}
	})
	t.Cleanup(stop)
	return stop
}

// until polls what only the other side can tell.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: still not after %s", what, patience)
		}
	}
}

func acknowledgesAfterReceipt(t *testing.T, b *Bench) {
	r, release := newRecord(), make(chan struct{})
	receive(t, b, func(ctx context.Context, in *gateway.Inbound) (*gateway.Receipt, error) {
		r.add(in)
		select {
		case <-release:
			return &gateway.Receipt{Inbound: "1", Verdict: gateway.Accepted}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	b.Submit(t, "one")
	r.wait(t, 1)
	if b.Acknowledged(t, "one") {
		t.Fatal("the message was acknowledged while its offer was open")
	}
	close(release)
	until(t, "acknowledged after the receipt", func() bool { return b.Acknowledged(t, "one") })
}

// failing offers: the first call fails, the others succeed.
func failing(r *record, first error) func(context.Context, *gateway.Inbound) (*gateway.Receipt, error) {
	return func(_ context.Context, in *gateway.Inbound) (*gateway.Receipt, error) {
		if r.add(in) == 1 {
			return nil, first
		}
		return &gateway.Receipt{Inbound: "1", Verdict: gateway.Accepted}, nil
	}
}

func offersAgain(t *testing.T, b *Bench) {
	for _, failure := range []error{errors.New("internal"), gateway.Errorf(gateway.Transient, "", "the store is away")} {
		r := newRecord()
		stop := receive(t, b, failing(r, failure))
		name := "again " + gateway.KindOf(failure).String()
		b.Submit(t, name)
		r.wait(t, 1)
		if b.Resubmits == ByPeer {
			b.Submit(t, name)
		}
		r.wait(t, 2)
		until(t, "acknowledged after the second offer", func() bool { return b.Acknowledged(t, name) })
		stop()
	}
}

func namesStay(t *testing.T, b *Bench) {
	r := newRecord()
	receive(t, b, failing(r, errors.New("internal")))
	b.Submit(t, "names")
	r.wait(t, 1)
	if b.Resubmits == ByPeer {
		b.Submit(t, "names")
	}
	r.wait(t, 2)
	first, second := r.all()[0], r.all()[1]
	if len(first.Repeats) == 0 {
		t.Fatal("the inbound has no name by which its repeat would be known")
	}
	for _, a := range first.Repeats {
		for _, b := range second.Repeats {
			if a == b {
				return
			}
		}
	}
	t.Errorf("repeats of the second offer = %v; want one of %v among them", second.Repeats, first.Repeats)
}

func othersGoOn(t *testing.T, b *Bench) {
	r := newRecord()
	var bad [32]byte
	var mu sync.Mutex
	receive(t, b, func(_ context.Context, in *gateway.Inbound) (*gateway.Receipt, error) {
		mu.Lock()
		defer mu.Unlock()
		if r.add(in) == 1 {
			bad = in.Repeats[0].Digest
		}
		if in.Repeats[0].Digest == bad {
			return nil, errors.New("internal")
		}
		return &gateway.Receipt{Inbound: "1", Verdict: gateway.Accepted}, nil
	})
	b.Submit(t, "bad")
	r.wait(t, 1)
	b.Submit(t, "good")
	until(t, "the other message is acknowledged", func() bool { return b.Acknowledged(t, "good") })
	if b.Acknowledged(t, "bad") {
		t.Error("the message whose offers fail was acknowledged")
	}
}

func needsReceipt(t *testing.T, b *Bench) {
	r := newRecord()
	receive(t, b, func(_ context.Context, in *gateway.Inbound) (*gateway.Receipt, error) {
		r.add(in)
		return nil, nil
	})
	b.Submit(t, "nothing")
	r.wait(t, 1)
	if b.Acknowledged(t, "nothing") {
		t.Error("a message without a receipt was acknowledged")
	}
}

func contextEndsReceiving(t *testing.T, b *Bench) {
	r := newRecord()
	stop := receive(t, b, func(ctx context.Context, in *gateway.Inbound) (*gateway.Receipt, error) {
		r.add(in)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	b.Submit(t, "open")
	r.wait(t, 1)
	stop()
	if b.Acknowledged(t, "open") {
		t.Error("a message whose offer was broken off was acknowledged")
	}
}

func outcomes(t *testing.T, open func(*testing.T) *Bench) {
	for _, behaviour := range []Behaviour{Takes, NotNow, Refuses, Breaks} {
		t.Run(string(behaviour), func(t *testing.T) {
			b := open(t)
			want, tried := b.Outcomes[behaviour]
			if b.Send == nil || !tried {
				t.Skip("the adapter doesn't know this")
			}
			b.Peer(t, behaviour)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			out := b.Outbound()
			e, err := b.Send(ctx, out)
			if err != nil || e.Outcome != want {
				t.Errorf("Send = %+v, %v; want %s", e, err, want)
			}
			if e.Detail == "" && want != gateway.Sent {
				t.Error("the evidence doesn't say what happened")
			}
		})
	}
}

func contextEndsSending(t *testing.T, b *Bench) {
	if b.Send == nil || b.Peer == nil {
		t.Skip("the adapter sends nothing")
	}
	b.Peer(t, Hangs)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	over := make(chan gateway.Evidence, 1)
	go func() {
		e, _ := b.Send(ctx, b.Outbound())
		over <- e
	}()
	select {
	case e := <-over:
		if e.Outcome == gateway.Sent || e.Outcome == gateway.Bounced || e.Outcome == gateway.Confirmed {
			t.Errorf("Send to a peer that hangs = %s; want nothing known or %s", e.Outcome, gateway.Deferred)
		}
	case <-time.After(patience):
		t.Fatalf("Send was still running %s after its context ended", patience)
	}
}
