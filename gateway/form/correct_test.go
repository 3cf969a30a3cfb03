package form

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCorrectionChangesOnlyItsBoxes(t *testing.T) {
	original := mustJSON(t, `{"A1":"WRN","A4":"LV-VID-2012-000017","A13":"TLP:RED","A16":"Y","A11":["H2"],"A9":"U","B5":"Riga","E":[{"E1":"3","E2":"ROAD","E3":"AB 1"},{"E1":"3","E2":"ROAD","E3":"AB 2"},{"E1":"4"}]}`)
	sent := mustJSON(t, `{"A1":"COR","A4":"LV-VID-2012-000018","A5":["LV-VID-2012-000017"],"A9":"R","A11":["H1"],"A13":"TLP:GREEN","A16":"N","B5":"-","E":[{"#":2,"E3":"AB 3"},{"#":3,"-":true}]}`)
	whole, changes, problems := Apply(original, sent)
	whole.Set("A24")
	want := `{"A1":"WRN","A4":"LV-VID-2012-000017","A9":"U","A11":["H2","H1"],"A13":"TLP:RED","A16":"Y","E":[{"E1":"3","E2":"ROAD","E3":"AB 1"},{"E1":"3","E2":"ROAD","E3":"AB 3"}]}`
	if d := cmp.Diff(want, string(whole.JSON())); d != "" || len(problems) > 0 {
		t.Errorf("%v, %s", problems, d)
	}
	wantChanges := []Change{{"A11", "H2", "H2, H1"}, {"B5", "Riga", ""}, {"E3.2", "AB 2", "AB 3"}, {"E1.3", "4", ""}}
	if d := cmp.Diff(wantChanges, changes); d != "" {
		t.Error(d)
	}
	if original.Get("B5") != "Riga" || original.Get("E3.2") != "AB 2" {
		t.Error("the original was changed")
	}
}

func TestCorrectionOfADoubtfulDecimalStaysDoubtful(t *testing.T) {
	original := mustJSON(t, minimalSEZ)
	sent := mustJSON(t, `{"A1":"COR","A5":["LV-VID-2012-000017"],"C":[{"#":1,"C4":"1.234"}]}`)
	whole, _, _ := Apply(original, sent)
	if problemAt(Check(whole, Context{}), "C4", "ambiguous") == nil {
		t.Error("the doubt is gone")
	}
	sent.Set("A24", sent.CheckValue())
	whole, _, _ = Apply(original, sent)
	if got := Check(whole, Context{}); HasErrors(got) {
		t.Errorf("Check = %v; want no error where the correction's A24 holds", got)
	}
}

func TestRemovingIsForCorrectionsOnly(t *testing.T) {
	f := mustJSON(t, minimalSEZ)
	f.Set("B5", "-")
	if problemAt(Check(f, Context{}), "B5", "remove-only-in-cor") == nil {
		t.Error("[-] passes in a SEZ")
	}
}
