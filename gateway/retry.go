package gateway

import (
	"context"
	"errors"
	"time"

	"liaison/gateway/operation"
)

// Backoff between attempts on one channel; greylisting lets the second pass.
var backoff = []time.Duration{
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 12 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// channelTime is after how long a channel that only ever says "later" is given up,
// however often it was tried.
const channelTime = 72 * time.Hour

// urgentWait is how soon an urgent form is tried again at first; the wait grows
// with a quarter of its age.
var urgentWait = map[operation.ChannelKind]time.Duration{operation.WebSocket: 2 * time.Second, operation.PGPMail: time.Minute, operation.Mail: time.Minute}

// next says what follows an attempt: done, again later, the next channel, or
// given up with a reason.
func (g *Gateway) next(op *operation.Operation, d Delivery, e Evidence, err error) Next {
	var refused *Error
	switch {
	case errors.As(err, &refused) && refused.Kind == Refused && refused.Code != 0:
		if d.State == HandedOver { // it left before, and may not go over this one
			return exhausted(d, refused.Public)
		}
		return Next{State: Withheld, Reason: refused.Public}
	case errors.As(err, &refused) && refused.Kind == Refused:
		return g.fallback(op, d, refused.Public)
	case err != nil:
		return g.later(op, d)
	}
	switch e.Outcome {
	case Sent:
		return Next{State: HandedOver}
	case Confirmed:
		return Next{State: ConfirmedBySystem}
	case Bounced:
		if d.Unreachable {
			return g.unreached(op, d)
		}
		return g.fallback(op, d, "refused-by-server")
	}
	return g.later(op, d)
}

// unreachedWait is how long a delivery rests that no other channel can bring; a
// new session makes it due at once, whatever this says.
const unreachedWait = 24 * time.Hour

// unreached goes on to the next channel where nobody was connected in time. Where
// there is none, the form waits: absence exhausts no channel, and its sender hears
// of the limit that passed.
func (g *Gateway) unreached(op *operation.Operation, d Delivery) Next {
	if g.hasNext(op, d) || d.Type == "TST" {
		return g.fallback(op, d, "not-connected")
	}
	return Next{State: Pending, Reason: "not-connected", RetryAt: g.opt.Now().Add(unreachedWait), Channel: d.Channel, ChannelAt: d.ChannelAt}
}

// later tries again on the same channel until its time is used up or, for a form
// that others wait for, its share of the priority's limit. A WebSocket that nothing
// else follows has no end: a system that flaps, or is slow, may be well tomorrow.
func (g *Gateway) later(op *operation.Operation, d Delivery) Next {
	now := g.opt.Now()
	age := now.Sub(d.ChannelFrom)
	next := g.hasNext(op, d)
	over := next && (d.Role == Original || d.Channel == operation.WebSocket) && age > g.share(op, d.Participant, d.Priority)
	patient := d.Channel == operation.WebSocket && !next && d.Type != "TST"
	if over || age > channelTime && !patient {
		return g.fallback(op, d, "no-answer-from-server")
	}
	again := Next{State: Pending, RetryAt: now.Add(pauseAfter(d, age)), Channel: d.Channel, ChannelAt: d.ChannelAt}
	if joins(d) {
		again.Reason = d.Reason
	}
	return again
}

// pauseAfter is how long a delivery rests after an attempt that came to nothing.
func pauseAfter(d Delivery, age time.Duration) time.Duration {
	wait := backoff[min(d.Attempts, len(backoff)-1)]
	if d.Channel == operation.WebSocket { // a new session makes it due at once, whatever this says
		wait = min(time.Second<<min(d.Attempts, 5), 30*time.Second)
	}
	if d.Priority == Urgent {
		wait = min(wait, max(urgentWait[d.Channel], age/4))
	}
	return wait
}

// shares are those of the operations in force.
func (g *Gateway) shares(ctx context.Context) (func(Lane, Priority) time.Duration, error) {
	ops, err := g.operations(ctx)
	return func(l Lane, p Priority) time.Duration { return g.share(ops[l.Operation], l.Participant, p) }, err
}

// share is the part of the priority's limit that each of a participant's channels
// has for itself.
func (g *Gateway) share(op *operation.Operation, to operation.ParticipantCode, priority Priority) time.Duration {
	if op == nil { // not in force any more
		return unreachedWait
	}
	limit := op.Priorities.Routine.Duration
	switch priority {
	case Urgent:
		limit = op.Priorities.Urgent.Duration
	case Prior:
		limit = op.Priorities.Priority.Duration
	}
	return limit / time.Duration(max(1, len(g.channels(op, to))))
}

// channels are a participant's, or the desk's; none where it or the operation is gone.
func (g *Gateway) channels(op *operation.Operation, p operation.ParticipantCode) []operation.Channel {
	switch {
	case op == nil:
		return nil
	case p == g.opt.Code:
		return op.Desk.Channels
	case op.Participant(p) == nil:
		return nil
	}
	return op.Participant(p).Channels
}

// hasNext reports whether another channel may follow. A question of a
// communications test is about its own channel alone.
func (g *Gateway) hasNext(op *operation.Operation, d Delivery) bool {
	if d.Type == "TST" {
		return false
	}
	return d.ChannelAt+1 < len(g.channels(op, d.Participant))
}

// fallback goes to the participant's next channel, or gives up.
func (g *Gateway) fallback(op *operation.Operation, d Delivery, reason string) Next {
	if !g.hasNext(op, d) {
		return exhausted(d, reason)
	}
	if joins(d) {
		reason = d.Reason
	}
	at := d.ChannelAt + 1
	return Next{State: Pending, Reason: reason, RetryAt: g.opt.Now(), Channel: g.channels(op, d.Participant)[at].Kind, ChannelAt: at}
}

// unconfirmed is why a channel is joined by the next.
const unconfirmed = "late"

// joins reports whether the delivery's channel joins one that took it, and from which
// nothing came back.
func joins(d Delivery) bool { return d.State == HandedOver && d.Reason == unconfirmed }

// exhausted ends a delivery when no channel is left: it has failed, unless an earlier
// one may have brought it.
func exhausted(d Delivery, reason string) Next {
	if joins(d) {
		return Next{State: HandedOver, Reason: d.Reason}
	}
	return Next{State: Failed, Reason: reason}
}

// goOn adds to a decision that a delivery goes on over the participant's next channel,
// though it was handed over, and tells the form's sender where that is a weaker one.
func (g *Gateway) goOn(ctx context.Context, l Ledger, out *Decision, op *operation.Operation, d Delivery, reason string, now time.Time) error {
	next := g.fallback(op, d, reason)
	out.Fallbacks = append(out.Fallbacks, Fallback{Delivery: d.ID, Channel: next.Channel, ChannelAt: next.ChannelAt, Reason: next.Reason, At: now})
	if d.Role != Original || !weaker(d.Channel, next.Channel) {
		return nil
	}
	return g.tellSender(ctx, l, out, d, d.State, reason, now)
}

// weaker reports whether one kind of channel proves and protects less.
func weaker(from, to operation.ChannelKind) bool {
	order := map[operation.ChannelKind]int{operation.WebSocket: 0, operation.PGPMail: 0, operation.Mail: 1, operation.Phone: 1}
	return order[to] > order[from]
}

// consequence is what else an attempt leads to, in its transaction: the sender
// is told of what failed, is withheld or goes on over a weaker channel, and the
// audit log of what was disclosed.
func (g *Gateway) consequence(ctx context.Context, op *operation.Operation, a *Attempt) func(Ledger) (*Decision, error) {
	d, next := a.Delivery, a.Next
	return func(l Ledger) (*Decision, error) {
		out := &Decision{Operation: d.Operation}
		now := g.opt.Now()
		if a.Evidence.Outcome == Sent {
			out.Audit = append(out.Audit, AuditEntry{Kind: Disclosure, At: now, Actor: "gateway", Action: "form handed over", Operation: d.Operation,
				Reference: d.Reference, Recipients: []operation.ParticipantCode{d.Participant}, Channel: string(d.Channel)})
		}
		if d.Role != Original {
			return out, nil
		}
		switch {
		case next.State == Failed, next.State == Withheld:
			return out, g.tellSender(ctx, l, out, d, next.State, next.Reason, now)
		case next.State == Pending && next.ChannelAt != d.ChannelAt && weaker(d.Channel, next.Channel):
			return out, g.tellSender(ctx, l, out, d, Pending, "weaker-channel", now)
		}
		return out, nil
	}
}

// tellSender adds a status notice to a decision: an ACK with A5, numbered, over
// the sender's own channels.
func (g *Gateway) tellSender(ctx context.Context, l Ledger, out *Decision, d Delivery, state State, reason string, now time.Time) error {
	op, err := g.operation(ctx, d.Operation)
	if err != nil || op == nil {
		return err
	}
	f, err := l.Form(d.Form)
	if err != nil {
		return err
	}
	sender := op.Participant(f.Sender)
	if sender == nil || len(sender.Channels) == 0 || f.Sender == g.opt.Code {
		return nil
	}
	w := words{kind: "ACK", about: f.Reference, number: f.Number, mode: f.Mode, facts: map[string]string{factSay: "status", factRecipient: string(d.Participant),
		factState: string(state), factReason: reason, factPhone: phoneOf(op, d.Participant)}}
	n, err := g.speak(l, op, f.Sender, Notice, w, now)
	if err != nil {
		return err
	}
	n.Answers = f.ID
	if out.Operation == "" {
		out.Operation = d.Operation
	}
	out.Forms = append(out.Forms, NewForm{n, []NewDelivery{{ID: NewDeliveryID(), Participant: f.Sender, Channel: sender.Channels[0].Kind,
		Priority: Urgent, State: Pending, Subject: d.ID, NotBefore: now}}})
	return nil
}

// delivery makes the delivery of a form to one participant over the first of
// its channels that the policy allows, or withholds it with the reason.
func (g *Gateway) delivery(op *operation.Operation, f *Form, to operation.ParticipantCode, now time.Time) (NewDelivery, Ruling) {
	d := NewDelivery{ID: NewDeliveryID(), Participant: to, Priority: f.Priority, State: Pending, NotBefore: now}
	p := op.Participant(to)
	if to == g.opt.Code {
		if p = g.desk(op); len(p.Channels) == 0 || f.Type == "TSR" { // a test's replies are for the test
			d.State, d.Reason = HandedOver, "at the desk"
			return d, Ruling{View: Whole}
		}
	}
	ruling := withhold(0, "no-channel")
	if p != nil {
		for i, ch := range p.Channels {
			if ruling = rule(op, f, p, ch, now); ruling.View != NoView {
				d.Channel, d.ChannelAt = ch.Kind, i
				return d, ruling
			}
		}
		if len(p.Channels) > 0 {
			d.Channel = p.Channels[0].Kind
		}
	}
	d.State, d.Reason = Withheld, ruling.Reason
	return d, ruling
}
