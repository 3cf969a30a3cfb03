package form

import (
	"slices"
	"strings"
)

// freeText are the boxes in which a person can write anything.
var freeText = []string{"A12", "C2", "D2", "H1", "H2", "K11", "K12", "Q5"}

// FreeText reports whether anything at all can stand in a box, so that it is
// withheld on plain channels.
func FreeText(addr string) bool {
	a, ok := parseAddress(addr)
	return ok && slices.Contains(freeText, a.code)
}

// Nominal reports whether a box holds personal data, judged with what stands
// beside it: E3 by its E2, G8, G9 and G14 by the person's names, G12 by G2.
// What nobody declared harmless counts as nominal.
func Nominal(f *Form, addr string, p *Profile) bool {
	a, ok := parseAddress(addr)
	if !ok {
		return true
	}
	if x, ok := p.extra(a.code); ok {
		return x.Nominal == nil || *x.Nominal
	}
	b, known := a.box()
	if a.removesRow() {
		return false
	}
	if !known || (a.row > 1 && !a.grouped()) {
		return true
	}
	beside := func(code string) string {
		return strings.ToUpper(strings.TrimSpace(f.Get(address{code, a.row}.String())))
	}
	switch b.Nominal {
	case "craft":
		return !slices.Contains(impersonal, beside("E2"))
	case "postal":
		return slices.ContainsFunc(f.All(addr), postal)
	case "linked":
		return linked(f, a.row)
	case "trader":
		return beside("G2") != "B"
	case "attachment":
		return slices.ContainsFunc(f.All(addr), nominalAttachment)
	}
	return b.Flag == "N"
}

// impersonal are the kinds of identifiers that don't lead to a person: those of
// ships, flights and wagons. A road vehicle's or a small aircraft's does, and so
// may one of a kind that we can't tell.
var impersonal = []string{"IMO", "MMSI", "CALL", "ENI", "NAME", "FLIGHT", "UIC"}

// linked reports whether row's person can be told from others.
func linked(f *Form, row int) bool {
	for _, code := range []string{"G3", "G4", "G5", "G6", "G7", "G10", "G11", "G13"} {
		if f.Get(address{code, row}.String()) != "" {
			return true
		}
	}
	return false
}

// postal reports whether a document is a postal item number, which leads to a
// private person.
func postal(doc string) bool {
	kind, _, _ := strings.Cut(strings.ToUpper(doc), ":")
	kind = strings.TrimSpace(kind)
	return kind == "S10" || kind == "CN22" || kind == "CN23" || kind == "CN22/23" || S10(strings.TrimSpace(doc)) == nil
}

// Sensitive reports whether a box must stay out of logs, metrics and
// newsletters though it names no person.
func Sensitive(addr string, p *Profile) bool {
	a, ok := parseAddress(addr)
	if !ok {
		return true
	}
	if x, ok := p.extra(a.code); ok {
		return x.Sensitive
	}
	b, _ := a.box()
	return b.Flag == "S"
}

// IsNominal reports whether any filled box is nominal.
func IsNominal(f *Form, p *Profile) bool {
	return slices.ContainsFunc(f.Addresses(), func(addr string) bool {
		return slices.ContainsFunc(f.All(addr), filled) && Nominal(f, addr, p)
	})
}

// filled: neither empty, nor withheld, nor a deletion.
func filled(v string) bool { return !blank(v) && v != withheld && v != remove }
