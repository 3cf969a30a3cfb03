package gateway

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"liaison/gateway/entity"
	"liaison/gateway/operation"
)

// CodeLetters are those of a test code: none is mistaken for another when it is
// read out, and no words come of them.
const CodeLetters = "23456789BCDFGHJKMNPQRTVWXZ"

// A test code as people write it: two groups of five.
var codePattern = regexp.MustCompile(`[` + CodeLetters + `]{5}[ -]?[` + CodeLetters + `]{5}`)

// Letters of national keyboards that look like those of a code.
var lookalikes = strings.NewReplacer("В", "B", "С", "C", "Н", "H", "К", "K", "М", "M", "Р", "P", "Т", "T", "Х", "X",
	"Β", "B", "Η", "H", "Κ", "K", "Μ", "M", "Ν", "N", "Ρ", "P", "Τ", "T", "Χ", "X", "Ζ", "Z", "‐", "-", "‑", "-", "–", "-", "—", "-", "\u00a0", " ")

// codesMost bounds how many codes of one message are looked up.
const codesMost = 8

// TestCode is a test code as it is compared: "K7QF2MXD9R".
func TestCode(written string) string {
	return strings.NewReplacer("-", "", " ", "").Replace(lookalikes.Replace(strings.ToUpper(strings.TrimSpace(written))))
}

// testCodes are what looks like a test code in a text.
func testCodes(text string) []string {
	var out []string
	for _, found := range codePattern.FindAllString(lookalikes.Replace(strings.ToUpper(text)), codesMost) {
		if code := TestCode(found); !slices.Contains(out, code) {
			out = append(out, code)
		}
	}
	return out
}

// probe finds the question that the message is about: by the delivery that it
// replies to or reports on, by the form that it answers, by a test code in it,
// in that order. A message about another delivery of ours is about no question,
// whatever it quotes. It says nothing of who sent it.
func (h *handling) probe() (*Probe, error) {
	tests := h.g.opt.Tests
	if r := h.m.Reading; r != nil {
		for _, id := range h.namedDeliveries() {
			if p, err := tests.ProbeOf(h.ctx, "", DeliveryID(id), ""); p != nil || err != nil {
				return p, err
			}
			if _, err := h.g.opt.Reads.Delivery(h.ctx, DeliveryID(id)); !errors.Is(err, ErrNotFound) {
				return nil, err
			}
		}
	}
	ops, err := h.operationsHere()
	if err != nil {
		return nil, err
	}
	codes := h.codes()
	for _, op := range ops {
		for _, reference := range h.namedForms(op) {
			if p, known, err := h.probeOfForm(op, reference); known || err != nil {
				return p, err
			}
		}
		for _, code := range codes {
			p, err := tests.ProbeOf(h.ctx, op, "", code)
			if err != nil || p != nil && (h.sender == nil || h.sender.Code == p.Participant) {
				return p, err
			}
		}
	}
	return h.probeOfSender()
}

// probeOfSender is the newest question to whom the message claims to be from,
// where it says neither to which call it belongs nor by which code: it can't be
// opened here, or it is a test's reply of somebody who couldn't open the call.
func (h *handling) probeOfSender() (*Probe, error) {
	unreadable := h.m.Kind == entity.Unreadable
	reply := h.m.Form != nil && h.m.Form.Type() == "TSR" && len(h.codes()) == 0
	if !unreadable && !reply {
		return nil, nil
	}
	op, who, err := h.claims()
	if err != nil || who == nil {
		return nil, err
	}
	for i, ch := range who.Channels {
		if (ch.Kind == operation.WebSocket) != (h.in.Medium == ByWebSocket) || ch.Kind == operation.Phone {
			continue
		}
		if p, err := h.g.opt.Tests.NewestProbe(h.ctx, op.Code, who.Code, i); p != nil || err != nil {
			return p, err
		}
	}
	return nil, nil
}

// claims is whom the message claims to be from: by its session, which is proven, or
// by its From, which isn't.
func (h *handling) claims() (op *operation.Operation, who *operation.Participant, err error) {
	if s := h.in.Session; s != nil {
		if op, err = h.g.operation(h.ctx, s.Operation); err != nil || op == nil {
			return nil, nil, err
		}
		return op, op.Participant(s.Participant), nil
	}
	claimed := ""
	if h.m.Form != nil {
		claimed = h.m.Form.Normal().Get("A3")
	}
	op, who = h.reg.placeAddress(h.m.From, claimed)
	return op, who, nil
}

// ofAnother reports whether one of the codes belongs to another question.
func (h *handling) ofAnother(p *Probe, codes []string) (bool, error) {
	for _, code := range codes {
		if code == p.Code {
			continue
		}
		other, err := h.g.opt.Tests.ProbeOf(h.ctx, p.Operation, "", code)
		if err != nil || other != nil {
			return other != nil, err
		}
	}
	return false, nil
}

// namedDeliveries are the deliveries whose ids stand in the mail's headers.
func (h *handling) namedDeliveries() []string {
	r := h.m.Reading
	ids := append([]string{r.Header.InReplyTo}, r.Header.References...)
	if r.Original != nil {
		ids = append(ids, r.Original.MessageID)
	}
	ids = append(ids, r.Recipients()...)
	ids = append(ids, h.in.Envelope.To...)
	return deliveryPattern.FindAllString(strings.Join(ids, " "), codesMost)
}

// namedForms are the references by which the message may name a question: in
// A5, or the number in its subject.
func (h *handling) namedForms(op operation.Code) []string {
	var out []string
	if h.m.Form != nil && h.m.Form.Get("A5") != "" {
		out = append(out, h.m.Form.Normal().Get("A5"))
	}
	if h.m.Reading != nil {
		for _, subject := range []string{h.m.Reading.Subject(), h.m.Reading.Header.Subject} {
			if match := numberPattern.FindStringSubmatch(subject); match != nil && operation.Code(match[1]) == op && !slices.Contains(out, match[0]) {
				out = append(out, match[0])
			}
		}
	}
	return out
}

// probeOfForm is the question that a form is; known where there is such a form at
// all.
func (h *handling) probeOfForm(op operation.Code, reference string) (p *Probe, known bool, err error) {
	f, err := h.g.opt.Reads.FormByReference(h.ctx, op, "", reference)
	if errors.Is(err, ErrNotFound) {
		return nil, false, nil
	}
	if err != nil || f.Type != "TST" || f.Sender != h.g.opt.Code {
		return nil, true, err
	}
	ds, err := h.g.opt.Reads.DeliveriesOf(h.ctx, f.ID)
	if err != nil || len(ds) == 0 {
		return nil, true, err
	}
	p, err = h.g.opt.Tests.ProbeOf(h.ctx, "", ds[0].ID, "")
	return p, true, err
}

// operationsHere are the operations whose test the message may be about.
func (h *handling) operationsHere() ([]operation.Code, error) {
	if h.op != nil {
		return []operation.Code{h.op.Code}, nil
	}
	ops, err := h.g.operations(h.ctx)
	if err != nil {
		return nil, err
	}
	var out []operation.Code
	for code := range ops {
		out = append(out, code)
	}
	slices.Sort(out)
	return out, nil
}

// codes are the test codes anywhere in the message, those of box T2 first.
func (h *handling) codes() []string {
	var out []string
	if h.m.Form != nil {
		if code := TestCode(h.m.Form.Get("T2")); code != "" {
			out = append(out, code)
		}
	}
	if h.m.Reading == nil {
		return out
	}
	return append(out, testCodes(h.m.Reading.Text)...)
}
