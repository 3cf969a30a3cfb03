package torment

import (
	"cmp"
	"fmt"
	"slices"
)

// Kind is which promise was broken.
type Kind string

// The promises.
const (
	Lost       Kind = "lost"       // accepted, and not at a recipient
	Unanswered Kind = "unanswered" // offered, and its sender wasn't told
	Misjudged  Kind = "misjudged"  // accepted, refused or held, and shouldn't
	Doubled    Kind = "doubled"    // twice under different identities
	Altered    Kind = "altered"    // came with another content
	Stray      Kind = "stray"      // came to whom it isn't for
	Leaked     Kind = "leaked"     // content where it may not be read
	Disordered Kind = "disordered" // seq not in order, with a gap, or of two deliveries
	Early      Kind = "early"      // a correction before what it replaces
	Fell       Kind = "fell"       // a delivery's state lost rank
	GaveUp     Kind = "gave up"    // a delivery failed for good
)

// Violation is one broken promise.
type Violation struct {
	Kind Kind
	What string
}

func (v Violation) String() string { return string(v.Kind) + ": " + v.What }

// view is how much of a form a participant may get.
type view int

const (
	nothing view = iota
	noticed      // that a form waits
	reduced      // what may be read in the clear
	whole
)

// view states the policy anew: nominal data goes to those who are cleared,
// TLP:RED to those who are named themselves, and in the clear nothing that is
// marked strictly or holds nominal data.
func (f Form) view(p Participant) view {
	switch {
	case f.Fate != Relayed, p.Code == f.Sender:
		return nothing
	case !slices.Contains(f.To, p.Code) && !slices.Contains(f.To, "ALL"):
		return nothing
	case f.Marking == "TLP:RED" && !slices.Contains(f.To, p.Code):
		return nothing
	case f.Nominal && !p.Cleared:
		return nothing
	case p.Open && (f.Nominal || f.Marking == "TLP:RED" || f.Marking == "TLP:AMBER+STRICT"):
		return noticed
	case p.Open:
		return reduced
	}
	return whole
}

// accepted are the forms that their senders were told are accepted; the caller
// holds mu.
func (b *Book) accepted() map[int]bool {
	yes := map[string]bool{}
	for _, a := range b.answers {
		if a.Accepted {
			yes[a.To+" "+a.Offer] = true
		}
	}
	out := map[int]bool{}
	for _, o := range b.offers {
		if yes[o.sender+" "+o.id] {
			out[o.number] = true
		}
	}
	return out
}

// Awaited is what must still come: an answer to every offer, and every accepted
// form at every recipient. A form that was replaced may have been overtaken; what
// was set aside has no answer, one for each.
func (b *Book) Awaited() []Violation {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.unanswered()
	if len(out) <= len(b.setAside) { // they lie before the unit
		out = nil
	}
	accepted, replaced, have := b.accepted(), b.replaced(), map[string]bool{}
	for _, r := range b.resolved() {
		have[r.By+" "+r.Reference] = true
	}
	for _, f := range b.forms {
		if !accepted[f.Number] || replaced[f.Reference] {
			continue
		}
		for _, p := range b.participants {
			if f.view(p) != nothing && !have[p.Code+" "+f.Reference] {
				out = append(out, Violation{Lost, fmt.Sprintf("%s, accepted from %s, is not at %s", f.Reference, f.Sender, p.Code)})
			}
		}
	}
	slices.SortFunc(out, func(x, y Violation) int { return cmp.Compare(x.What, y.What) })
	return out
}

func (b *Book) unanswered() (out []Violation) {
	answered := map[string]bool{}
	for _, a := range b.answers {
		answered[a.To+" "+a.Offer] = true
	}
	for _, o := range b.offers {
		if f := b.forms[o.number]; f.Fate != Forged && !answered[o.sender+" "+o.id] {
			out = append(out, Violation{Unanswered, fmt.Sprintf("%s of %s, offered as %s", f.Reference, f.Sender, o.id)})
		}
	}
	return out
}

// replaced are the references of forms whose correction or cancellation was
// accepted, and of corrections after which another of the same form was: by the
// gateway's numbers, which count what it accepts.
func (b *Book) replaced() map[string]bool {
	out, accepted := map[string]bool{}, b.accepted()
	of, last := map[string]string{}, map[string]string{} // numbers by reference, and the last that replaces one
	for number, reference := range b.numbers {
		of[reference] = number
	}
	for _, f := range b.forms {
		if f.Replaces != "" && accepted[f.Number] {
			out[f.Replaces] = true
			last[f.Replaces] = max(last[f.Replaces], of[f.Reference])
		}
	}
	for _, f := range b.forms {
		if number := of[f.Reference]; number != "" && number < last[f.Replaces] {
			out[f.Reference] = true
		}
	}
	return out
}

// Violations are all promises that were broken, once nothing is to come any more.
func (b *Book) Violations() []Violation {
	out := b.Awaited()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, judge := range []func() []Violation{b.judgeAnswers, b.judgeReceived, b.judgeShown, b.judgeFrames, b.judgeOrder, b.judgeTold} {
		out = append(out, judge()...)
	}
	return out
}

// cancelled are the references of forms whose cancellation was accepted.
func (b *Book) cancelled() map[string]bool {
	out, accepted := map[string]bool{}, b.accepted()
	for _, f := range b.forms {
		if f.Cancels && accepted[f.Number] {
			out[f.Replaces] = true
		}
	}
	return out
}

