package form

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// sealOf is the check value of a form with one box.
func sealOf(box, value string) string {
	f := &Form{}
	f.Set(box, value)
	return f.CheckValue()
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

		// rule 2: what looks like a mark inside a box is the value's own, unless the lines before had it too
		{"a list in a box", "H1: [found:\n- 5 kg\n- 2 cartons]", `{"H1":"found: - 5 kg - 2 cartons"}`, "H1 doubt"},
		{"a list in a box, sealed", "H1: [found:\n- 5 kg\n- 2 cartons] A24: [" + sealOf("H1", "found: - 5 kg - 2 cartons") + "]", `{"H1":"found: - 5 kg - 2 cartons"}`, ""},
		{"more than", "> H1: [weight\n> > 5 kg]", `{"H1":"weight > 5 kg"}`, "H1 doubt"},
		{"quoted in a box", "H1: [weight\n> 5 kg]", `{"H1":"weight 5 kg"}`, "H1 doubt"},
		{"bulleted continuation", "- H1: [one\n- two]\n- B5: [Riga]", `{"B5":"Riga","H1":"one two"}`, ""},
		{"a number at a line's beginning", "H1: [item\n3. was opened]", `{"H1":"item 3. was opened"}`, "H1 doubt"},
		{"numbering without a blank", "1.C4: [120]", `{"C":[{"C4":"120"}]}`, ""},

		// rule 3
		{"bold", "*Quantity C4:* [120]", `{"C":[{"C4":"120"}]}`, ""},
		{"escaped", `C4: \[120\]`, `{"C":[{"C4":"120"}]}`, ""},
		{"glued to a word", "MengeC4: [120] C5: [KGM]", `{"C":[{"C5":"KGM"}]}`, ""},
		{"blank in the code", "B5: [Riga] Quantity C 4: [120] C5: [KGM]", `{"B5":"Riga","C":[{"C5":"KGM"}]}`, "B5 no-code"},
		{"letter for a digit", "A9: [R] A1O: [LIVE] A11: [H0]", `{"A9":"R","A11":["H0"]}`, "A9 no-code"},
		{"row written otherwise", "C1: [DRUG] C4-2: [5] C5: [KGM]", `{"C":[{"C1":"DRUG","C5":"KGM"}]}`, "C1 no-code"},
		{"mail address linked", "P7: [jco@vid.example <mailto:jco@vid.example>]", `{"P7":["jco@vid.example"]}`, ""},

		// rule 4
		{"parentheses", "H1: [f(x) (^(y)^)]", `{"H1":"f(x) ((y))"}`, ""},
		{"paragraphs", "H1: [one // two]", `{"H1":"one // two"}`, ""},
		{"withheld is no change", "A1: [COR] C4: [*] B5: [-]", `{"A1":"COR","B5":"-"}`, ""},

		// rule 5
		{"request without marks above its answer", begin + "\nA1: [REQ] A4: [OCU-GW-2027-000001] H1: [where?]\n" + end + "\n" + begin + "\nA1: [ANS] A4: [LV-VID-2027-000002] A5: [OCU-GW-2027-000001] H1: [here]\n" + end, `{"A1":"ANS","A4":"LV-VID-2027-000002","A5":["OCU-GW-2027-000001"],"H1":"here"}`, ""},
		{"blank form before the filled one", begin + " A1: [SEZ] A2: [1.0] C4: [] " + end + " " + begin + " A1: [SEZ] C4: [5] " + end, `{"A1":"SEZ","C":[{"C4":"5"}]}`, ""},
		{"answer on top of a quoted form, without its type", "C4: [120]\n\n> A1: [SEZ]\n> C5: [KGM]", `{"C":[{"C4":"120"}]}`, "A1 in-parts"},
		{"quoted lines that a program broke", "> A1: [SEZ] A3: [OP-7K3]\nB1: [2012-02-09]\n> B3: [LV]", `{"A1":"SEZ","A3":"OP-7K3","B1":"2012-02-09","B3":"LV"}`, ""},
		{"inline answer in a quoted form", "> A1: [SEZ]\n> C4: []\nC4: [120]\n> C5: [KGM]", `{"A1":"SEZ","C":[{"C4":"120","C5":"KGM"}]}`, ""},
		{"box behind the form", begin + " A1: [MSG] H1: [x] " + end + "\nB5: [Riga]", `{"A1":"MSG","H1":"x"}`, " beside-form"},
		{"marks in a value", "A1: [MSG] H1: [write JCOFORM/1 BEGIN first] B5: [Riga]", `{"A1":"MSG","B5":"Riga","H1":"write JCOFORM/1 BEGIN first"}`, ""},

		// rule 6
		{"no brackets", "A1: [SEZ] Quantity C4: 120 Unit C5: [KGM]", `{"A1":"SEZ","C":[{"C5":"KGM"}]}`, "C4 outside"},
		{"before its brackets", "A1: [SEZ] Quantity C4: 120 [ ] Unit C5: [KGM]", `{"A1":"SEZ","C":[{"C5":"KGM"}]}`, "C4 outside"},
		{"round brackets", "A1: [SEZ] Quantity C4: (120) Unit C5: [KGM]", `{"A1":"SEZ","C":[{"C5":"KGM"}]}`, "C4 outside"},
		{"codes in one line, values in the next", "A1: [SEZ] C4: C5: [120] [KGM] B5: [Riga]", `{"A1":"SEZ","B5":"Riga"}`, "C5 unclosed,C5 no-code,C4 outside"},
		{"closed twice", "E3: [AB]12] E5: [LV]", `{"E":[{"E5":"LV"}]}`, "E3 unclosed"},
		{"a box in a box", "H1: [see C4: [120] there] B5: [Riga]", `{"B5":"Riga"}`, "H1 unclosed,C4 unclosed"},
		{"words beside a filled box", "Quantity C4: [120] about\nUnit C5: [KGM]", `{"C":[{"C4":"120","C5":"KGM"}]}`, "C4 beside"},
		{"a label we don't know", "Ilość C4: [120]\nJednostka miary C5: [KGM]", `{"C":[{"C4":"120","C5":"KGM"}]}`, ""},

		// rules 7 and 8
		{"twice, written otherwise", "C4: [1.234,50] C4: [1234.50]", `{"C":[{"C4":"1.234,50"}]}`, ""},
		{"small Greek letters", "κ1: [5] ε1: [3]", `{"E":[{"E1":"3"}],"K1":"5"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, problems := ParseText(c.text)
			if f == nil {
				t.Fatal("no form")
			}
			f.Set("A24")
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

// TestHugeTextsTakeLinearTime: repeated pieces, and what makes the reader look
// again: many forms, a check value that doesn't hold, many depths.
func TestHugeTextsTakeLinearTime(t *testing.T) {
	size := MaxSize / 8
	texts := map[string]string{}
	for _, unit := range []string{"C4: [", "C4: [1] ", "[", "]", "> ", "- ", "1. ", "JCOFORM/1 BEGIN ", "C4: [\n", ">C4: [\n", " ", "A", "\u00a0", "((", "(^", "C4:        ", "C4: [ ] 1 ", "AA", "C4: ", "B5: [x] C4: ", "A1: [SEZ] ", "JCOFORM/1 BEGIN A1: [SEZ] B5: [x] JCOFORM/1 END\n", "A7: [a,b,c] ", "é", "\u200b", "<mailto:", "//", ">A1: [x]\nA1: [x]\n"} {
		texts[unit] = strings.Repeat(unit, size/len(unit))
	}
	var many, values, depths strings.Builder
	for i := 0; many.Len() < size; i++ {
		fmt.Fprintf(&many, "%c%c%d.%d: [> x] ", 'A'+i%26, 'A'+i/26%26, i/676%99+1, i/66924%99+1)
	}
	for i := 0; values.Len() < size; i++ {
		fmt.Fprintf(&values, "v%d, ", i)
	}
	for i := 0; depths.Len() < size; i++ {
		depths.WriteString(strings.Repeat(">", i%200) + "B5: [x]\n")
	}
	texts["many boxes"], texts["many values"], texts["many depths"] = many.String(), "A7: ["+values.String()+"]", depths.String()
	texts["a wrong check value"] = clip(many.String(), size/2) + "] A24: [AAAAAA]"
	texts["a big form among small ones"] = clip(many.String(), size/2) + "]" + clip(texts["JCOFORM/1 BEGIN A1: [SEZ] B5: [x] JCOFORM/1 END\n"], size/2)
	for name, text := range texts {
		start := time.Now()
		f, _ := ParseText(text)
		if f != nil {
			Check(f, Context{})
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("128 KiB of %q took %v", name, took)
		} else if took > time.Second {
			t.Logf("128 KiB of %q took %v", name, took)
		}
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
	for i, m := range manglers {
		s := newSampler(uint64(i))
		f.Add(m.apply(s, s.form(Types()[i%len(Types())].Code, "en").Text(TextOptions{})))
	}
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

// TestReplyIsEnoughWhereItsHistoryConfuses: an answer above an unquoted older form
// without marks is read alone; a form that only seems to be history is read whole.
func TestReplyIsEnoughWhereItsHistoryConfuses(t *testing.T) {
	answer, older := "A1: [ANS] A5: [OCU-GW-2027-000001] H1: [here]\n", "A1: [REQ] A4: [OCU-GW-2027-000001] H1: [where?]\n"
	f, problems := ParseReply(answer+older, answer)
	if f.Type() != "ANS" || f.Get("H1") != "here" || len(problems) > 0 {
		t.Errorf("%s, %v", f.JSON(), problems)
	}
	wrapped := "> A1: [ANS] A5: [OCU-GW-2027-000001]\nB5: [Riga]\n> H1: [here]\n"
	if f, problems = ParseReply(wrapped, "B5: [Riga]"); string(f.JSON()) != `{"A1":"ANS","A5":["OCU-GW-2027-000001"],"B5":"Riga","H1":"here"}` || len(problems) > 0 {
		t.Errorf("%s, %v", f.JSON(), problems)
	}
	if f, problems = ParseReply(answer+older, older); f.Type() != "REQ" {
		t.Errorf("%s, %v", f.JSON(), problems)
	}
}
