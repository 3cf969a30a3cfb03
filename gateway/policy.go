package gateway

import (
	"slices"
	"strings"
	"time"

	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// View is how much of a form a delivery may show.
type View string

// The views.
const (
	Whole    View = "whole"    // everything, encrypted
	Redacted View = "redacted" // nominal, sensitive and free text withheld, in the clear
	Notified View = "notice"   // "a form waits for you", in the clear
	NoView   View = ""         // withheld
)

// Ruling is the policy's answer for one form, participant and channel.
type Ruling struct {
	View   View
	Code   int    // NAK code that explains a withheld delivery
	Reason string // key of the words that explain it, "" where nothing is withheld
}

func withhold(code int, reason string) Ruling { return Ruling{Code: code, Reason: reason} }

// rule decides what one participant may get of a form over one channel, today.
// It is asked when a form is accepted, so that the sender hears at once what
// is withheld, and again at every attempt, since clearances change. This is
// the only place that enforces nominal data, TLP and handling codes.
func rule(op *operation.Operation, f *Form, p *operation.Participant, ch operation.Channel, now time.Time) Ruling {
	boxes, to := f.Content.Boxes, p.Code
	if !f.named(to) {
		if slices.Contains(boxes.All("A11"), "H2") {
			return withhold(66, "handling-h2")
		}
	}
	if boxes.Get("A13") == "TLP:RED" && !slices.Contains(boxes.All("A7"), string(to)) && !f.reached(to) {
		return withhold(66, "tlp-red")
	}
	if f.Nominal && f.Role == Original && !p.MayReceiveNominal(op.PhaseAt(now)) {
		return withhold(66, "not-cleared")
	}
	switch ch.Kind {
	case operation.WebSocket, operation.PGPMail:
		return Ruling{View: Whole}
	case operation.Mail:
		return rulePlain(f, p, ch)
	case operation.Phone:
		return Ruling{View: Notified}
	}
	return withhold(0, "no-channel")
}

// rulePlain decides for a channel without encryption.
func rulePlain(f *Form, p *operation.Participant, ch operation.Channel) Ruling {
	tlp := f.Content.Boxes.Get("A13")
	if tlp == "TLP:RED" || tlp == "TLP:AMBER+STRICT" {
		return orNotice(p, ch, withhold(66, "tlp-plain"))
	}
	if f.Role != Original {
		return Ruling{View: Redacted}
	}
	if f.Nominal {
		return orNotice(p, ch, withhold(65, "nominal-plain"))
	}
	if p.OnlyPlain() || ch.Fallback == "redacted" || f.Type == "TST" { // a test call holds nobody's data
		return Ruling{View: Redacted}
	}
	return Ruling{View: Notified}
}

// orNotice falls back to a notice where the channel stands beside an encrypted
// one; a participant that has nothing else is told as well that a form waits,
// since a notice holds nothing of it.
func orNotice(_ *operation.Participant, _ operation.Channel, w Ruling) Ruling {
	return Ruling{View: Notified, Code: w.Code, Reason: w.Reason}
}

// named reports whether the originator named the recipient, alone or in a
// group; a correction names whoever its original reached.
func (f *Form) named(to operation.ParticipantCode) bool {
	if f.reached(to) {
		return true
	}
	for _, code := range f.Content.Boxes.All("A7") {
		if code == string(to) || code == "ALL" || code == "EU" {
			return true
		}
	}
	return false
}

// withheldBox reports whether a box is shown as [*] in a redacted copy:
// nominal, sensitive, free text and attachments.
func withheldBox(boxes *form.Form, p *form.Profile) func(addr string) bool {
	return func(addr string) bool {
		code, _, _ := strings.Cut(addr, ".")
		switch code {
		case "A3": // the operation's neutral code may stand in a clear header
			return false
		case "A22":
			return true
		}
		return form.Nominal(boxes, addr, p) || form.Sensitive(addr, p) || form.FreeText(addr)
	}
}

// reached reports whether a correction's original went to the recipient.
func (f *Form) reached(to operation.ParticipantCode) bool {
	return slices.Contains(strings.Fields(f.Content.Facts[factReached]), string(to))
}
