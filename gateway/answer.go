package gateway

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// words is an answer before it has a reference: a form of type ACK or NAK with
// the facts that its text tells, in whatever language it is read.
type words struct {
	kind     string // ACK or NAK
	about    string // A5
	number   int64  // of the form that it is about
	mode     string // of the form that it is about; "" for none
	facts    map[string]string
	problems []form.Problem
	seen     *form.Form // the form as understood, in a NAK
	// attachments are the gateway's own: its certificate.
	attachments []Attachment
}

// Facts of an answer or notice.
const (
	factSay       = "say"       // which sentence: accepted, repeated, held, refused, failed, …
	factSent      = "sent"      // recipients it goes to
	factWithheld  = "withheld"  // recipients it doesn't, with the reason's key: "US:not-cleared"
	factNumber    = "number"    // "OP-7K3 000123"
	factSeen      = "seen"      // the form as understood, JSON
	factUrgent    = "urgent"    // Y
	factRecipient = "recipient" // of a status notice
	factState     = "state"     // of a status notice
	factReason    = "reason"    // of a status notice, key
	factPhone     = "phone"     // of whom wasn't reached
	factWaiting   = "waiting"   // of a status notice: several deliveries, a line each
	factWaited    = "waited"    // minutes that it waited behind other mail of its sender
	factReached   = "reached"   // of a correction: whom its original reached
	factBlank     = "blank"     // type of a blank form to fill in, which goes along
	factReplyTo   = "reply-to"  // Message-ID of the mail that is answered
	FactAddress   = "address"   // registered address that is answered in the clear, whatever its channels
	FactStyle     = "style"     // style of the mail instead of the channel's own: a test tries another
	FactLines     = "lines"     // what the unit says itself, in the reader's language, instead of the boxes
)

func ackWords(h *handling, f Form, rulings []recipientRuling) words {
	var sent, withheld []string
	for _, r := range rulings {
		if r.View == NoView {
			withheld = append(withheld, string(r.to)+":"+r.Reason)
			continue
		}
		sent = append(sent, string(r.to))
	}
	w := words{kind: "ACK", about: f.Reference, number: f.Number, mode: f.Mode, problems: f.Content.Problems, facts: map[string]string{factSay: "accepted"}}
	if h.assurance == PlainChannel {
		w.facts[factSent] = strconv.Itoa(len(sent))
		w.problems = nil
		return w
	}
	w.facts[factSent], w.facts[factWithheld] = strings.Join(sent, " "), strings.Join(withheld, " ")
	return w
}

func repeatWords(h *handling, known Form, deliveries []Delivery) words {
	w := words{kind: "ACK", about: known.Reference, number: known.Number, mode: known.Mode, facts: map[string]string{factSay: "repeated"}}
	if h.assurance == PlainChannel {
		return w
	}
	var sent []string
	for _, d := range deliveries {
		if d.State != Withheld {
			sent = append(sent, string(d.Participant))
		}
	}
	w.facts[factSent] = strings.Join(sent, " ")
	return w
}

func nakWords(h *handling, f Form, problems []form.Problem) words {
	w := words{kind: "NAK", about: f.Reference, mode: f.Mode, problems: problems, facts: map[string]string{factSay: "refused"}}
	if h.assurance == Signed {
		w.seen = f.Content.Boxes
	}
	return w
}

func heldWords(h *handling, f Form) words {
	w := words{kind: "ACK", about: f.Reference, number: f.Number, mode: f.Mode, facts: map[string]string{factSay: "held"}}
	if f.Priority == Urgent {
		w.facts[factUrgent] = "Y"
	}
	return w
}

// answer adds the answering form to the decision. Over mail it is a delivery of
// its own, in the same transaction; over the WebSocket the adapter takes it
// from the receipt.
func (h *handling) answer(l Ledger, d *Decision, w words) error {
	if h.in.Medium == ByMail && h.m.Reading != nil {
		w.facts[factReplyTo] = h.m.Reading.Header.MessageID
	}
	if minutes := int(h.in.Waited.Minutes()); minutes > 0 {
		w.facts[factWaited] = strconv.Itoa(minutes)
	}
	f, err := h.g.speak(l, h.op, h.sender.Code, Answer, w, h.now)
	if err != nil {
		return err
	}
	f.Answers = d.Subject
	n := NewForm{Form: f}
	if h.in.Medium != ByWebSocket {
		kind, at := h.answerChannel()
		if w.facts[FactAddress] != "" {
			kind, at = operation.Mail, 0
		}
		n.Deliveries = []NewDelivery{{ID: NewDeliveryID(), Participant: h.sender.Code, Channel: kind, ChannelAt: at, Priority: Urgent, State: Pending, NotBefore: h.now}}
	}
	d.Forms = append(d.Forms, n)
	d.Answer = f.ID
	return nil
}

// answerChannel is the registered channel of the kind that the mail came over:
// an answer goes to the participant's own address, never to where the mail
// says.
func (h *handling) answerChannel() (operation.ChannelKind, int) {
	want := h.channel()
	for i, c := range h.sender.Channels {
		if c.Kind == want {
			return c.Kind, i
		}
	}
	return h.sender.Channels[0].Kind, 0
}

// speak makes a form of the gateway's own: an answer or a notice. It is live or an
// exercise as the form is that it is about.
func (g *Gateway) speak(l Ledger, op *operation.Operation, to operation.ParticipantCode, role Role, w words, now time.Time) (Form, error) {
	number, err := l.NextNumber(op.Code)
	if err != nil {
		return Form{}, err
	}
	reference, err := l.NextReference(op.Code, g.opt.Code, referencePrefix(string(g.opt.Code), "GW", now))
	if err != nil {
		return Form{}, err
	}
	if w.number > 0 {
		w.facts[factNumber] = numberText(op.Code, w.number)
	}
	if w.seen != nil {
		w.facts[factSeen] = string(w.seen.JSON())
	}
	f := form.New(w.kind)
	f.Set("A2", form.Version)
	f.Set("A3", string(op.Code))
	f.Set("A4", reference)
	if w.about != "" {
		f.Set("A5", w.about)
	}
	f.Set("A6", string(g.opt.Code))
	f.Set("A7", string(to))
	f.Set("A8", now.UTC().Format(time.RFC3339))
	f.Set("A10", modeAt(op, now))
	if slices.ContainsFunc(form.Codes("mode"), func(c form.CodeInfo) bool { return c.Code == w.mode }) {
		f.Set("A10", w.mode)
	}
	f.Set("A13", "TLP:AMBER")
	f.Set("A16", "N")
	return Form{ID: NewFormID(), Operation: op.Code, Role: role, Number: number, Type: w.kind, Reference: reference, Sender: g.opt.Code, State: FormAccepted,
		Assurance: Signed, Priority: Urgent, Mode: f.Get("A10"), Received: now, Hash: f.ContentHash(),
		Content: Content{Boxes: f, JSON: f.JSON(), Facts: w.facts, Problems: w.problems, Attachments: w.attachments}}, nil
}

// codes lists problem codes: "13 14".
func codes(problems []form.Problem) string {
	var list []string
	for _, p := range problems {
		if p.Severity == form.Error {
			list = append(list, strconv.Itoa(p.Code))
		}
	}
	return strings.Join(list, " ")
}