// judgeAnswers: one answer to each offer, of the kind that is due. What comes after
// the cancellation of a form that it would replace may be refused.
func (b *Book) judgeAnswers() (out []Violation) {
	cancelled := b.cancelled()
	of := map[string]Form{}
	for _, o := range b.offers {
		of[o.sender+" "+o.id] = b.forms[o.number]
	}
	identity := map[string]string{}
	for _, a := range b.answers {
		key := a.To + " " + a.Offer
		f, known := of[key]
		if !known {
			out = append(out, Violation{Stray, fmt.Sprintf("an answer to %s about %s, which it never offered", a.To, a.Offer)})
			continue
		}
		if first, again := identity[key]; again && first != a.Identity {
			out = append(out, Violation{Doubled, fmt.Sprintf("%s has two answers to %s: %s and %s", a.To, a.Offer, first, a.Identity)})
		}
		identity[key] = a.Identity
		if f.Fate == Relayed && !a.Accepted && !a.Held && cancelled[f.Replaces] {
			continue
		}
		if a.Accepted != (f.Fate == Relayed) || a.Held && f.Fate != Held || f.Fate == Forged {
			out = append(out, Violation{Misjudged, fmt.Sprintf("%s of %s: accepted %t, held %t", f.Reference, f.Sender, a.Accepted, a.Held)})
		}
	}
	return out
}

// judgeReceived: only to whom it is for, as it was offered, under one identity.
func (b *Book) judgeReceived() (out []Violation) {
	identity := map[string]string{}
	for _, r := range b.resolved() {
		n, known := b.byReference[r.Reference]
		if !known || !r.fits(b.forms[n].view(b.participants[r.By])) {
			out = append(out, Violation{Stray, fmt.Sprintf("%s (number %s, a notice: %t) at %s", r.Reference, r.Number, r.Notice, r.By)})
			continue
		}
		if want := b.forms[n].Quantity(); !r.Notice && r.Quantity != want {
			out = append(out, Violation{Altered, fmt.Sprintf("%s at %s: quantity %q instead of %q", r.Reference, r.By, r.Quantity, want)})
		}
		key := r.By + " " + r.Reference
		if first, again := identity[key]; again && first != r.Identity {
			out = append(out, Violation{Doubled, fmt.Sprintf("%s at %s: as %s and as %s", r.Reference, r.By, first, r.Identity)})
		}
		identity[key] = r.Identity
	}
	return out
}

// fits reports whether what came is as much of a form as may come.
func (r Received) fits(v view) bool {
	return r.Notice == (v == noticed) && v != nothing
}

// judgeShown: no mark in the clear, none to whom it is not for.
func (b *Book) judgeShown() (out []Violation) {
	for _, s := range b.shown {
		if s.number >= len(b.forms) {
			continue
		}
		f := b.forms[s.number]
		if s.clear || f.view(b.participants[s.to]) != whole && f.Sender != s.to {
			out = append(out, Violation{Leaked, fmt.Sprintf("content of %s to %s, in the clear %t: %s", f.Reference, s.to, s.clear, s.where)})
		}
	}
	return out
}

// judgeFrames: numbers without gaps, and each for one delivery for ever.
func (b *Book) judgeFrames() (out []Violation) {
	highest := map[string]int64{}
	delivery := map[string]string{}
	number := map[string]int64{}
	for _, f := range b.frames {
		at := fmt.Sprintf("%s %d", f.By, f.Seq)
		switch first, again := delivery[at]; {
		case again && first != f.Delivery:
			out = append(out, Violation{Disordered, fmt.Sprintf("%s is %s and then %s", at, first, f.Delivery)})
		case !again && f.Seq != highest[f.By]+1:
			out = append(out, Violation{Disordered, fmt.Sprintf("%s comes after %d", at, highest[f.By])})
		}
		if n, again := number[f.By+f.Delivery]; again && n != f.Seq {
			out = append(out, Violation{Disordered, fmt.Sprintf("delivery %s to %s is %d and %d", f.Delivery, f.By, n, f.Seq)})
		}
		delivery[at], number[f.By+f.Delivery] = f.Delivery, f.Seq
		highest[f.By] = max(highest[f.By], f.Seq)
	}
	return out
}

// judgeOrder: what a correction or cancellation replaces came before it, or not
// at all.
func (b *Book) judgeOrder() (out []Violation) {
	first := map[string]int64{}
	for _, r := range b.resolved() {
		key := r.By + " " + r.Reference
		if at, again := first[key]; !again || r.Order < at {
			first[key] = r.Order
		}
	}
	for _, f := range b.forms {
		if f.Replaces == "" {
			continue
		}
		for code := range b.participants {
			replacement, came := first[code+" "+f.Reference]
			original, had := first[code+" "+f.Replaces]
			if came && had && original > replacement {
				out = append(out, Violation{Early, fmt.Sprintf("%s came to %s before %s, which it replaces", f.Reference, code, f.Replaces)})
			}
		}
	}
	return out
}

var rank = map[string]int{"pending": 0, "handed over": 1, "failed": 2, "confirmed by system": 3, "confirmed by person": 4}

// judgeTold: ranks only rise, and nothing is given up in a run whose faults all
// pass.
func (b *Book) judgeTold() (out []Violation) {
	last := map[string]string{}
	for _, t := range b.told {
		key := t.Whom + " " + t.Delivery
		if rank[t.State] < rank[last[key]] {
			out = append(out, Violation{Fell, fmt.Sprintf("%s was told of %s: %s, then %s", t.Whom, t.Delivery, last[key], t.State)})
		}
		if t.State == "failed" {
			out = append(out, Violation{GaveUp, fmt.Sprintf("%s was told that %s failed", t.Whom, t.Delivery)})
		}
		last[key] = t.State
	}
	return out
}
