package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// drive is a gateway without mail servers: what comes in is offered to it, what
// goes out is taken at once. What is left is the flow, the cryptography and the
// store.
type drive struct {
	*flowBench
	gateway *gateway.Gateway
	made    atomic.Int64 // number of the last form
	file    []byte       // goes with each
}

// driveParticipants are as many as an operation has; each form goes to some of
// them.
const driveParticipants = 60

// taker is a channel that takes everything.
type taker struct{}

func (taker) Send(_ context.Context, out *gateway.Outbound) (gateway.Evidence, error) {
	return gateway.Evidence{Delivery: out.Delivery, Outcome: gateway.Sent, Detail: "250 taken"}, nil
}

// newDrive sets a gateway up in the flow bench's folder.
func newDrive(ctx context.Context, b *flowBench) (*drive, error) {
	b.NextHop = "127.0.0.1:9" // never dialled
	if err := b.setUp(ctx); err != nil {
		return nil, err
	}
	d := &drive{flowBench: b, file: make([]byte, b.Attach)}
	n := b.node
	var err error
	d.gateway, err = gateway.New(gateway.Options{Code: "OCU", Address: benchAddress, Keys: n.s.keys, Store: n.store, Clock: n.store, Reads: n.store, Ring: n.ring, Mail: taker{}, Log: n.s.opt.Log, Phone: n.s.config.Gateway.Phone, Watch: b.done.hear})
	return d, err
}

// inbound is a sealed form as a mail server hands it over.
func (d *drive) inbound(n int64, recipients int) (*gateway.Inbound, error) {
	raw, err := d.mail(n, recipients, d.file)
	if err != nil {
		return nil, err
	}
	return &gateway.Inbound{Medium: gateway.ByMail, Account: "bench", Raw: raw, Received: time.Now(),
		Repeats: []gateway.Repeat{{Name: fmt.Sprintf("mid:<%d@bench.example>", n), Digest: sha256.Sum256(raw)}}}, nil
}

// accept offers a form to the flow, which opens it.
func (d *drive) accept(ctx context.Context, in *gateway.Inbound) error {
	r, err := d.gateway.Accept(ctx, in)
	if err != nil {
		return err
	}
	if r.Verdict != gateway.Accepted {
		return fmt.Errorf("a form was %s instead of accepted", r.Verdict)
	}
	return nil
}

// record records a form of 4 KiB that somebody has opened already.
func (d *drive) record(ctx context.Context, n int64, recipients int) error {
	body := make([]byte, 4<<10)
	copy(body, fmt.Sprintf(`{"n":%d}`, n))
	now := time.Now()
	f := gateway.Form{ID: gateway.NewFormID(), Operation: benchOp, Role: gateway.Original, Type: "SEZ", Reference: fmt.Sprintf("S0-STORE-2026-%09d", n), Sender: "S0",
		State: gateway.FormAccepted, Assurance: gateway.Signed, Priority: gateway.Routine, Received: now, Hash: sha256.Sum256(body), Content: gateway.Content{JSON: body}}
	in := &gateway.Inbound{Medium: gateway.ByMail, Account: "bench", Raw: body, Received: now, Repeats: []gateway.Repeat{{Name: fmt.Sprintf("mid:<store-%d@bench.example>", n), Digest: f.Hash}}}
	fresh := gateway.NewForm{Form: f}
	for i := range recipients {
		fresh.Deliveries = append(fresh.Deliveries, gateway.NewDelivery{ID: gateway.NewDeliveryID(), Participant: operation.ParticipantCode(d.recipient(n, i)), Channel: operation.PGPMail,
			Priority: gateway.Routine, State: gateway.Pending, NotBefore: now})
	}
	_, err := d.node.store.Accept(ctx, in, func(gateway.Ledger) (*gateway.Decision, error) {
		return &gateway.Decision{Verdict: gateway.Accepted, Operation: benchOp, Sender: f.Sender, Subject: f.ID, Forms: []gateway.NewForm{fresh},
			Audit: []gateway.AuditEntry{{Kind: gateway.Collection, At: now, Actor: "S0", Action: "form accepted", Operation: benchOp, Reference: f.Reference}}}, nil
	})
	return err
}

// settle claims and settles so many deliveries without sealing or sending them, as
// a gateway's lanes do: many are under way at once.
func (d *drive) settle(ctx context.Context, want int) error {
	group, going := errgroup.WithContext(ctx)
	group.SetLimit(64)
	for got := 0; got < want && going.Err() == nil; {
		list, err := d.node.store.Claim(going, gateway.Want{Limit: 64}, time.Now())
		if err != nil {
			return err
		}
		got += len(list)
		for _, one := range list {
			group.Go(func() error {
				now := time.Now()
				return d.node.store.Finish(going, &gateway.Attempt{Delivery: one, Next: gateway.Next{State: gateway.HandedOver},
					Evidence: gateway.Evidence{Delivery: one.ID, Outcome: gateway.Sent, State: gateway.HandedOver, Channel: one.Channel, At: now, Detail: "250 taken"}}, nil)
			})
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// produce does something n times, by so many producers at once.
func produce(ctx context.Context, producers, n int, do func(ctx context.Context, i int) error) error {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range producers {
		group.Go(func() error {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := do(ctx, i); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return group.Wait()
}
