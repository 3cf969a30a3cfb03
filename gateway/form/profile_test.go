package form

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestProfileRules(t *testing.T) {
	f := mustJSON(t, minimalSEZ)
	p := &Profile{Use: []string{"WRN"}, Require: map[string][]string{"SEZ": {"E1", "C9"}}, Restrict: map[string][]string{"C1": {"TOBA"}}}
	f.Set("C1.2", "TOBA")
	got := Check(f, Context{Profile: p, Phase: "preparation", Now: time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC)})
	for _, want := range [][2]string{{"A1", "type-not-used"}, {"E1", "missing-code"}, {"C9", "missing-text"}, {"C9.2", "missing-text"}, {"C1", "not-in-list"}, {"A1", "phase"}, {"B1", "ahead"}} {
		if problemAt(got, want[0], want[1]) == nil {
			t.Errorf("Check = %v; want %v", got, want)
		}
	}
	if problemAt(got, "C1.2", "not-in-list") != nil {
		t.Error("a code that the operation allows is refused")
	}
	for _, typ := range alwaysInUse {
		if !p.uses(typ) {
			t.Errorf("%s is left out, which is always in use", typ)
		}
	}
}

// TestOperationsBoxesAndLabelsAreUsed: in texts, in messages and as nominal flags.
func TestOperationsBoxesAndLabelsAreUsed(t *testing.T) {
	no := false
	p := &Profile{
		Extra:   []ExtraBox{{Code: "X1", Labels: map[string]string{"en": "Seal colour", "pl": "Kolor plomby"}, Nominal: &no, Sensitive: true}, {Code: "X2"}},
		Labels:  map[string]map[string]string{"pl": {"C4": "Ilość", "A1": "Rodzaj"}},
		Require: map[string][]string{"SEZ": {"X1"}},
	}
	f := mustJSON(t, minimalSEZ)
	missing := problemAt(Check(f, Context{Profile: p}), "X1", "nak-13")
	if missing == nil || !strings.HasPrefix(missing.Message, "Seal colour (box X1)") || !strings.HasPrefix(missing.In("pl"), "Kolor plomby") {
		t.Errorf("the required box is missed as %+v", missing)
	}
	f.Set("X1", "red")
	f.Set("X2", "x")
	text := f.Text(TextOptions{Lang: "pl", Profile: p})
	for _, want := range []string{"Kolor plomby X1: [red]", "Ilość C4: [548.1544]", "Rodzaj A1: [SEZ]", "Unit C5: [GRM]", "  X2: [x]"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if Nominal(f, "X1", p) || !Nominal(f, "X2", p) || !Nominal(f, "X1", nil) || !Sensitive("X1", p) {
		t.Error("the flags of the operation's boxes aren't its own")
	}
	back, problems := ParseText(text)
	if len(problems) > 0 || !withoutCheck(back).Equal(f) {
		t.Errorf("%s, %v", back.JSON(), problems)
	}
	if blank := New("SEZ").Text(TextOptions{Profile: p, Blank: true}); !strings.Contains(blank, "* Seal colour X1: []") {
		t.Errorf("the blank form doesn't ask for it:\n%s", blank)
	}
}

func TestFaultsNameWhatAProfileInvents(t *testing.T) {
	p := &Profile{
		Use: []string{"SEZ", "XYZ"}, Require: map[string][]string{"SEZ": {"E1", "Z9", "X1"}, "ABC": nil},
		Restrict: map[string][]string{"C1": {"TOBA", "TOBACCO"}, "B3": {"LV", "XK"}, "Q9": nil, "B5": {"Riga"}},
		Extra:    []ExtraBox{{Code: "X1"}, {Code: "Y1"}, {Code: "C4"}}, Labels: map[string]map[string]string{"pl": {"C4": "x", "C99": "y"}},
	}
	var got []string
	for _, f := range p.Faults() {
		got = append(got, strings.Join(f.At, ".")+": "+f.Message)
	}
	want := []string{
		"use: there is no form type XYZ; the types are " + strings.Join(codesOf("form-type"), " "), "require.ABC: there is no form type ABC", "require.SEZ: SEZ: there is no box Z9",
		"restrict.C1: box C1: there is no code TOBACCO", "restrict.Q9: there is no box Q9",
		"boxes: box Y1: an operation adds boxes X1 to X99 only", "boxes: box C4: an operation adds boxes X1 to X99 only", "labels.pl.C99: there is no box C99 to label",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
