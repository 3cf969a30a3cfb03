package gateway

import (
	"errors"
	"fmt"
	"slices"

	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// correction is what a COR or CAN does to an earlier form.
type correction struct {
	origin *Form
	latest FormID    // the version that was read: the original or a correction of it
	state  FormState // that the original gets
}

// errOvertaken ends a decision about a form that another one changed since it was
// read: it is decided anew.
var errOvertaken = errors.New("another correction or cancellation of this form came first")

// still makes sure that nobody changed the form meanwhile.
func (c *correction) still(l Ledger) error {
	latest, state, err := l.Version(c.origin.ID)
	if err == nil && (latest != c.latest || state != c.origin.State) {
		err = errOvertaken
	}
	return err
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
	if origin == nil || origin.Sender != h.sender.Code || f.Assurance.restsOnLess(origin.Assurance) {
		h.m.Problems = append(h.m.Problems, form.NotYours(sent.Get("A5")))
		return nil, nil
	}
	f.Answers = origin.ID
	latest, version, err := h.latest(origin)
	if err != nil {
		return nil, err
	}
	f.Nominal = f.Nominal || origin.Nominal || latest.Nominal
	for _, p := range []Priority{origin.Priority, latest.Priority} {
		if p.Rank() < f.Priority.Rank() {
			f.Priority = p
		}
	}
	if f.Type == "CAN" {
		return &correction{origin, latest.ID, FormCancelled}, nil
	}
	whole, changes, problems := form.Apply(version, sent)
	h.m.Problems = append(h.m.Problems, problems...)
	h.m.Problems = append(h.m.Problems, form.Check(whole, form.Context{Profile: profile(h.op), Phase: string(h.op.PhaseAt(h.now)), Now: h.now, Legal: h.op.LegalBasis, Received: true})...)
	f.Nominal = f.Nominal || form.IsNominal(whole, profile(h.op))
	f.Content.Changes = changes
	f.Content.Whole = whole.JSON()
	keepStrict(f.Content.Boxes, version)
	return &correction{origin, latest.ID, FormCorrected}, nil
}

// latest is the newest correction of a form, or itself where there is none, and what
// the form says by now: corrections name the original, and each goes on from the one
// before it.
func (h *handling) latest(origin *Form) (*Form, *form.Form, error) {
	c, err := h.g.opt.Reads.Corrected(h.ctx, origin)
	if errors.Is(err, ErrNotFound) {
		return origin, origin.Content.Boxes, nil
	}
	if err != nil {
		return nil, nil, err
	}
	whole, _ := form.ParseJSON(c.Content.Whole)
	if whole == nil {
		return nil, nil, fmt.Errorf("read the corrected form of %s: it can't be parsed", c.ID)
	}
	return c, whole, nil
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
// correction or cancellation, everyone who received the original or a correction of
// it. Who still waits for the original gets what is corrected instead. The original
// is settled in the same transaction.
func (h *handling) recipients(l Ledger, f Form, c *correction) ([]operation.ParticipantCode, error) {
	named, _ := h.op.Expand(f.Content.Boxes.All("A7"), h.g.opt.Code, h.sender.Code)
	if c == nil {
		return named, nil
	}
	if err := c.still(l); err != nil {
		return nil, err
	}
	return replace(l, c.origin.ID, c.state, named)
}

// replace settles the original of a correction or cancellation, and adds to those whom
// that names who else must hear of it.
func replace(l Ledger, origin FormID, state FormState, named []operation.ParticipantCode) ([]operation.ParticipantCode, error) {
	reached, err := l.Replace(origin, state)
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
