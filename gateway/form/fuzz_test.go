package form

import "testing"

// FuzzValue: whatever stands in a box, its normal form is stable and survives the
// text, and no check breaks on it.
func FuzzValue(f *testing.F) {
	for i, b := range Boxes() {
		f.Add(uint8(i), newSampler(uint64(i)).value(b, "en"))
	}
	for i, v := range []string{"5155N 00430E", "12 x CT", "y; 2027/3/1", "O1;P", "a;b;5;" + someHash + ";N", "P;1;LV;", "2027-01-11/", "24/7 (UTC)", "1.234", "((", "(^(", "//", "a // b"} {
		f.Add(uint8(i*11), v)
	}
	f.Fuzz(func(t *testing.T, box uint8, value string) {
		b := Boxes()[int(box)%len(Boxes())]
		if b.Code == "A24" {
			return
		}
		sent := &Form{}
		sent.Set(b.Code, value)
		n := sent.Normal()
		if again := n.Normal(); !again.Equal(n) {
			t.Errorf("%s [%q]: normal form %s, then %s", b.Code, value, n.JSON(), again.JSON())
		}
		back, problems := ParseText(n.Text(TextOptions{}))
		if len(problems) > 0 || !withoutCheck(back).Equal(n) {
			t.Errorf("%s [%q]: %s comes back as %s, %v", b.Code, value, n.JSON(), back.JSON(), problems)
		}
		Check(sent, Context{})
		Nominal(sent, b.Code, nil)
	})
}

// FuzzEscape: what brackets a value has, unescape gives back what escape took.
func FuzzEscape(f *testing.F) {
	for _, v := range []string{"", "[x]", "((x))", "([x])", "(^(", "[(^^)]", ")^]("} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		if got := unescape(escape(v)); got != v {
			t.Errorf("%q becomes %q by way of %q", v, got, escape(v))
		}
	})
}
