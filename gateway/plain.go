package gateway

import (
	"slices"
	"strings"
	"time"

	"liaison/gateway/form"
)

// Types that may come over plain mail, where nothing proves the sender.
var plainTypes = []string{"SEZ", "CTL", "INF", "DLY", "FBK", "ANS", "MSG", "TSR"}

// plain judges an unsigned form from a registered address. It never corrects,
// cancels, answers for or confirms what came signed, and it counts only where
// the sender has nothing better and the mail server vouches for the address.
func (h *handling) plain() (func(Ledger) (*Decision, error), error) {
	if answer, err := h.plainAnswer(); answer != nil || err != nil {
		return answer, err
	}
	reason, err := h.plainDoubt()
	switch {
	case err != nil:
		return nil, err
	case h.m.Form == nil && reason != "":
		return h.untrusted("plain mail without a form; " + reason)
	case h.m.Form == nil:
		return h.plainLetter(), nil
	case reason != "":
		return h.hold(reason, nil, silent), nil
	}
	if h.plainNominal() {
		return h.nominalInClear()
	}
	if !slices.Contains(plainTypes, h.m.Form.Type()) {
		return h.hold("a plain form of type "+h.m.Form.Type(), nil, answerHeld), nil
	}
	return h.form()
}

// plainAnswer is the few words that answer a test call: they are kept with the
// test. nil for everything else.
func (h *handling) plainAnswer() (func(Ledger) (*Decision, error), error) {
	if h.m.Form != nil {
		return nil, nil
	}
	delivery, err := h.repliesTo()
	if err != nil || delivery == nil || delivery.Type != "TST" || !h.settles(delivery) {
		return nil, err
	}
	d := &Decision{Verdict: Noted, Operation: h.op.Code, Sender: h.sender.Code, Reason: "plain reply to a test call",
		Audit: []AuditEntry{h.entry(Collection, "test call answered", delivery.Reference)}}
	return always(d), nil
}

// plainLetter is plain mail without a form, from an address that the mail server
// vouches for: a person reads it, and its sender hears once an hour what to do.
func (h *handling) plainLetter() func(Ledger) (*Decision, error) {
	d := &Decision{Verdict: Held, Operation: h.op.Code, Reason: "plain mail without a form", Audit: []AuditEntry{h.entry(Collection, "message held unproven", "")}}
	say := "fill-in"
	if len(h.m.Attachments) > 0 {
		say = "nominal-plain" // whatever is in them: files don't belong on this channel
	}
	return h.onceAnHour(d, say)
}

// plainDoubt says why a plain form from this sender must wait for a person, ""
// where it need not.
func (h *handling) plainDoubt() (string, error) {
	certs, err := h.g.opt.Ring.Recipients(h.ctx, h.op.Code, h.sender.Code)
	if err != nil {
		return "", err
	}
	if len(certs) > 0 || !h.sender.OnlyPlain() {
		return "plain mail from a participant that has a key", nil
	}
	for _, c := range h.sender.Channels {
		if c.Trust == "call-back" && strings.EqualFold(c.Address, h.m.From) {
			return "this address is trusted after a call back", nil
		}
	}
	if !h.m.Reading.Aligned(h.g.opt.AuthServ) {
		return "the mail server reports no DMARC alignment for this address", nil
	}
	return "", nil
}

// plainNominal reports nominal content or an attachment, which a plain channel
// must not carry.
func (h *handling) plainNominal() bool {
	return len(h.m.Attachments) > 0 || h.m.Form.Get("A16") == "Y" || form.IsNominal(h.m.Form, profile(h.op))
}

// nominalInClear holds the form and tells the sender, once and without echo,
// not to send it again.
func (h *handling) nominalInClear() (func(Ledger) (*Decision, error), error) {
	declaredNominal(h.m.Form, h.m.Attachments)
	full := h.g.fill(h.m.Form, h.op, h.sender.Code, nil, h.m.Attachments, h.now)
	f := h.record(h.m.Form, full)
	f.State = FormHeld
	return func(l Ledger) (*Decision, error) {
		if d, err := h.repeat(l, f); d != nil || err != nil {
			return d, err
		}
		f := f
		if err := h.assign(l, &f); err != nil {
			return nil, err
		}
		d := &Decision{Verdict: Held, Operation: h.op.Code, Sender: h.sender.Code, Subject: f.ID, Forms: []NewForm{{Form: f}},
			Reason: "nominal data or an attachment on an open channel", Audit: []AuditEntry{h.entry(Collection, "form held: nominal data on an open channel", f.Reference)}}
		w := h.template("nominal-plain")
		w.mode = f.Mode
		return d, h.answer(l, d, w)
	}, nil
}

// templateEvery is how often one address gets the template.
const templateEvery = time.Hour

// cannotOpen answers a mail that can't be opened, in the clear and by fixed
// words, to a registered address with aligned DMARC alone, once per address and
// hour. Our certificate goes along: most of these were encrypted to an old one.
func (h *handling) cannotOpen(d *Decision) (func(Ledger) (*Decision, error), error) {
	if !h.m.undecryptable() || !h.m.Reading.Aligned(h.g.opt.AuthServ) {
		return always(d), nil
	}
	h.op, h.sender = h.reg.placeAddress(h.m.From, "")
	if h.sender == nil {
		return always(d), nil
	}
	d.Operation = h.op.Code
	return h.onceAnHour(d, "undecryptable"), nil
}

// onceAnHour adds a template to a decision, unless the address got it within the
// hour: what answers by itself at the other end must not keep us talking.
func (h *handling) onceAnHour(d *Decision, template string) func(Ledger) (*Decision, error) {
	return func(l Ledger) (*Decision, error) {
		d := *d
		told, err := l.Once(template+" "+strings.ToLower(h.m.From), h.now, templateEvery)
		if err != nil || told {
			return &d, err
		}
		return &d, h.answer(l, &d, h.template(template))
	}
}
