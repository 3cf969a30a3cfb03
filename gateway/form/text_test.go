package form

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// hostile are words that a reader or a mail program could take for something
// else.
var hostile = []string{
	"-", "*", ">", ">>", "|", "¦", "1.", "2)", "(3)", "a)", "o", "From", ".", "--", "-- ", "C4:", "C4: [x]", "A1: [SEZ]", "[", "]", "[[", "]]", "[]", "[*]", "[-]", "[...]",
	"((", "))", "(((", ")))", "(", ")", "([", ")]", "[(", "](", "(^(", ")^)", "^", "(^", "((a))", "([a])", "…", "...", "___", "//", "///", "a//b", "ﬁ", "［", "］", "（（", "【",
	"\u00a0", "\u200b", "\u00ad", "\u200f", "\u202e", "\u2066", "\ufeff", "1.234", "1,234", "JCOFORM/1", "BEGIN", "END", "JCOFORM/1 END", "А3:", "²", "10²", "5½", "№ 5", "①", "™", "€",
	`"`, "'", "“x”", "„x“", "«x»", "‘x’", "–", "—", "‑", "\\", "\\[", "&nbsp;", "&#91;", "<b>", "</o:p>", "<mailto:a@b.example>", "a@b.example<mailto:a@b.example>", "=20", "=5B", "\t", "\n", "\r\n", "\v", "\u2028", "\x00", "\x1b",
	"🙂", "👨‍👩‍👧", "🇱🇻", "☎️", "e\u0301", "a\u0308\u0323", "\u0301", "Ḁ\u0325", "שלום", "مرحبا", "日本", "ｱ", "Ａ", "１", "İ", "ß", "ſ", "K", "\ufffd", "\xff", ",", ";", ", ,", "; ;", "a,b", "a;b", "NA", "NO", "null", "{}", "%s", "{name}",
}

// anyForm draws a form of any type, with any boxes, and brings it into normal
// form.
func anyForm(t *rapid.T) *Form {
	f := New(rapid.SampledFrom(codesOf("form-type")).Draw(t, "type"))
	word := rapid.OneOf(rapid.SampledFrom(hostile), rapid.StringN(0, 12, 40), rapid.StringMatching(`[a-zA-Zāčέж]{1,30}`))
	boxes := Boxes()
	for range rapid.IntRange(0, 12).Draw(t, "boxes") {
		b := rapid.SampledFrom(boxes).Draw(t, "box")
		a := address{b.Code, 1}
		if a.grouped() {
			a.row = rapid.IntRange(1, 4).Draw(t, "row")
		}
		if b.Code == "A1" || b.Code == "A24" {
			continue
		}
		n := 1
		if b.Many {
			n = rapid.IntRange(1, 4).Draw(t, "values")
		}
		values := make([]string, n)
		for i := range values {
			values[i] = strings.Join(rapid.SliceOfN(word, 1, 14).Draw(t, "words"), rapid.SampledFrom([]string{" ", ""}).Draw(t, "between"))
		}
		f.Set(a.String(), values...)
	}
	if rapid.Bool().Draw(t, "extra") {
		f.Set("X7", word.Draw(t, "x"))
	}
	return f.Normal()
}

// TestEveryBoxOfEveryTypeCarriesHostileValues goes through all of them, in text
// and JSON.
func TestEveryBoxOfEveryTypeCarriesHostileValues(t *testing.T) {
	for i, typ := range Types() {
		for j, b := range Boxes() {
			if b.Code == "A1" || b.Code == "A24" {
				continue
			}
			f := New(typ.Code)
			for row := 1; row <= 2; row++ {
				a := address{b.Code, row}
				if row > 1 && !a.grouped() {
					continue
				}
				var values []string
				for k := range 7 {
					values = append(values, hostile[(i*31+j*7+k*13+row)%len(hostile)]+hostile[(i+j*17+k*5)%len(hostile)])
				}
				if !b.Many {
					values = []string{strings.Join(values, " ")}
				}
				f.Set(a.String(), values...)
			}
			f = f.Normal()
			fromText, problems := ParseText(f.Text(TextOptions{Lang: Languages()[j%len(Languages())]}))
			if len(problems) > 0 || !withoutCheck(fromText).Equal(withoutCheck(f)) {
				t.Errorf("text of %s %s: %v\n%s", typ.Code, b.Code, problems, differences(f, fromText))
			}
			fromJSON, problems := ParseJSON(f.JSON())
			if len(problems) > 0 || !fromJSON.Equal(f) {
				t.Errorf("JSON of %s %s: %v\n%s", typ.Code, b.Code, problems, f.JSON())
			}
		}
	}
}

// TestNormalFormIsNoMoreThanTheDesignSays holds Normal to NFC and single blanks in
// boxes of free text: it changes nothing else that a person wrote there.
func TestNormalFormIsNoMoreThanTheDesignSays(t *testing.T) {
	for _, v := range []string{"10 m² and 5½ kg", "№ 5 … and more", "f((x)) [1] ([2]) (^( )^)", "“quoted” – ‘so’", "a -- b", "100 % / 3'000", "ῥόδον", "Ελληνικά; και «άλλα»", "🙂 €5", "a // b", "From: [x]", "<b>&amp;</b>", "1. one 2) two", "> 5 kg"} {
		f := &Form{}
		f.Set("H1", v)
		if got := f.Normal().Get("H1"); got != v {
			t.Errorf("Normal of %q = %q", v, got)
		}
	}
}

