package commtest

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"liaison/gateway/form"
)

// Sample is the text that must come back as it was sent: the letters of six
// alphabets' corners, a currency, quotation marks, a dash and a number that
// looks like two.
const Sample = `Řīga Łódź Ελλάδα България €5 "quote" — 1.234,50`

// The goods table that must come back as it was sent: two lines.
var sampleRows = []map[string]string{
	{"C1": "OTHR", "C2": `Test goods "A", 10 % (žąśłøß)`, "C4": "1234.5", "C5": "KGM", "C14": "CON"},
	{"C1": "TOBA", "C2": "Test goods B / Тестови стоки", "C4": "0.75", "C5": "H87", "C14": "CON"},
}

// canary writes the sample into a form.
func canary(f *form.Form) {
	f.Set("T7", Sample)
	for i, row := range sampleRows {
		for code, value := range row {
			f.Set(rowBox(code, i), value)
		}
	}
}

func rowBox(code string, row int) string {
	if row == 0 {
		return code
	}
	return code + "." + string(rune('1'+row))
}

// damage is how a text came back.
type damage string

// The damages. Signs is what people's programs do to quotation marks: told, but
// nothing is lost by it.
const (
	whole   damage = ""
	absent  damage = "absent"
	letters damage = "letters" // the charset
	signs   damage = "signs"
	other   damage = "other"
)

// compare says how a value came back.
func compare(sent, back string) damage {
	back = norm.NFC.String(strings.Join(strings.Fields(back), " "))
	switch {
	case back == "":
		return absent
	case back == norm.NFC.String(sent):
		return whole
	case plainSigns(back) == plainSigns(sent):
		return signs
	case skeleton(back) == skeleton(sent), strings.ContainsRune(back, unicode.ReplacementChar), ascii(back) && !ascii(sent):
		return letters
	}
	return other
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// plainSigns writes typographic marks as a typewriter has them.
func plainSigns(s string) string {
	return strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "‟", `"`, "’", "'", "‘", "'", "—", "-", "–", "-", "―", "-", "−", "-", "--", "-").
		Replace(norm.NFKC.String(s))
}

// skeleton is what survives every charset: digits and the letters of ASCII, and
// what stands within numbers.
func skeleton(s string) string {
	return strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '.' || r == ',') {
			return r
		}
		return -1
	}, s)
}

// compareRows says how the goods table came back: absent only where no line of
// it did.
func compareRows(f *form.Form) (worst damage, boxes []string) {
	if f.Rows("C") == 0 {
		return absent, nil
	}
	for i, row := range sampleRows {
		for code, sent := range row {
			addr := rowBox(code, i)
			d := compare(sent, f.Get(addr))
			if d == whole || d == signs && worst != whole {
				continue
			}
			if d == absent {
				d = other
			}
			if worst != other {
				worst = d
			}
			boxes = append(boxes, addr)
		}
	}
	return worst, boxes
}
