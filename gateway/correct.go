package gateway

import (
	"slices"

	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// correction is what a COR or CAN does to an earlier form.
type correction struct {
	origin *Form
	state  FormState // that the original gets
}

// correct turns a COR into the corrected whole, and finds the form that a COR
// or CAN is about: only its sender's own, and never one that rests on more than
// the correction does. Nominal flags, A16, marking and handling are those of
// the whole and never weaker than the original's.
func (h *handling) correct(sent *form.Form, f *Form, origin *Form) (*correction, error) {
	if f.Type != "COR" && f.Type != "CAN" {
		if origin != nil {
			f.Answers = origin.ID
		}
		return nil, nil
	}
	if origin == nil || origin.Sender != h.sender.Code || origin.Assurance != f.Assurance {
		h.m.Problems = append(h.m.Problems, form.NewProblem(12, form.Error, "A5", map[string]string{"value": sent.Get("A5")}))
		return nil, nil
	}
	f.Answers = origin.ID
	f.Nominal = f.Nominal || origin.Nominal
	if origin.Priority.Rank() < f.Priority.Rank() {
		f.Priority = origin.Priority
	}
	if f.Type == "CAN" {
		return &correction{origin, FormCancelled}, nil
	}
	whole, changes, problems := form.Apply(origin.Content.Boxes, sent)
	h.m.Problems = append(h.m.Problems, problems...)
	h.m.Problems = append(h.m.Problems, form.Check(whole, form.Context{Profile: profile(h.op), Phase: string(h.op.PhaseAt(h.now)), Now: h.now, Legal: h.op.LegalBasis, Received: true})...)
	f.Nominal = f.Nominal || form.IsNominal(whole, profile(h.op))
	f.Content.Changes = changes
	f.Content.Whole = whole.JSON()
	keepStrict(f.Content.Boxes, origin.Content.Boxes)
	return &correction{origin, FormCorrected}, nil
}

// Markings, weakest first.
var markings = []string{"TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"}

// keepStrict carries the original's marking and handling over where the
// correction's are weaker or missing.
func keepStrict(boxes, origin *form.Form) {
	if slices.Index(markings, origin.Get("A13")) > slices.Index(markings, boxes.Get("A13")) {
		boxes.Set("A13", origin.Get("A13"))
	}
	for _, code := range origin.All("A11") {
		if have := boxes.All("A11"); !slices.Contains(have, code) {
			boxes.Set("A11", append(slices.Clone(have), code)...)
		}
	}
}

// recipients are whom the form goes to: those that it names and, for a
// correction or cancellation, everyone who received the original. The original
// is settled in the same transaction.
func (h *handling) recipients(l Ledger, f Form, c *correction) ([]operation.ParticipantCode, error) {
	named, _ := h.op.Expand(f.Content.Boxes.All("A7"), h.g.opt.Code, h.sender.Code)
	if c == nil {
		return named, nil
	}
	reached, err := l.Replace(c.origin.ID, c.state)
	if err != nil {
		return nil, err
	}
	for _, p := range reached {
		if !slices.Contains(named, p) {
			named = append(named, p)
		}
	}
	return named, nil
}