// withoutCheck is the form in normal form, without its A24.
func withoutCheck(f *Form) *Form {
	if f == nil {
		return nil
	}
	c := f.Normal()
	c.Set("A24")
	return c
}

func TestNormalFormIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyForm(t)
		if n := f.Normal(); !n.Equal(f) {
			t.Fatalf("Normal twice: %s; want %s", n.JSON(), f.JSON())
		}
	})
}

func TestJSONRoundTripIsTheIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyForm(t)
		g, problems := ParseJSON(f.JSON())
		if len(problems) > 0 || !g.Equal(f) || string(g.JSON()) != string(f.JSON()) {
			t.Fatalf("ParseJSON(%s) = %v, %v", f.JSON(), g, problems)
		}
	})
}

func TestTextRoundTripIsTheIdentity(t *testing.T) {
	for name, mangle := range map[string]func(string) string{
		"as it is":          func(s string) string { return s },
		"quoted":            func(s string) string { return eachLine(s, "> ") },
		"quoted thrice":     func(s string) string { return eachLine(s, ">>> ") },
		"bulleted":          func(s string) string { return eachLine(s, "- ") },
		"starred":           func(s string) string { return eachLine(s, "* ") },
		"joined":            func(s string) string { return strings.ReplaceAll(s, "\n", " ") },
		"hard wrapped":      hardWrap,
		"quoted, wrapped":   func(s string) string { return hardWrap(eachLine(s, "> ")) },
		"wrapped, quoted":   func(s string) string { return eachLine(hardWrap(s), "> ") },
		"no-break spaces":   func(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") },
		"CRLF":              func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"full-width colons": func(s string) string { return strings.ReplaceAll(s, ": [", "： ［") },
		"no marks":          withoutMarks,
		"under a greeting": func(s string) string {
			return "Dear colleagues,\nplease find below.\n\n" + s + "\nBest regards\nA. Example"
		},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				f := anyForm(t)
				lang := rapid.SampledFrom(Languages()).Draw(t, "language")
				text := f.Text(TextOptions{Lang: lang})
				g, problems := ParseText(mangle(text))
				if d := cmp.Diff(string(withoutCheck(f).JSON()), string(withoutCheck(g).JSON())); d != "" || len(problems) > 0 {
					t.Fatalf("problems %v, diff %s\ntext:\n%s", problems, d, mangle(text))
				}
				if !g.sealHolds() {
					t.Fatalf("A24 %s doesn't hold", g.Get("A24"))
				}
			})
		})
	}
}

// withoutMarks drops the first and the last line's marks; a value may hold the
// same words.
func withoutMarks(s string) string {
	s = strings.Replace(s, begin, "", 1)
	at := max(strings.LastIndex(s, end), 0)
	return s[:at] + strings.TrimPrefix(s[at:], end)
}

func eachLine(s, prefix string) string {
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	for i := range lines {
		lines[i] = prefix + strings.TrimLeft(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// hardWrap breaks lines at the last blank before 72 characters, as mail
// programs do. A word that looks like a quote
// mark or bullet can't be told from one at a line's beginning: not tried.
func hardWrap(s string) string {
	var out []string
	for _, line := range strings.Split(s, "\n") {
		words := strings.Split(line, " ")
		if len([]rune(line)) <= 72 {
			out = append(out, line)
			continue
		}
		width := 0
		current := ""
		for i, w := range words {
			if i > 0 && width+1+len([]rune(w)) > 72 && !stripped.MatchString(w) {
				out = append(out, current)
				current, width = "", 0
			} else if i > 0 {
				current, width = current+" ", width+1
			}
			current, width = current+w, width+len([]rune(w))
		}
		out = append(out, current)
	}
	return strings.Join(out, "\n")
}

func TestNoLineTroublesMailPrograms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for line := range strings.Lines(anyForm(t).Text(TextOptions{})) {
			if strings.HasPrefix(line, "-") || strings.HasPrefix(line, "From ") || strings.HasPrefix(line, ".") || strings.ContainsRune(line, '\t') {
				t.Fatalf("line %q", line)
			}
		}
	})
}

func TestWithheldBoxesAreMarkedAndCarryNoCheckValue(t *testing.T) {
	f := mustJSON(t, minimalSEZ)
	got := f.Text(TextOptions{Withhold: func(addr string) bool { return addr == "C2" }})
	if !strings.Contains(got, "C2: [*]") || strings.Contains(got, "A24") || strings.Contains(got, "4-MEC") {
		t.Errorf("Text = %s", got)
	}
}

func TestBlankFormAsksForItsBoxes(t *testing.T) {
	got := New("SEZ").Text(TextOptions{Lang: "de", Blank: true})
	for _, want := range []string{"Menge C4: []", "Einheit C5: []", "A1: [SEZ]"} {
		if !strings.Contains(got, want) {
			t.Errorf("Text = %s; want %s", got, want)
		}
	}
}
