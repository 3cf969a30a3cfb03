package gateway

import (
	"context"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway/operation"
)

// Released decides what follows when a person releases a held form: it goes to
// whom it names, under today's policy, and its sender hears of it. A correction or
// cancellation replaces its original now. What was signed with a key that isn't
// confirmed by now goes as unproven as plain mail, since nobody can know that its
// sender signed it. The store writes who and why into the audit log.
func (g *Gateway) Released(ctx context.Context, f *Form) func(Ledger) (*Decision, error) {
	now := g.opt.Now()
	return func(l Ledger) (*Decision, error) {
		op, err := g.operation(ctx, f.Operation)
		if err != nil {
			return nil, err
		}
		if op == nil {
			return nil, Errorf(Refused, "", "operation %s is not in force", f.Operation)
		}
		f := *f
		proven, err := g.proven(ctx, &f)
		if err != nil {
			return nil, err
		}
		if f.Assurance == Signed && !proven {
			f.Assurance, f.Signer = PlainChannel, ""
		}
		d := &Decision{Verdict: Accepted, Operation: f.Operation, Sender: f.Sender, Subject: f.ID}
		recipients, _ := op.Expand(f.Content.Boxes.All("A7"), g.opt.Code, f.Sender)
		if recipients, err = g.replacing(l, d, &f, recipients, now); err != nil {
			return nil, err
		}
		var deliveries []NewDelivery
		for _, to := range recipients {
			nd, _ := g.delivery(op, &f, to, now)
			deliveries = append(deliveries, nd)
		}
		d.Forms = []NewForm{{Form: f, Deliveries: deliveries}}
		d.Due = g.starts(op, &f, deliveries, now)
		return d, g.tellOutcome(ctx, l, d, &f, "released", now)
	}
}

// proven reports whether a form's signer is confirmed for its sender now.
func (g *Gateway) proven(ctx context.Context, f *Form) (bool, error) {
	reg, err := g.registry(ctx)
	if err != nil {
		return false, err
	}
	state := reg.state(f.Operation, f.Sender, openpgp.Fingerprint(f.Signer))
	return state == KeyConfirmed, reg.err
}

// replacing settles what a released correction or cancellation is about, and adds to
// its recipients who else must hear of that.
func (g *Gateway) replacing(l Ledger, d *Decision, f *Form, named []operation.ParticipantCode, now time.Time) ([]operation.ParticipantCode, error) {
	state := map[string]FormState{"COR": FormCorrected, "CAN": FormCancelled}[f.Type]
	if state == "" || f.Answers == "" {
		return named, nil
	}
	origin, err := l.Form(f.Answers)
	if err != nil {
		return nil, err
	}
	if origin.State == FormCancelled {
		return nil, Errorf(Refused, "", "form %s, which it is about, was cancelled meanwhile; refuse it", origin.Reference)
	}
	d.Audit = append(d.Audit, AuditEntry{Kind: Alteration, At: now, Actor: string(f.Sender), Action: "form " + string(state), Operation: f.Operation, Reference: origin.Reference})
	return replace(l, origin.ID, state, named)
}

// Declined decides what follows when a person refuses a held form.
func (g *Gateway) Declined(ctx context.Context, f *Form) func(Ledger) (*Decision, error) {
	now := g.opt.Now()
	return func(l Ledger) (*Decision, error) {
		d := &Decision{Verdict: Rejected, Operation: f.Operation, Sender: f.Sender, Subject: f.ID}
		return d, g.tellOutcome(ctx, l, d, f, "declined", now)
	}
}

// tellOutcome tells the sender what a person decided: only one who had proven
// itself, over its own channel.
func (g *Gateway) tellOutcome(ctx context.Context, l Ledger, d *Decision, f *Form, say string, now time.Time) error {
	op, err := g.operation(ctx, f.Operation)
	if err != nil || op == nil || f.Assurance != Signed {
		return err
	}
	sender := op.Participant(f.Sender)
	if sender == nil || len(sender.Channels) == 0 {
		return nil
	}
	kind := "ACK"
	if say == "declined" {
		kind = "NAK"
	}
	n, err := g.speak(l, op, f.Sender, Answer, words{kind: kind, about: f.Reference, number: f.Number, mode: f.Mode, facts: map[string]string{factSay: say}}, now)
	if err != nil {
		return err
	}
	n.Answers = f.ID
	d.Forms = append(d.Forms, NewForm{n, []NewDelivery{{ID: NewDeliveryID(), Participant: f.Sender, Channel: sender.Channels[0].Kind, Priority: Urgent, State: Pending, NotBefore: now}}})
	return nil
}
