package form

import "strings"

// unitWords are what records say for a unit. The words themselves matter (a
// tablet isn't any piece), so they stay in C6.
var unitWords = map[string]string{
	"TABLET": "H87", "TABLETS": "H87", "PILL": "H87", "PILLS": "H87", "CAPSULE": "H87", "CAPSULES": "H87",
	"UNIT": "H87", "UNITS": "H87", "PIECE": "H87", "PIECES": "H87",
	"CC": "CMQ", "CUBIC CENTIMETER": "CMQ", "CUBIC CENTIMETRE": "CMQ", "THOUSAND OF TABLETS": "MIL",
	"KG": "KGM", "KILOGRAM": "KGM", "KILOGRAMS": "KGM", "GRAM": "GRM", "GRAMS": "GRM", "LITRE": "LTR", "LITER": "LTR",
}

// units writes the units of every goods line as codes and keeps, where C6 is
// empty, quantity and unit as they were stated.
func (f *Form) units() {
	for row := 1; row <= f.Rows("C"); row++ {
		at := func(code string) string { return address{code, row}.String() }
		word := f.Get(at("C5"))
		code, known := unitWords[strings.ToUpper(word)]
		if !known {
			continue
		}
		f.Set(at("C5"), code)
		if f.Get(at("C6")) == "" {
			f.Set(at("C6"), strings.TrimSpace(f.Get(at("C4"))+" "+word))
		}
	}
}
