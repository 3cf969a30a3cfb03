package gateway

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"liaison/gateway/entity"
	"liaison/gateway/operation"
)

// automated records what a machine wrote as evidence on the delivery that it
// concerns. It is never answered (RFC 3834).
func (h *handling) automated() (func(Ledger) (*Decision, error), error) {
	delivery, err := h.repliesTo()
	if err != nil {
		return nil, err
	}
	d := &Decision{Verdict: Noted, Reason: string(h.m.Kind)}
	if delivery == nil {
		d.Reason += ", ties to no delivery of ours"
		return always(d), nil
	}
	d.Operation = delivery.Operation
	d.Audit = []AuditEntry{{Kind: Collection, At: h.now, Actor: "gateway", Action: "report received: " + string(h.m.Kind), Operation: delivery.Operation, Reference: delivery.Reference}}
	op, err := h.g.operation(h.ctx, delivery.Operation)
	if err != nil {
		return nil, err
	}
	return func(l Ledger) (*Decision, error) {
		d := *d
		return &d, h.reported(l, &d, op, *delivery)
	}, nil
}

// reported adds to a decision what an automated mail says about a delivery. One that
// came back from its channel for good goes on over the next, as long as nothing took
// the form's place; from the last it has failed. From a channel that was given up
// before, it is no news.
func (h *handling) reported(l Ledger, out *Decision, op *operation.Operation, d Delivery) error {
	e := h.observed(&d)
	defer func() { out.Evidence = []Evidence{e} }()
	if e.State != Failed || d.State.Rank() >= Failed.Rank() || d.State == Withheld {
		return nil
	}
	channels := h.g.channels(op, d.Participant)
	if at := h.reportedAt(channels, d); at < d.ChannelAt {
		if e.State = ""; at < len(channels) {
			e.Channel = channels[at].Kind
		}
		return nil
	}
	replaced, err := replacedBy(l, d)
	if err != nil {
		return err
	}
	if !h.g.hasNext(op, d) || replaced {
		if d.Role != Original {
			return nil
		}
		return h.g.tellSender(h.ctx, l, out, d, Failed, "bounced", h.now)
	}
	e.State = ""
	return h.g.goOn(h.ctx, l, out, op, d, "bounced", h.now)
}

// replacedBy reports whether a correction or cancellation took the place of what a
// delivery brings: that goes to the participant too, on its own.
func replacedBy(l Ledger, d Delivery) (bool, error) {
	f, err := l.Form(d.Form)
	if err != nil || f.Role != Original || f.Type == "CAN" {
		return false, err
	}
	origin := f.ID
	if f.Type == "COR" && f.Answers != "" {
		origin = f.Answers
	}
	latest, state, err := l.Version(origin)
	return latest != f.ID || state == FormCancelled, err
}

// reportedAt is the index of the channel that a report is about: the address that it
// came to says so. Where that says nothing, it is the last that goes by mail.
func (h *handling) reportedAt(channels []operation.Channel, d Delivery) int {
	tags := strings.Join(append(h.m.Reading.Recipients(), h.in.Envelope.To...), " ")
	for _, tag := range tagPattern.FindAllStringSubmatch(tags, 8) {
		if DeliveryID(tag[1]) == d.ID {
			at, _ := strconv.Atoi(tag[2]) // none is the first
			return min(at, d.ChannelAt)
		}
	}
	at := d.ChannelAt
	for 0 < at && at < len(channels) && channels[at].Kind == operation.WebSocket {
		at--
	}
	return at
}

// observed is what an automated mail says about a delivery. A bounce is final
// only where the server says that it won't try again.
func (h *handling) observed(delivery *Delivery) Evidence {
	e := Evidence{Delivery: delivery.ID, Outcome: Observed, Channel: delivery.Channel, At: h.now, Detail: string(h.m.Kind), By: "mail server"}
	for _, r := range h.m.Reading.Bounce {
		e.Detail = strings.TrimSpace(fmt.Sprintf("%s %s %s", h.m.Kind, r.Status, r.Cause))
		if h.m.Kind == entity.Bounce && r.Final {
			e.Outcome, e.State = Refuted, Failed
		}
	}
	return e
}

