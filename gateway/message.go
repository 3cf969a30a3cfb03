package gateway

import (
	"context"
	"fmt"

	"liaison/gateway/entity"
	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// Examine opens an inbound and says what is in it, for a person who decides on
// it. Nothing is recorded.
func (g *Gateway) Examine(ctx context.Context, in *Inbound) (*Message, error) {
	h, err := g.handling(ctx, in)
	if err != nil {
		return nil, err
	}
	return h.m, nil
}

// Taken decides what follows when a person takes the form in a held message,
// from which none came by itself, as one of a participant's. It rests on no more
// than a plain channel, whatever signature is on it, and is marked so for ever.
// A form that would not be accepted is a Refused error that says why; id is the
// record's of the message.
func (g *Gateway) Taken(ctx context.Context, in *Inbound, id string, code operation.Code, from operation.ParticipantCode) (func(Ledger) (*Decision, error), error) {
	h, err := g.handling(ctx, in)
	if err != nil {
		return nil, err
	}
	if h.op = h.reg.ops[code]; h.op == nil {
		return nil, Errorf(Refused, "", "operation %q is not in force", code)
	}
	if h.sender = h.op.Participant(from); h.sender == nil {
		return nil, Errorf(Refused, "", "%q is no participant of %s", from, code)
	}
	if h.m.Form == nil {
		return nil, Errorf(Refused, "", "there is no form in this message; answer it with the template \"fill-in\", or refuse it")
	}
	h.assurance = PlainChannel
	decide, err := h.form()
	if err != nil {
		return nil, err
	}
	return func(l Ledger) (*Decision, error) {
		d, err := decide(l)
		if err != nil {
			return nil, err
		}
		if d.Verdict != Accepted {
			return nil, Errorf(Refused, "", "the form in it would be %s: %s", d.Verdict, d.Reason)
		}
		for i := range d.Forms {
			if f := &d.Forms[i].Form; f.Role == Original {
				f.Inbound = id
			}
		}
		return d, nil
	}, nil
}

// Templates are the fixed answers that a person may send to a held message.
var Templates = map[string]string{
	"undecryptable": "it could not be opened with our key",
	"fill-in":       "please fill in this form (a blank one goes along)",
	"call":          "we could not process it; call us",
}

// Answered decides on a template as the answer to a held message: in the clear,
// to a registered address alone, and never to what a machine wrote.
func (g *Gateway) Answered(ctx context.Context, in *Inbound, template string) (func(Ledger) (*Decision, error), error) {
	if Templates[template] == "" {
		return nil, Errorf(Refused, "", "there is no template %q", template)
	}
	h, err := g.handling(ctx, in)
	if err != nil {
		return nil, err
	}
	switch h.m.Kind {
	case entity.Bounce, entity.Delay, entity.Delivered, entity.ReadReceipt, entity.Feedback, entity.AutoReply:
		return nil, Errorf(Refused, "", "a machine wrote this message (%s): it is never answered", h.m.Kind)
	}
	if h.op, h.sender = h.reg.placeAddress(h.m.From, ""); h.sender == nil {
		return nil, Errorf(Refused, "", "its sender has no registered address, or several: nobody is answered whom no operation knows")
	}
	return func(l Ledger) (*Decision, error) {
		d := &Decision{Verdict: Held, Operation: h.op.Code}
		return d, h.answer(l, d, h.template(template))
	}, nil
}

// template is a fixed answer in words.
func (h *handling) template(name string) words {
	w := words{kind: "ACK", facts: map[string]string{factSay: name, FactAddress: h.m.From}}
	switch name {
	case "undecryptable":
		w.kind, w.problems = "NAK", []form.Problem{form.NewProblem(64, form.Error, "", nil)}
		w.attachments = []Attachment{{Name: "certificate.asc", Type: "application/pgp-keys", Content: h.g.key().Certificate().Armored()}}
	case "nominal-plain":
		w.kind, w.problems = "NAK", []form.Problem{form.NewProblem(65, form.Error, "", nil)}
	case "fill-in":
		w.facts[factBlank] = "SEZ"
	}
	return w
}

// handling examines an inbound.
func (g *Gateway) handling(ctx context.Context, in *Inbound) (*handling, error) {
	reg, err := g.registry(ctx)
	if err != nil {
		return nil, err
	}
	x := Examiner{Keys: g.opt.Keys, Registry: reg, Limits: g.opt.Limits, At: g.opt.Now()}
	h := &handling{g: g, ctx: ctx, in: in, reg: reg, now: g.opt.Now()}
	if in.Medium == ByWebSocket {
		h.m = x.Sealed(in.Raw)
	} else {
		h.m = x.Mail(in.Raw)
	}
	if reg.err != nil { // the message may be fine: our key store isn't
		return nil, fmt.Errorf("look up certificates: %w", reg.err)
	}
	return h, nil
}
