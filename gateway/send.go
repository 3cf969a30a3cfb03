package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"liaison/gateway/operation"
)

// How long one attempt may last.
const sendTimeout = 5 * time.Minute

// deliver makes one attempt at a claimed delivery; record records it. What can't
// be recorded is repeated by whoever claims the delivery after the lease.
func (g *Gateway) deliver(ctx context.Context, d Delivery) (record func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	var op *operation.Operation
	held := false
	err := g.insist(ctx, func(ctx context.Context) (err error) {
		if held, err = g.opt.Store.Holds(ctx, d); err == nil && held {
			op, err = g.operation(ctx, d.Operation)
		}
		return err
	})
	if err != nil {
		g.opt.Log.Error("begin an attempt", "delivery", d.ID, "err", err)
	}
	if err != nil || !held { // it waited or this process slept, and somebody else goes on with it
		return func(context.Context) {}
	}
	evidence, err := g.attempt(ctx, op, d)
	if err != nil && KindOf(err) == Internal && ctx.Err() != nil {
		return func(context.Context) {} // stopping: the lease is voided and another node goes on
	}
	a := &Attempt{Delivery: d, Evidence: evidence, Next: g.next(op, d, evidence, err)}
	return func(ctx context.Context) { g.finish(ctx, op, a, err) }
}

// finish records an attempt and tells those who watch; because is why its channel
// never had it, nil else.
func (g *Gateway) finish(ctx context.Context, op *operation.Operation, a *Attempt, because error) {
	ctx, cancel := context.WithTimeout(ctx, finishTimeout)
	defer cancel()
	d := a.Delivery
	err := g.insist(ctx, func(ctx context.Context) error { return g.opt.Store.Finish(ctx, a, g.consequence(ctx, op, a)) })
	if err != nil && !errors.Is(err, ErrFenced) {
		g.opt.Log.Error("record attempt", "delivery", d.ID, "err", err)
		return
	}
	now := g.opt.Now()
	g.opt.Watch(Event{At: now, What: string(a.Next.State), Outcome: a.Evidence.Outcome, Took: now.Sub(d.Created), Operation: d.Operation, Participant: d.Participant, Channel: d.Channel,
		Reference: d.Reference, Type: d.Type, Detail: a.Evidence.Detail, Err: because})
}

// Bounds of recording an attempt; while stopping, of what is left when the grace of
// attempts is over: a recorded attempt is one repeat less.
const (
	finishTimeout  = time.Minute
	finishStopping = 2 * time.Second
)

// How long one try at the record may last, and how soon the next follows.
const (
	tryTimeout = 10 * time.Second
	tryAgain   = 500 * time.Millisecond
)

// insist does something with the record until it succeeds, the work is another
// node's or ctx ends. Where the record was away for a moment, a claim given
// up would rest until its lease is over, and what was sent would be sent again.
func (g *Gateway) insist(ctx context.Context, do func(context.Context) error) error {
	for {
		try, cancel := context.WithTimeout(ctx, tryTimeout)
		err := do(try)
		cancel()
		if err == nil || errors.Is(err, ErrFenced) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(tryAgain):
		}
	}
}

// attempt renders the delivery and hands it to its channel.
func (g *Gateway) attempt(ctx context.Context, op *operation.Operation, d Delivery) (Evidence, error) {
	e := Evidence{Delivery: d.ID, Channel: d.Channel, At: g.opt.Now(), Outcome: Deferred}
	if d.Unreachable {
		e.Outcome, e.Detail = Bounced, "not connected within this channel's share of the limit"
		return e, nil
	}
	out, err := g.render(ctx, op, d)
	if err != nil {
		e.Detail = err.Error()
		return e, err
	}
	sender := g.opt.Mail
	if d.Channel == operation.WebSocket {
		sender = g.opt.Socket
	}
	if sender == nil {
		e.Outcome, e.Detail = Bounced, "the gateway has no such channel set up"
		return e, &Error{Kind: Refused, Public: "no-channel", Err: errors.New(e.Detail)} // no server was asked
	}
	sent, err := sender.Send(ctx, out)
	sent.Delivery, sent.Channel = d.ID, d.Channel
	if sent.At.IsZero() {
		sent.At = g.opt.Now()
	}
	if err != nil {
		sent.Outcome = Deferred
		if sent.Detail == "" {
			sent.Detail = err.Error()
		}
	}
	return sent, nil
}

// Render makes a delivery's outbound anew, after the policy of today: for a
// WebSocket session that takes up where another ended, whatever channel has joined it
// since. A Refused error says that it may not go any more, or that a correction took its
// place.
func (g *Gateway) Render(ctx context.Context, id DeliveryID) (*Outbound, error) {
	d, err := g.opt.Reads.Delivery(ctx, id)
	if err != nil {
		return nil, err
	}
	op, err := g.operation(ctx, d.Operation)
	if err != nil {
		return nil, err
	}
	if d.State == Withheld {
		return nil, Errorf(Refused, d.Reason, "withheld: %s", d.Reason)
	}
	for at, ch := range g.channels(op, d.Participant) {
		if ch.Kind == operation.WebSocket {
			d.Channel, d.ChannelAt = ch.Kind, at
		}
	}
	return g.render(ctx, op, *d)
}

