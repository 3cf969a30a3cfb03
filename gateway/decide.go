package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway/entity"
	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// interruptionsBeforeHolding is how often a process may die over an inbound, or
// fail at it, before it is recorded unopened: where processes die of something else,
// two of them over the same one are still chance.
const interruptionsBeforeHolding = 3

// blameTime bounds how long it may take to record an inbound's fault.
const blameTime = 5 * time.Second

// Accept takes an inbound through the flow up to the commit point. A receipt
// means that a decision was recorded: acknowledge. An error means that nothing
// was: don't acknowledge, offer again.
func (g *Gateway) Accept(ctx context.Context, in *Inbound) (*Receipt, error) {
	interrupted, receipt, err := g.opt.Store.Offer(ctx, in)
	if err != nil && !errors.Is(err, ErrOtherBytes) {
		err = &Error{Kind: Transient, Err: err}
	}
	if err == nil && receipt != nil {
		return receipt, nil
	}
	if err == nil {
		receipt, err = g.recordOrBlame(ctx, in, interrupted)
	}
	if err != nil {
		g.opt.Watch(Event{At: g.opt.Now(), Medium: in.Medium, Err: err})
		return nil, err
	}
	now := g.opt.Now()
	g.opt.Watch(Event{At: now, What: string(receipt.Verdict), Medium: in.Medium, Reference: receipt.Reference, Took: now.Sub(in.Received)})
	return receipt, nil
}

// recordOrBlame is record, and counts against the inbound what may be its fault.
func (g *Gateway) recordOrBlame(ctx context.Context, in *Inbound, interrupted int) (*Receipt, error) {
	defer func() {
		if p := recover(); p != nil { // who called may survive it, and offer it for ever
			_ = g.blame(ctx, in, fmt.Errorf("panic: %v", p))
			panic(p)
		}
	}()
	receipt, err := g.record(ctx, in, interrupted)
	if err != nil {
		return nil, g.blame(ctx, in, err)
	}
	return receipt, nil
}

// overtakenMost is how often in a row an inbound is decided anew because another came
// first; what is overtaken more often is offered again.
const overtakenMost = 10

// record decides an inbound and records that.
func (g *Gateway) record(ctx context.Context, in *Inbound, interrupted int) (receipt *Receipt, err error) {
	for range overtakenMost {
		receipt, err = g.recordOnce(ctx, in, interrupted)
		if !errors.Is(err, errOvertaken) {
			break
		}
	}
	return receipt, err
}

func (g *Gateway) recordOnce(ctx context.Context, in *Inbound, interrupted int) (*Receipt, error) {
	var decide func(Ledger) (*Decision, error)
	switch {
	case interrupted >= interruptionsBeforeHolding:
		decide = always(&Decision{Verdict: Held, Reason: "could not be processed; recorded unopened", Alarm: "a message could not be processed"})
	case in.Backlog:
		decide = always(&Decision{Verdict: Noted, Reason: "older than the set-up"})
	default:
		var err error
		if decide, err = g.decideInTurn(ctx, in); err != nil {
			return nil, err
		}
	}
	var decided *Decision // the last is the one that was recorded
	receipt, err := g.opt.Store.Accept(ctx, in, func(l Ledger) (_ *Decision, err error) {
		decided, err = decide(l)
		return decided, err
	})
	if err != nil {
		return nil, fmt.Errorf("record inbound: %w", err)
	}
	if !receipt.Repeated {
		g.remember(decided)
	}
	return receipt, nil
}

// blame counts what may be the inbound's own fault, and returns it. What ended with
// its context isn't, nor what says nothing about its bytes: that is Transient.
func (g *Gateway) blame(ctx context.Context, in *Inbound, cause error) error {
	if ctx.Err() != nil {
		return cause
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), blameTime)
	defer cancel()
	blamed, err := g.opt.Store.Blame(ctx, in, cause)
	if err != nil {
		g.opt.Log.Error("count what an inbound did", "err", err)
	}
	if !blamed {
		return &Error{Kind: Transient, Err: cause}
	}
	return cause
}

