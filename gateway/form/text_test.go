package form

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// anyForm draws a form and brings it into normal form.
func anyForm(t *rapid.T) *Form {
	f := New(rapid.SampledFrom([]string{"SEZ", "WRN", "MSG", "REG", "COR"}).Draw(t, "type"))
	word := rapid.OneOf(
		rapid.SampledFrom([]string{"-", "*", ">", "|", "1.", "2)", "From", ".", "--", "C4:", "C4: [x]", "[", "]", "((", "))", "(", ")", "o", "…", "...", "//", "ﬁ", "［", "\u00a0", "\u200b", "\u00ad", "1.234", "JCOFORM/1", "BEGIN", "END", "А3:", "²"}),
		rapid.StringN(0, 12, 40),
		rapid.StringMatching(`[a-zA-Zāčέж]{1,30}`),
	)
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
			values[i] = strings.Join(rapid.SliceOfN(word, 1, 14).Draw(t, "words"), " ")
		}
		f.Set(a.String(), values...)
	}
	if rapid.Bool().Draw(t, "extra") {
		f.Set("X7", word.Draw(t, "x"))
	}
	return f.Normal()
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

// TestReaderRules holds texts against boxes and problems, "BOX key".
func TestReaderRules(t *testing.T) {
	for _, c := range []struct{ name, text, want, problem string }{
		{"any label", "Menge C4: [120]", `{"C":[{"C4":"120"}]}`, ""},
		{"no colon", "c4 [120]", `{"C":[{"C4":"120"}]}`, ""},
		{"rows", "C4.2: [5] C4: [4]", `{"C":[{"C4":"4"},{"C4":"5"}]}`, ""},
		{"two on a line", "From A6: [LV]   To A7: [OCU, EE]", `{"A6":"LV","A7":["OCU","EE"]}`, ""},
		{"full-width", "C4：【120】", `{"C":[{"C4":"120"}]}`, ""},
		{"Cyrillic", "С4: [120] Н1: [x]", `{"C":[{"C4":"120"}],"H1":"x"}`, ""},
		{"Greek", "Α3: [OP-7K3]", `{"A3":"OP-7K3"}`, ""},
		{"literal brackets", "H1: [a ((b)) c]", `{"H1":"a [b] c"}`, ""},
		{"empty ones", "H1: [] H2: [ ] D2: [...] F8: [___] C2: [x]", `{"C":[{"C2":"x"}]}`, ""},
		{"withheld", "G3: [*] C2: [x]", `{"C":[{"C2":"x"}]}`, ""},
		{"removal", "A1: [COR] B5: [-]", `{"A1":"COR","B5":"-"}`, ""},
		{"row removal", "A1: [COR] E0.2: [-]", `{"A1":"COR","E":[{"#":2,"-":true}]}`, ""},
		{"unclosed", "C2: [abc C4: [120]", `{"C":[{"C4":"120"}]}`, "C2 unclosed"},
		{"unclosed at the end", "C4: [120] C2: [abc", `{"C":[{"C4":"120"}]}`, "C2 unclosed"},
		{"outside", "Quantity C4: [ ] 120\nUnit C5: [KGM]", `{"C":[{"C5":"KGM"}]}`, "C4 outside"},
		{"outside at the end", "Unit C5: [KGM] Quantity C4: [ ] 120", `{"C":[{"C5":"KGM"}]}`, "C4 outside"},
		{"outside in words", "Description C2: [ ] cigarettes\nUnit C5: [KGM]", `{"C":[{"C5":"KGM"}]}`, "C2 outside"},
		{"label after an empty box", "Menge C4: [ ]\nEinheit C5: [KGM]", `{"C":[{"C5":"KGM"}]}`, ""},
		{"twice", "C4: [120] C4: [121] C5: [KGM]", `{"C":[{"C5":"KGM"}]}`, "C4 twice"},
		{"twice the same", "C4: [120] C4: [120]", `{"C":[{"C4":"120"}]}`, ""},
		{"unknown box kept", "X1: [abc] Z99: [d]", `{"X1":"abc","Z99":"d"}`, ""},
		{"quoted original", "C4: [120]\n\n> C4: [119]\n> C5: [KGM]", `{"C":[{"C4":"120"}]}`, ""},
		{"only quoted", "OK, see below\n> C4: [119]\n> C5: [KGM]", `{"C":[{"C4":"119","C5":"KGM"}]}`, ""},
		{"two blocks", "JCOFORM/1 BEGIN C4: [1] JCOFORM/1 END JCOFORM/1 BEGIN C4: [2] JCOFORM/1 END", `{"C":[{"C4":"1"}]}`, " beside-form"},
		{"two forms", "JCOFORM/1 BEGIN A1: [SEZ] C4: [1] JCOFORM/1 END JCOFORM/1 BEGIN A1: [SEZ] C4: [2] JCOFORM/1 END", `{"A1":"SEZ","C":[{"C4":"1"}]}`, " several-forms"},
		{"the same form twice", "JCOFORM/1 BEGIN A1: [SEZ] C4: [1] JCOFORM/1 END JCOFORM/1 BEGIN A1: [sez] C4: [1] JCOFORM/1 END", `{"A1":"SEZ","C":[{"C4":"1"}]}`, ""},
		{"soft hyphens", "C2: [ciga\u00adrettes\u200b]", `{"C":[{"C2":"cigarettes"}]}`, ""},
		{"numbered lines", "1. C4: [120]\n2) C5: [KGM]", `{"C":[{"C4":"120","C5":"KGM"}]}`, ""},
		{"table", "| C4: | [120] |\n| C5: [KGM] |", `{"C":[{"C4":"120","C5":"KGM"}]}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, problems := ParseText(c.text)
			if f == nil {
				t.Fatal("no form")
			}
			if got := string(f.JSON()); got != c.want {
				t.Errorf("ParseText(%q) = %s; want %s", c.text, got, c.want)
			}
			var got []string
			for _, p := range problems {
				got = append(got, p.Box+" "+p.Key)
			}
			if strings.Join(got, ",") != c.problem {
				t.Errorf("problems = %v; want %q", got, c.problem)
			}
		})
	}
}

func TestOrdinaryTextIsNoForm(t *testing.T) {
	for _, s := range []string{"", "Good morning, see [1] and TLP:AMBER [x].", "ABC12: [x]", "see B52 bomber"} {
		if f, problems := ParseText(s); f != nil || problems != nil || HasForm(s) {
			t.Errorf("ParseText(%q) = %v, %v", s, f, problems)
		}
	}
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

func TestHugeTextsTakeLinearTime(t *testing.T) {
	for _, unit := range []string{"C4: [", "C4: [1] ", "[", "]", "> ", "- ", "1. ", "JCOFORM/1 BEGIN ", "C4: [\n", ">C4: [\n", " ", "A", "\u00a0", "((", "C4:        ", "C4: [ ] 1 ", "AA"} {
		text := strings.Repeat(unit, MaxSize/8/len(unit))
		start := time.Now()
		ParseText(text)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("128 KiB of %q took %v", unit, took)
		} else if took > time.Second {
			t.Logf("128 KiB of %q took %v", unit, took)
		}
	}
	var many strings.Builder
	for i := 0; many.Len() < MaxSize/8; i++ {
		fmt.Fprintf(&many, "%c%c%d.%d: [x]", 'A'+i%26, 'A'+i/26%26, i/676%99+1, i/66924%99+1)
	}
	if f, problems := ParseText(many.String()); f == nil || !HasErrors(problems) {
		t.Error("a form of too many boxes passes")
	}
	if f, problems := ParseText(strings.Repeat("x", MaxSize+1)); f != nil || !HasErrors(problems) {
		t.Error("a text over the limit was read")
	}
}

func FuzzParseText(f *testing.F) {
	f.Add("JCOFORM/1 BEGIN\n  Form type A1: [SEZ]\n> C4.2: [1.234]\nJCOFORM/1 END")
	f.Add("C2: [abc C4: [")
	f.Fuzz(func(t *testing.T, text string) {
		got, _ := ParseText(text)
		if got == nil {
			return
		}
		n := got.Normal()
		again, _ := ParseText(n.Text(TextOptions{}))
		if !withoutCheck(again).Equal(withoutCheck(n)) {
			t.Errorf("round trip of %s gives %s", n.JSON(), again.JSON())
		}
		Check(got, Context{})
	})
}

func FuzzParseJSON(f *testing.F) {
	f.Add([]byte(minimalSEZ))
	f.Add([]byte(`{"A1":"COR","E":[{"#":2,"E3":"x"},{"#":3,"-":true}],"X1":["a","b"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, _ := ParseJSON(data)
		if got == nil {
			return
		}
		n := got.Normal()
		again, problems := ParseJSON(n.JSON())
		if len(problems) > 0 || !again.Equal(n) {
			t.Errorf("round trip of %s gives %v, %v", n.JSON(), again, problems)
		}
		Check(got, Context{})
		got.ContentHash()
	})
}