// receiptForm is an ACK or NAK from a participant: evidence on the delivery
// that it names, never relayed, never answered.
func (h *handling) receiptForm() (func(Ledger) (*Decision, error), error) {
	d := &Decision{Verdict: Noted, Operation: h.op.Code, Sender: h.sender.Code, Reason: h.m.Form.Type() + " received"}
	delivery, err := h.aboutDelivery()
	if err != nil {
		return nil, err
	}
	if delivery == nil {
		d.Reason += ", about nothing that went to its sender"
		return always(d), nil
	}
	e := h.confirms(delivery.ID, h.m.Form.Type()+" "+h.m.Form.Get("A4"))
	if h.m.Form.Type() == "NAK" {
		e.Outcome = Observed // it arrived and was opened, though its reader objects
	}
	d.Evidence = []Evidence{e}
	d.Audit = []AuditEntry{h.entry(Collection, "receipt "+h.m.Form.Type(), delivery.Reference)}
	return always(d), nil
}

// aboutDelivery finds the delivery to the sender of the form in A5, or the one
// that the mail replies to.
func (h *handling) aboutDelivery() (*Delivery, error) {
	for _, reference := range h.m.Form.All("A5") {
		f, err := h.g.opt.Reads.FormByReference(h.ctx, h.op.Code, "", reference)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return h.deliveryOf(f.ID)
	}
	return h.repliesTo()
}

func (h *handling) deliveryOf(id FormID) (*Delivery, error) {
	ds, err := h.g.opt.Reads.DeliveriesOf(h.ctx, id)
	if err != nil {
		return nil, err
	}
	for i := range ds {
		if ds[i].Participant == h.sender.Code {
			return &ds[i], nil
		}
	}
	return nil, nil
}

// A delivery's id as it stands in Message-IDs, and in address tags with the index of the
// channel behind it.
var (
	deliveryPattern = regexp.MustCompile(deliveryID)
	tagPattern      = regexp.MustCompile(`\+d-(` + deliveryID + `)(?:\.([0-9]{1,3}))?@`)
)

const deliveryID = `[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`

// The number of a form as it stands in subjects: "OP-7K3 000123".
var numberPattern = regexp.MustCompile(`\b([A-Z0-9][A-Z0-9-]{1,15}) ([0-9]{6,})\b`)

// repliesTo finds the delivery that a mail answers or reports on: by
// In-Reply-To and the returned original, by the reference, by the address tag,
// in that order. From a proven sender it must be a delivery to that sender.
func (h *handling) repliesTo() (*Delivery, error) {
	r := h.m.Reading
	header := r.Header
	ids := append([]string{header.InReplyTo}, header.References...)
	if r.Original != nil {
		ids = append(ids, r.Original.MessageID)
	}
	for _, id := range deliveryPattern.FindAllString(strings.Join(ids, " "), 8) {
		if d, err := h.ownDelivery(DeliveryID(id)); d != nil || err != nil {
			return d, err
		}
	}
	if d, err := h.byNumber(r.Subject()); d != nil || err != nil {
		return d, err
	}
	tags := strings.Join(append(r.Recipients(), h.in.Envelope.To...), " ")
	for _, id := range deliveryPattern.FindAllString(tags, 8) {
		if d, err := h.ownDelivery(DeliveryID(id)); d != nil || err != nil {
			return d, err
		}
	}
	return nil, nil
}

func (h *handling) ownDelivery(id DeliveryID) (*Delivery, error) {
	d, err := h.g.opt.Reads.Delivery(h.ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil || h.sender != nil && (d.Participant != h.sender.Code || d.Operation != h.op.Code) {
		return nil, err
	}
	return d, nil
}

// byNumber finds the delivery by the number in a subject, where the sender is
// proven: an automated mail's subject proves nothing.
func (h *handling) byNumber(subject string) (*Delivery, error) {
	match := numberPattern.FindStringSubmatch(subject)
	if match == nil || h.sender == nil || !h.m.Proven() || operation.Code(match[1]) != h.op.Code {
		return nil, nil
	}
	f, err := h.g.opt.Reads.FormByReference(h.ctx, h.op.Code, "", match[0])
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return h.deliveryOf(f.ID)
}