// always decides the same whatever the ledger says.
func always(d *Decision) func(Ledger) (*Decision, error) {
	return func(Ledger) (*Decision, error) { return d, nil }
}

// decideInTurn is decide for a few at once: what a message opens to may be some
// hundred times as large as itself.
func (g *Gateway) decideInTurn(ctx context.Context, in *Inbound) (func(Ledger) (*Decision, error), error) {
	select {
	case g.opening <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-g.opening }()
	return g.decide(ctx, in)
}

// decide opens and examines an inbound and returns what to record of it.
func (g *Gateway) decide(ctx context.Context, in *Inbound) (func(Ledger) (*Decision, error), error) {
	h, err := g.handling(ctx, in)
	if err != nil {
		return nil, err
	}
	route, err := h.route()
	if err != nil {
		return nil, err
	}
	return h.heard(route)
}

// handling is one inbound on its way to a decision.
type handling struct {
	g   *Gateway
	ctx context.Context
	in  *Inbound
	m   *Message
	reg *registry
	now time.Time

	op        *operation.Operation
	sender    *operation.Participant
	assurance Assurance
	problems  []form.Problem // of the form, once it was checked
}

// route sends each kind of message its way.
func (h *handling) route() (func(Ledger) (*Decision, error), error) {
	switch h.m.Kind {
	case entity.Bounce, entity.Delay, entity.Delivered, entity.ReadReceipt, entity.Feedback, entity.AutoReply:
		return h.automated()
	case entity.Unreadable:
		return h.unreadable()
	}
	h.place()
	switch {
	case h.in.Medium == ByWebSocket && !h.ofSession():
		return h.untrusted("the form is not signed by the participant of this session")
	case h.op == nil && h.m.Proven():
		return h.untrusted("no operation of this participant goes by that code, or several do and the form names none")
	case h.op == nil || h.sender == nil:
		return h.untrusted("sender unknown: " + h.m.Verdict)
	case h.assurance == PlainChannel:
		return h.plain()
	}
	state := h.reg.state(h.op.Code, h.sender.Code, openpgp.Fingerprint(h.m.Fingerprint))
	if state != KeyConfirmed {
		return h.byPolicy(h.op.Policy.Unconfirmed, "the certificate is not confirmed: "+h.m.Fingerprint)
	}
	if h.m.Form == nil {
		return h.letter()
	}
	return h.form()
}

// place finds the operation and the participant that the message belongs to,
// and on what that rests. What comes over a session belongs to its operation,
// whatever the form names: a wrong box A3 is the form's fault, and is answered.
func (h *handling) place() {
	named := ""
	if h.m.Form != nil {
		named = h.m.Form.Normal().Get("A3")
	}
	if h.m.Proven() {
		h.assurance = Signed
		if h.in.Session != nil {
			named = string(h.in.Session.Operation)
		}
		h.op, h.sender = h.reg.place(openpgp.Fingerprint(h.m.Fingerprint), named)
		return
	}
	if h.in.Medium != ByMail || h.m.Encrypted || h.m.Verdict != string(openpgp.None) {
		return
	}
	h.op, h.sender = h.reg.placeAddress(h.m.From, named)
	h.assurance = PlainChannel
}

// ofSession reports whether the message is signed by the session's participant.
func (h *handling) ofSession() bool {
	s := h.in.Session
	return s != nil && h.m.Proven() && h.op != nil && h.sender != nil && s.Participant == h.sender.Code && s.Operation == h.op.Code
}

// untrusted is what nobody proven sent: nothing of it goes back to anyone.
func (h *handling) untrusted(reason string) (func(Ledger) (*Decision, error), error) {
	policy, op := "held", operation.Code("")
	if h.op != nil {
		policy, op = h.op.Policy.Unsigned, h.op.Code
	}
	if h.in.Medium == ByWebSocket {
		policy = "rejected"
	}
	d := &Decision{Verdict: verdictOf(policy), Operation: op, Reason: reason}
	d.Audit = append(d.Audit, h.entry(Collection, "message "+string(d.Verdict)+" unproven", ""))
	return always(d), nil
}

