package form

import (
	"slices"
	"strings"
)

// mustOf are the boxes that a type of form must have, the operation's own among
// them, in order of the catalogue. What the gateway can fill in isn't.
func mustOf(typ string, p *Profile) []string {
	t, _ := typeOf(typ)
	return slices.Concat([]string{"A1"}, t.Must, p.required(typ))
}

// textBoxes are the boxes to write: the filled ones and, in a blank form, those
// that its type asks for.
func (f *Form) textBoxes(opt TextOptions) []string {
	if !opt.Blank {
		return f.Addresses()
	}
	blank := f.Clone()
	for _, code := range opt.asked(f.Type()) {
		a, ok := parseAddress(code)
		if !ok {
			continue
		}
		rows := 1
		if a.grouped() {
			rows = max(1, min(opt.Rows, maxRows))
		}
		for a.row = 1; a.row <= rows; a.row++ {
			if blank.Get(a.String()) == "" {
				blank.Set(a.String(), "")
			}
		}
	}
	return blank.Addresses()
}

// header is what every blank form asks for.
var header = []string{"A1", "A3", "A4", "A6", "A7", "A9"}

func (o TextOptions) asked(typ string) []string {
	t, _ := typeOf(typ)
	codes := slices.Concat(header, mustOf(typ, o.Profile), t.Ask)
	if o.Long {
		for _, b := range Boxes() {
			if a := (address{b.Code, 1}); b.Code != "A24" && t.allows(a.group()) {
				codes = append(codes, b.Code)
			}
		}
	}
	if o.Profile != nil {
		for _, x := range o.Profile.Extra {
			codes = append(codes, x.Code)
		}
	}
	return codes
}

// hints say, behind a blank form, what may stand in its boxes. They hold nothing
// that reads as a box, should they come back with the form.
func (o TextOptions) hints(boxes []string) []string {
	lines := []string{"", foldLine(sentence("hint-codes", o.Lang))}
	grouped, several := "", ""
	for _, addr := range boxes {
		a, _ := parseAddress(addr)
		b, known := a.box()
		if a.grouped() {
			grouped = a.code
		}
		if !known || a.row > 1 || a.code == "A1" {
			continue
		}
		if b.Many && several == "" {
			several = a.code
		}
		if hint := o.hint(b); hint != "" {
			lines = append(lines, foldLine(a.code+" = "+hint))
		}
	}
	if several != "" {
		lines = append(lines, foldLine(fill(sentence("hint-several", o.Lang), map[string]string{"box": several})))
	}
	if grouped != "" {
		lines = append(lines, foldLine(fill(sentence("hint-rows", o.Lang), map[string]string{"box": grouped})))
	}
	return lines
}

// maxHint is how many codes a hint lists; of longer lists it shows an example.
const maxHint = 25

func (o TextOptions) hint(b BoxInfo) string {
	list := Codes(b.List)
	if only := o.Profile.restricts(b.Code); len(only) > 0 {
		list = slices.DeleteFunc(list, func(e CodeInfo) bool { return !slices.Contains(only, e.Code) })
	}
	k := kindOf(b.Type)
	switch {
	case len(list) > 0 && len(list) <= maxHint && b.Type == "code", b.Type == "marking":
		return o.coded(b.List, list)
	case k.read != nil || k.judge != nil:
		return fill(sentence("hint-example", o.Lang), map[string]string{"example": b.example()})
	}
	return ""
}

// coded are codes with their words. A word that an earlier code has already
// (sea is 1, and 10 in two digits) isn't said again.
func (o TextOptions) coded(list string, entries []CodeInfo) string {
	var out []string
	said := map[string]bool{}
	for _, e := range entries {
		word := CodeName(list, e.Code, o.Lang)
		switch {
		case word == e.Code:
			out = append(out, e.Code)
		case !said[word]:
			out = append(out, strings.ReplaceAll(e.Code+" "+word, " ", unbroken))
		}
		said[word] = true
	}
	return strings.Join(out, "; ")
}

// inWords says, behind a form, what the codes in it mean.
func (f *Form) inWords(opt TextOptions) []string {
	lines := []string{""}
	for _, addr := range f.Addresses() {
		a, _ := parseAddress(addr)
		b, _ := a.box()
		if b.List == "" || opt.withholds(addr) {
			continue
		}
		for _, v := range f.All(addr) {
			if b.List == "package" {
				_, v, _ = strings.Cut(v, " ")
			}
			if word := CodeName(b.List, v, opt.Lang); listed(b.List, v) && word != v {
				lines = append(lines, foldLine(addr+" "+v+" = "+word))
			}
		}
	}
	if len(lines) == 1 {
		return nil
	}
	return lines
}