// render applies the policy, encodes and seals. A Refused error withholds the
// delivery or ends its channel, by its Code.
func (g *Gateway) render(ctx context.Context, op *operation.Operation, d Delivery) (*Outbound, error) {
	if op == nil {
		return nil, &Error{Kind: Refused, Public: "closed", Err: fmt.Errorf("operation %s is not in force", d.Operation)}
	}
	f, err := g.form(ctx, d.Form)
	if err != nil {
		return nil, fmt.Errorf("read form: %w", err)
	}
	p, ch := g.way(op, f, d)
	if p == nil || ch.Kind != d.Channel {
		return nil, &Error{Kind: Refused, Public: "no-channel", Err: fmt.Errorf("%s has no such channel any more", d.Participant)}
	}
	ruling := rule(op, f, p, ch, g.opt.Now())
	out := &Outbound{Delivery: d.ID, Form: d.Form, Operation: d.Operation, Participant: d.Participant, Number: f.Number, Reference: f.Reference, Channel: ch, ChannelAt: d.ChannelAt,
		Urgent: f.Role == Original && f.Priority == Urgent, Exercise: f.Mode == "EXER" || f.Mode == "TEST",
		Automated: f.Role != Original, InReplyTo: f.Content.Facts[factReplyTo]}
	if f.Role == Notice && ch.Kind == operation.WebSocket {
		out.Status = statusOf(f, p.Lang())
		return out, nil
	}
	switch ruling.View {
	case Whole:
		out.Message, err = g.seal(ctx, op, f, p, ch)
		if err == nil && ch.Style == "inline" {
			out.Files, err = g.sealFiles(ctx, op, f, p, ch)
		}
	case Redacted:
		out.Plain = g.text(op, f, p.Lang(), ch.Kind, withheldBox(f.Content.Boxes, profile(op)))
		if f.Role != Original { // a participant's attachments never go in the clear; ours may
			out.Files = f.Content.Attachments
		}
	case Notified:
		out.Plain = g.notice(f, p.Lang())
	default:
		err = &Error{Kind: Refused, Code: ruling.Code, Public: ruling.Reason, Err: fmt.Errorf("withheld by policy: %s", ruling.Reason)}
	}
	return out, err
}

// way is to whom and over which of the channels of today a delivery goes: that
// of its index or, for an answer in the clear, the registered address.
func (g *Gateway) way(op *operation.Operation, f *Form, d Delivery) (*operation.Participant, operation.Channel) {
	p := op.Participant(d.Participant)
	if d.Participant == g.opt.Code {
		p = g.desk(op)
	}
	address := f.Content.Facts[FactAddress]
	switch {
	case p == nil, address != "" && !p.Owns(address) && !(f.Role == Notice && p.Reaches(address)):
		return nil, operation.Channel{}
	case address != "":
		return p, operation.Channel{Kind: operation.Mail, Address: address}
	case d.ChannelAt < len(p.Channels):
		ch := p.Channels[d.ChannelAt]
		if style := f.Content.Facts[FactStyle]; style != "" && ch.Kind == operation.PGPMail {
			ch.Style = style
		}
		return p, ch
	}
	return p, operation.Channel{}
}

// notice says that a form waits, and nothing of it.
func (g *Gateway) notice(f *Form, lang string) string {
	say := sayer(lang)
	text := say("notice", numberText(f.Operation, f.Number), g.opt.Code, g.opt.Phone) + "\n"
	if f.Priority == Urgent {
		text = say("notice-urgent") + "\n" + text
	}
	if f.Mode == "EXER" || f.Mode == "TEST" {
		text = exerciseLine + "\n\n" + text + "\n" + exerciseLine + "\n"
	}
	return text
}

// statusOf reads a status notice back from its facts; the reason is in words of
// the recipient's language.
func statusOf(f *Form, lang string) *Status {
	facts := f.Content.Facts
	s := &Status{Reference: f.Content.Boxes.Get("A5"), Recipient: operation.ParticipantCode(facts[factRecipient]), State: State(facts[factState]), Phone: facts[factPhone]}
	if facts[factReason] != "" {
		s.Reason = sayer(lang)("reason-" + facts[factReason])
	}
	return s
}

// desk is the coordination unit as a recipient: its channels are the desk's.
func (g *Gateway) desk(op *operation.Operation) *operation.Participant {
	p := op.Participant(g.opt.Code)
	if p == nil {
		p = &operation.Participant{Code: g.opt.Code}
	}
	at := *p
	at.Channels = slices.Clone(op.Desk.Channels)
	at.Duty.Phone = op.Desk.Phone
	return &at
}
