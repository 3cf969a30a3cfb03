package form

import (
	"strings"
	"unicode/utf8"
)

// looseUnits are words that a code can stand for, but that say more than the
// code: a tablet isn't any piece.
var looseUnits = map[string]string{
	"TABLET": "H87", "TABLETS": "H87", "PILL": "H87", "PILLS": "H87", "CAPSULE": "H87", "CAPSULES": "H87",
	"UNIT": "H87", "UNITS": "H87", "PIECE": "H87", "PIECES": "H87", "THOUSAND OF TABLETS": "MIL",
}

// units writes the units of every goods line as codes. What a code doesn't say,
// or what has none (a viss, a trip), is kept in C6, where C6 is empty, as it was
// stated.
func (f *Form) units(sent *Form) {
	for row := 1; row <= f.Rows("C"); row++ {
		at := func(code string) string { return address{code, row}.String() }
		word := tidy(sent.Get(at("C5")))
		code, loose := looseUnits[strings.ToUpper(word)]
		if !loose && (listed("unit", f.Get(at("C5"))) || !filled(word)) {
			continue
		}
		if loose {
			f.Set(at("C5"), code)
		}
		stated := strings.TrimSpace(tidy(sent.Get(at("C4"))) + " " + word)
		if f.Get(at("C6")) == "" && utf8.RuneCountInString(stated) <= 60 {
			f.Set(at("C6"), stated)
		}
	}
}