// byPolicy holds or rejects a message whose key proves less than it should;
// nothing is answered.
func (h *handling) byPolicy(policy, reason string) (func(Ledger) (*Decision, error), error) {
	d := &Decision{Verdict: verdictOf(policy), Operation: h.op.Code, Reason: reason}
	d.Audit = append(d.Audit, h.entry(Collection, "message "+string(d.Verdict)+" unconfirmed", ""))
	if d.Verdict != Held || h.m.Form == nil {
		return always(d), nil
	}
	return h.hold(reason, nil, silent), nil
}

func verdictOf(policy string) Verdict {
	if policy == "rejected" {
		return Rejected
	}
	return Held
}

// unreadable is kept whole. A message that was encrypted to somebody else is
// answered by the fixed template, where that gives nothing away.
func (h *handling) unreadable() (func(Ledger) (*Decision, error), error) {
	reason := "unreadable"
	if len(h.m.Problems) > 0 {
		reason = fmt.Sprintf("unreadable (code %d)", h.m.Problems[0].Code)
	}
	d := &Decision{Verdict: Held, Reason: reason}
	d.Audit = append(d.Audit, h.entry(Collection, "message held unreadable", ""))
	if h.in.Medium == ByWebSocket {
		d.Verdict = Rejected
		return always(d), nil
	}
	return h.cannotOpen(d)
}

// letter is a proven message without a form: a reply that confirms a delivery,
// or words for a person to read.
func (h *handling) letter() (func(Ledger) (*Decision, error), error) {
	delivery, err := h.repliesTo()
	if err != nil {
		return nil, err
	}
	if delivery != nil && h.settles(delivery) {
		d := &Decision{Verdict: Noted, Operation: h.op.Code, Sender: h.sender.Code, Reason: "reply confirms a delivery",
			Evidence: []Evidence{h.confirms(delivery.ID, "signed reply")}}
		d.Audit = append(d.Audit, h.entry(Collection, "delivery confirmed by reply", delivery.Reference))
		return always(d), nil
	}
	f := form.New("MSG")
	f.Set("H1", clip(h.m.Text, 2000))
	h.m.Form = f
	var evidence []Evidence
	if delivery != nil {
		evidence = append(evidence, h.confirms(delivery.ID, "signed reply"))
	}
	if len(h.m.Attachments) > 0 {
		return h.hold("a letter with files and without a form", evidence, answerFillIn), nil
	}
	return h.hold("a letter without a form", evidence, answerHeld), nil
}

// settles reports whether a letter says no more than that its writer has the
// delivery: a short reply, or the few words that answer a test call.
func (h *handling) settles(d *Delivery) bool {
	if d.Type == "TST" {
		return len(h.m.Text) <= heardText
	}
	return len(h.m.Attachments) == 0 && len(h.m.Text) <= shortReply
}

// A reply of at most this many bytes to a delivery is an "OK": longer ones are
// for a person to read as well.
const shortReply = 80

func (h *handling) confirms(id DeliveryID, how string) Evidence {
	state := ConfirmedByPerson
	if h.in.Medium == ByWebSocket {
		state = ConfirmedBySystem
	}
	return Evidence{Delivery: id, Outcome: Confirmed, State: state, Channel: h.channel(), At: h.now, Detail: how, By: h.m.Fingerprint}
}

// channel is the kind of channel that the inbound came over.
func (h *handling) channel() operation.ChannelKind {
	switch {
	case h.in.Medium == ByWebSocket:
		return operation.WebSocket
	case h.m.Proven():
		return operation.PGPMail
	}
	return operation.Mail
}

func (h *handling) entry(kind AuditKind, action, reference string) AuditEntry {
	e := AuditEntry{Kind: kind, At: h.now, Actor: "gateway", Action: action, Reference: reference, Channel: string(h.channel())}
	if h.op != nil {
		e.Operation = h.op.Code
	}
	if h.sender != nil {
		e.Actor = string(h.sender.Code)
	}
	return e
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
