package form

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Fault is one thing wrong with a profile, and the keys that lead to it in the
// file: "require", "SEZ".
type Fault struct {
	At      []string
	Message string
}

// Faults names every form type, box and code of a profile that doesn't exist,
// and every box that it would redefine.
func (p *Profile) Faults() []Fault {
	if p == nil {
		return nil
	}
	return slices.Concat(p.typeFaults(), p.codeFaults(), p.labelFaults())
}

func fault(format string, args []any, at ...string) Fault {
	return Fault{at, fmt.Sprintf(format, args...)}
}

func (p *Profile) typeFaults() (out []Fault) {
	for _, typ := range p.Use {
		if !listed("form-type", typ) {
			out = append(out, fault("there is no form type %s; the types are %s", []any{typ, strings.Join(codesOf("form-type"), " ")}, "use"))
		}
	}
	for _, typ := range slices.Sorted(maps.Keys(p.Require)) {
		if !listed("form-type", typ) {
			out = append(out, fault("there is no form type %s", []any{typ}, "require", typ))
		}
		for _, box := range p.Require[typ] {
			if !p.knows(box) {
				out = append(out, fault("%s: there is no box %s", []any{typ, box}, "require", typ))
			}
		}
	}
	return out
}

func (p *Profile) codeFaults() (out []Fault) {
	for _, box := range slices.Sorted(maps.Keys(p.Restrict)) {
		if !p.knows(box) {
			out = append(out, fault("there is no box %s", []any{box}, "restrict", box))
			continue
		}
		b, _ := boxOf(box)
		for _, code := range p.Restrict[box] {
			if b.List != "" && !listed(b.List, code) && !isCountry(box, code) {
				out = append(out, fault("box %s: there is no code %s", []any{box, code}, "restrict", box))
			}
		}
	}
	return out
}

func (p *Profile) labelFaults() (out []Fault) {
	for _, x := range p.Extra {
		if a, ok := parseAddress(x.Code); !ok || a.group() != "X" {
			out = append(out, fault("box %s: an operation adds boxes X1 to X99 only", []any{x.Code}, "boxes"))
		}
	}
	for _, lang := range slices.Sorted(maps.Keys(p.Labels)) {
		for _, box := range slices.Sorted(maps.Keys(p.Labels[lang])) {
			if !p.knows(box) {
				out = append(out, fault("there is no box %s to label", []any{box}, "labels", lang, box))
			}
		}
	}
	return out
}

func (p *Profile) knows(box string) bool {
	_, extra := p.extra(box)
	_, known := boxOf(box)
	return known || extra
}

// holds reports whether an address is that of a box which the form or the profile
// knows, in a row that it can have.
func (p *Profile) holds(addr string) bool {
	a, ok := parseAddress(addr)
	return ok && p.knows(a.code) && (a.row == 1 || a.grouped())
}
