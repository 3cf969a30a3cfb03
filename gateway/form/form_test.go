package form

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const minimalSEZ = `{"A1":"SEZ","A3":"OP-7K3","A4":"LV-VID-2012-000017","A6":"LV","B1":"2012-02-09","B3":"LV","C":[{"C1":"DRUG","C2":"4-MEC","C4":"548.1544","C5":"GRM","C14":"SEZ"}]}`

func mustJSON(t testing.TB, s string) *Form {
	t.Helper()
	f, problems := ParseJSON([]byte(s))
	if f == nil || len(problems) > 0 {
		t.Fatalf("ParseJSON(%s) = %v, %v; want a form", s, f, problems)
	}
	return f
}

// problemAt finds a problem of a box, by its sentence.
func problemAt(problems []Problem, box, key string) *Problem {
	for _, p := range problems {
		if p.Box == box && p.Key == key {
			return &p
		}
	}
	return nil
}

func TestMinimalSEZPasses(t *testing.T) {
	f := mustJSON(t, minimalSEZ)
	if got := Check(f, Context{}); len(got) > 0 {
		t.Errorf("Check(minimal SEZ) = %v; want none", got)
	}
	if err := valid(t, []byte(minimalSEZ)); err != nil {
		t.Errorf("the schema refuses the minimal SEZ: %v", err)
	}
	if got := string(f.JSON()); got != minimalSEZ {
		t.Errorf("JSON() = %s; want %s", got, minimalSEZ)
	}
}

func TestEveryMinimalBoxIsMissed(t *testing.T) {
	for _, box := range strings.Fields("A1 A3 A4 A6 B1 B3 C1 C2 C4 C5 C14") {
		f := mustJSON(t, minimalSEZ)
		f.Set(box)
		if box == "A1" {
			continue
		}
		var found bool
		for _, p := range Check(f, Context{}) {
			found = found || p.Box == box && p.Code == 13 && p.Severity == Error
		}
		if !found {
			t.Errorf("Check without %s = %v; want code 13 on it", box, Check(f, Context{}))
		}
	}
}

func TestReceivedFormLacksNothingThatTheGatewaySupplies(t *testing.T) {
	f := mustJSON(t, `{"A1":"MSG","H1":"Hello"}`)
	if got := Check(f, Context{Received: true}); len(got) > 0 {
		t.Errorf("Check = %v; want none", got)
	}
}

func TestEmptyQuantitySaysWhatToWrite(t *testing.T) {
	f := mustJSON(t, minimalSEZ)
	f.Set("C4")
	want := Problem{Code: 13, Severity: Error, Box: "C4", Message: "Quantity (box C4) is empty. Write a number inside the brackets, e.g. C4: [120]."}
	got := Check(f, Context{})[0]
	got.Key, got.Args = "", nil
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestProblemKeepsItsLanguagesThroughJSON(t *testing.T) {
	f := mustJSON(t, minimalSEZ)
	f.Set("C4")
	data, err := json.Marshal(Check(f, Context{})[0])
	if err != nil {
		t.Fatal(err)
	}
	var p Problem
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	if got := p.In("de"); !strings.Contains(got, "ist leer") {
		t.Errorf("In(de) = %q; want German", got)
	}
	if got := p.In("xx"); got != p.Message {
		t.Errorf("In(xx) = %q; want English", got)
	}
}

func TestEverySentenceAndLabelExistsInEveryLanguage(t *testing.T) {
	english := theWords()[0]
	if english.lang != "en" || len(english.Messages) < 80 {
		t.Fatalf("%s has %d messages", english.lang, len(english.Messages))
	}
	for _, w := range theWords() {
		for key, said := range english.Messages {
			if w.Messages[key] == "" {
				t.Errorf("%s lacks the message %s", w.lang, key)
			}
			if want, got := placeholders(said), placeholders(w.Messages[key]); want != got {
				t.Errorf("message %s in %s fills in %q; English %q", key, w.lang, got, want)
			}
		}
		for list, codes := range english.Codes {
			for code := range codes {
				if w.Codes[list][code] == "" {
					t.Errorf("%s lacks words for %s %s", w.lang, list, code)
				}
			}
		}
	}
	for _, b := range Boxes() {
		for _, lang := range Languages() {
			if b.Names[lang] == "" {
				t.Errorf("box %s lacks %s", b.Code, lang)
			}
		}
	}
	for _, typ := range Types() {
		for _, lang := range Languages() {
			if typ.Names[lang] == "" {
				t.Errorf("type %s lacks %s", typ.Code, lang)
			}
		}
	}
	for _, code := range []int{12, 13, 14, 15, 18, 26, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 92} {
		if NAKText(code, "bg") == "" {
			t.Errorf("NAKText(%d) is empty", code)
		}
	}
}

// placeholders are the names that a sentence fills in, sorted.
func placeholders(said string) string {
	names := placeholder.FindAllString(said, -1)
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " ")
}

func TestCatalogueIsWhole(t *testing.T) {
	if got := len(Codes("country")); got != 249 {
		t.Errorf("%d countries; want 249", got)
	}
	for _, code := range []string{"NO", "NA"} {
		if !listed("country", code) {
			t.Errorf("country %s is missing", code)
		}
	}
	if got := len(Types()); got != 24 {
		t.Errorf("%d form types; want 24", got)
	}
	for _, b := range Boxes() {
		if b.List != "" && len(Codes(b.List)) == 0 {
			t.Errorf("box %s: no code list %q", b.Code, b.List)
		}
		for lang, name := range b.Names {
			if strings.ContainsAny(name, "[]:0123456789") {
				t.Errorf("label of %s in %s: %q holds what the reader takes for structure", b.Code, lang, name)
			}
		}
	}
	for _, typ := range Types() {
		for _, code := range typ.Must {
			if _, ok := boxOf(code); !ok {
				t.Errorf("%s must have unknown box %s", typ.Code, code)
			}
		}
	}
}

// TestValues holds a box's value against the sentence expected, "" for none.
func TestValues(t *testing.T) {
	for _, c := range []struct{ box, value, key string }{
		{"B3", "EL", ""}, {"B3", "UK", ""}, {"B3", "XZ", ""}, {"B3", "XK", ""}, {"E5", "EU", "country"}, {"B3", "NA", ""}, {"B3", "NO", ""}, {"B3", "ZZ", "country"},
		{"B3", "Czech Republic", ""}, {"B3", "Turkey", ""}, {"B3", "Libyan Arab Jamahiriya", ""},
		{"B4", "NL RTM", "elsewhere"}, {"B4", "NL HAM", "elsewhere"}, {"B4", "LV RIX", ""}, {"B4", "XZ SHA", ""}, {"B4", "NL R0M", "shape-locode"},
		{"B7", "GB000060", "elsewhere"}, {"B7", "LV000060", ""}, {"B7", "GB00006", "shape-office"},
		{"C3", "2402 20", ""}, {"C3", "2402.20.90", ""}, {"C3", "2402", "hs-heading"}, {"C3", "770000", "hs"}, {"C3", "24022", "hs"},
		{"E6", "CSQU3054383", ""}, {"E6", "CSQU3054387", "check-digit"}, {"E6", "HELLO", "number-shape"},
		{"F7", "MRN:06DE586600006143E1", ""}, {"F7", "MRN:06DE586600006143E2", "check-digit"}, {"F7", "AWB:020-81140743", ""}, {"F7", "S10:RR473124829GB", ""}, {"F7", "HELLO", "shape-document"},
		{"C13", "50-36-2 85 %", ""}, {"C13", "50-36-3", "check-digit"},
		{"C4", "1.234,5", ""}, {"C4", "1 234.5", ""}, {"C4", "1'234.5", ""}, {"C4", "1.234", "ambiguous"}, {"C4", "1,234", "ambiguous"}, {"C4", "many", "number"}, {"C4", "-5", "number"}, {"C4", "0", "zero"},
		{"B1", "2012-02-07", ""}, {"B1", "03/04/2012", "date"}, {"B1", "25/04/2012", ""}, {"B1", "07.02.12", "date"}, {"B1", "2012-02-30", "date"},
		{"A13", "TLP:WHITE", ""}, {"A13", "AMBER+STRICT", ""}, {"A13", "TLP:PINK", "not-in-list"},
		{"A8", "2012-02-09T10:15:00+02:00", ""}, {"A8", "2012-02-09T10:15:00", "shape-dt"},
		{"C5", "kgm", ""}, {"C5", "Viss", "not-in-list"}, {"C8", "EUR", ""}, {"D5", "45", ""}, {"D6", "A4", ""}, {"E1", "16", ""}, {"E1", "Pedestrian", ""},
		{"A11", "H3", ""}, {"A14", "X", ""}, {"A15", "4", ""}, {"A9", "Z", "not-in-list"}, {"A2", "9.9", "version"},
	} {
		f := mustJSON(t, minimalSEZ)
		f.Set(c.box, c.value)
		problems := Check(f, Context{})
		if c.key != "" {
			if problemAt(problems, c.box, c.key) == nil {
				t.Errorf("%s: [%s] = %v; want %s", c.box, c.value, problems, c.key)
			}
			continue
		}
		for _, p := range problems {
			if p.Box == c.box {
				t.Errorf("%s: [%s] = %v; want nothing", c.box, c.value, p)
			}
		}
	}
}

func TestNormalisesAsTheRulesSay(t *testing.T) {
	for _, c := range []struct{ box, value, want string }{
		{"C4", "1.234,5", "1234.5"}, {"C4", "1 234.5", "1234.5"}, {"C4", "1'234.5", "1234.5"}, {"C4", "1,234.56", "1234.56"}, {"C4", "1.234.567", "1234567"}, {"C4", "12,5", "12.5"}, {"C4", "0,125", "0.125"}, {"C4", "1,234", "1,234"}, {"C4", "1234,567", "1234.567"},
		{"B3", "EL", "GR"}, {"B3", "uk", "GB"}, {"B3", "Macedonia the former Yugoslav Republic of", "MK"}, {"A13", "WHITE", "TLP:CLEAR"}, {"B4", "nl rtm", "NLRTM"},
		{"A8", "2012-02-09T12:15:00+02:00", "2012-02-09T10:15:00Z"}, {"B1", "25.4.2012", "2012-04-25"}, {"E1", "Commercial air", "4"},
		{"C2", "  a \u00a0 b\n\nc ", "a b // c"}, {"C3", "2402 20", "240220"},
	} {
		f := &Form{}
		f.Set(c.box, c.value)
		if got := f.Normal().Get(c.box); got != c.want {
			t.Errorf("Normal %s [%s] = %q; want %q", c.box, c.value, got, c.want)
		}
	}
}

func TestAmbiguousDecimalOffersBothReadings(t *testing.T) {
	f := mustJSON(t, minimalSEZ)
	f.Set("C4", "1,234")
	p := problemAt(Check(f, Context{}), "C4", "ambiguous")
	if p == nil || p.Code != 14 || p.Severity != Error || !strings.Contains(p.Message, "[1.2340]") || !strings.Contains(p.Message, "[1234]") {
		t.Errorf("problem = %+v; want 14 with both readings", p)
	}
	f.Set("C4", "1.234")
	g, _ := ParseText(f.Text(TextOptions{}))
	if got := Check(g, Context{}); HasErrors(got) {
		t.Errorf("with a valid A24: %v; want no error", got)
	}
}

func TestCheckValueIsSealedWhenReadNotWhenFilledIn(t *testing.T) {
	f, _ := ParseText(mustJSON(t, minimalSEZ).Text(TextOptions{}))
	f = f.Normal()
	f.Set("A13", "TLP:AMBER")
	if got := Check(f, Context{}); len(got) > 0 {
		t.Errorf("Check after filling in = %v; want none", got)
	}
	g, _ := ParseText(strings.Replace(mustJSON(t, minimalSEZ).Text(TextOptions{}), "548", "549", 1))
	if problemAt(Check(g, Context{}), "A24", "changed") == nil {
		t.Error("an edited form isn't noticed")
	}
}

const someHash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func TestNominalFollowsWhatStandsBeside(t *testing.T) {
	no := false
	for _, c := range []struct {
		boxes map[string]string
		addr  string
		p     *Profile
		want  bool
	}{
		{map[string]string{"E2": "ROAD", "E3": "AB 1"}, "E3", nil, true},
		{map[string]string{"E2": "IMO", "E3": "9074729"}, "E3", nil, false},
		{map[string]string{"E3": "9074729"}, "E3", nil, true},
		{map[string]string{"E2": "IMO", "E3.2": "AB1"}, "E3.2", nil, true},
		{map[string]string{"G2": "B", "G12": "X"}, "G12", nil, false},
		{map[string]string{"G12": "X"}, "G12", nil, true},
		{map[string]string{"G8": "LV"}, "G8", nil, false},
		{map[string]string{"G8": "LV", "G3": "X"}, "G8", nil, true},
		{map[string]string{"X1": "x"}, "X1", nil, true},
		{map[string]string{"X1": "x"}, "X1", &Profile{Extra: []ExtraBox{{Code: "X1", Nominal: &no}}}, false},
		{map[string]string{"X1": "x"}, "X1", &Profile{Extra: []ExtraBox{{Code: "X1"}}}, true},
		{map[string]string{"Z9": "x"}, "Z9", nil, true},
		{map[string]string{"F7": "S10:RR473124829GB"}, "F7", nil, true},
		{map[string]string{"F7": "BL:1"}, "F7", nil, false},
		{map[string]string{"A22": "a.pdf;1;" + someHash}, "A22", nil, false},
		{map[string]string{"A22": "a.pdf;1;" + someHash + ";N"}, "A22", nil, true},
		{map[string]string{"A22": "a.pdf;1;ab"}, "A22", nil, true},
		{map[string]string{"A22": "a.pdf"}, "A22", nil, true},
		{map[string]string{"G16": "U18"}, "G16", nil, false},
		{map[string]string{"P5": "x"}, "P5", nil, true},
	} {
		f := &Form{}
		for box, v := range c.boxes {
			f.Set(box, v)
		}
		if got := Nominal(f, c.addr, c.p); got != c.want {
			t.Errorf("Nominal(%v, %s) = %v; want %v", c.boxes, c.addr, got, c.want)
		}
		if got := IsNominal(f, c.p); got != c.want {
			t.Errorf("IsNominal(%v) = %v; want %v", c.boxes, got, c.want)
		}
	}
}

func TestNominalFormNeedsLegalBasisAndItsValuesStayOutOfMessages(t *testing.T) {
	f := mustJSON(t, minimalSEZ)
	f.Set("G3", "Testperson")
	f.Set("G9", "Mystery")
	f.Set("A16", "N")
	problems := Check(f, Context{})
	if problemAt(problems, "A17", "missing-code") == nil || problemAt(problems, "A16", "nominal-declared-no") == nil {
		t.Errorf("Check = %v; want A17 missing and A16 doubted", problems)
	}
	for _, p := range problems {
		if strings.Contains(p.Message, "MYSTERY") {
			t.Errorf("%q repeats a personal value", p.Message)
		}
	}
	if problemAt(Check(f, Context{Legal: "NAPLES2"}), "A17", "missing-code") != nil {
		t.Error("A17 is missed though the operation has a legal basis")
	}
}

func TestClassifiedMarksAreRefused(t *testing.T) {
	f := mustJSON(t, minimalSEZ)
	f.Set("H1", "RESTREINT UE/EU RESTRICTED")
	if problemAt(Check(f, Context{}), "H1", "nak-67") == nil {
		t.Error("an EU mark passes")
	}
	f.Set("H1", "LIMITE")
	if HasErrors(Check(f, Context{})) {
		t.Error("LIMITE is no classification")
	}
}

func TestHandlingH3WantsItsText(t *testing.T) {
	f := mustJSON(t, minimalSEZ)
	f.Set("A11", "H0", "H3")
	if problemAt(Check(f, Context{}), "A12", "nak-13") == nil {
		t.Error("H3 without A12 passes")
	}
}

func TestUnitsInWordsBecomeCodesAndStayReadable(t *testing.T) {
	for _, c := range [][3]string{{"Tablet", "H87", "120 Tablet"}, {"Piece", "H87", "120 Piece"}, {"Cc", "CMQ", ""}, {"Cubic Centimeter", "CMQ", ""}, {"kg", "KGM", ""}, {"Stück", "H87", ""},
		{"Thousand of tablets", "MIL", "120 Thousand of tablets"}, {"Viss", "VISS", "120 Viss"}, {"Barette", "BARETTE", "120 Barette"}, {"Trip", "TRIP", "120 Trip"}, {"KGM", "KGM", ""}} {
		f := &Form{}
		f.Set("C4", "120")
		f.Set("C5", c[0])
		if n := f.Normal(); n.Get("C5") != c[1] || n.Get("C6") != c[2] {
			t.Errorf("[%s] = %s, C6 %q; want %s, %q", c[0], n.Get("C5"), n.Get("C6"), c[1], c[2])
		}
	}
}

func TestContentHashIgnoresCheckValueAndSpelling(t *testing.T) {
	f, g := mustJSON(t, minimalSEZ), mustJSON(t, minimalSEZ)
	g.Set("A24", "AAAAAA")
	g.Set("C4", "548,1544")
	if f.ContentHash() != g.ContentHash() {
		t.Error("hashes differ")
	}
	g.Set("C4", "548.1545")
	if f.ContentHash() == g.ContentHash() {
		t.Error("hashes agree over different content")
	}
}

func TestAddressesComeInCatalogueOrder(t *testing.T) {
	f := &Form{}
	for i, a := range []string{"X1", "E3.2", "C4.10", "C4.2", "C1.2", "A10", "A2", "C4", "H1"} {
		f.Set(a, strconv.Itoa(i))
	}
	want := []string{"A2", "A10", "C4", "C1.2", "C4.2", "C4.10", "E3.2", "H1", "X1"}
	if d := cmp.Diff(want, f.Addresses()); d != "" {
		t.Error(d)
	}
	if f.Rows("C") != 10 || f.Rows("E") != 2 || f.Rows("G") != 0 {
		t.Errorf("rows = %d %d %d", f.Rows("C"), f.Rows("E"), f.Rows("G"))
	}
}

// TestSensitiveIsWhatTheDesignMarks: S by itself, and S as long as nothing beside
// makes it nominal.
func TestSensitiveIsWhatTheDesignMarks(t *testing.T) {
	for _, box := range strings.Fields("A3 A12 A21 A22 B11 C11 E3 E3.2 E6 F7 G8 G9 G14") {
		if !Sensitive(box, nil) {
			t.Errorf("%s isn't sensitive", box)
		}
	}
	for _, box := range strings.Fields("A1 A13 B3 B5 C1 C4 D1 E1 E7 F1 G1 G16 G17 H1 K1 P1 T1 Q1") {
		if Sensitive(box, nil) || Nominal(&Form{}, box, nil) {
			t.Errorf("%s is sensitive or nominal", box)
		}
	}
	for _, box := range strings.Fields("G3 G4 G5 G6 G7 G10 G11 G13 G15 P5 Z9 X1") {
		if !Nominal(&Form{}, box, nil) {
			t.Errorf("%s isn't nominal", box)
		}
	}
}

// TestCheckValueMayBeReadOutInPart: four to six characters, in any case.
func TestCheckValueMayBeReadOutInPart(t *testing.T) {
	f := mustJSON(t, minimalSEZ)
	whole := f.CheckValue()
	for given, changed := range map[string]bool{whole: false, strings.ToLower(whole[:4]): false, whole[:5]: false, whole[:2] + " " + whole[2:]: false, whole[:3]: true, "AAAAAA": true, whole + "A": true} {
		f.Set("A24", given)
		if f.Changed() != changed {
			t.Errorf("A24 [%s] of %s: Changed = %v", given, whole, f.Changed())
		}
	}
}

func TestUnsaidProblemRepeatsNothingInAnyLanguage(t *testing.T) {
	profile := &Profile{Extra: []ExtraBox{{Code: "X1"}}}
	for key := range theWords()[0].Messages {
		p := newProblem(key, 14, Error, "ZQ77", map[string]string{"value": "SENT", "first": "SENT", "second": "SENT", "type": "SENT", "outside": "SENT", "new": "SENT", "example": "ours"})
		for _, lang := range Languages() {
			if got := p.Unsaid(profile).Say(lang); strings.Contains(got, "SENT") || strings.Contains(got, "ZQ77") {
				t.Errorf("%s in %s repeats what was sent: %s", key, lang, got)
			}
		}
	}
	for _, p := range []Problem{{Code: 18, Severity: Error, Message: "SENT"}, newProblem("beside-form", 18, Warning, "", map[string]string{"list": "SENT"}),
		newProblem("not-normal", 14, Warning, "", map[string]string{"list": "SENT"})} {
		if got := p.Unsaid(nil); strings.Contains(got.Message+got.In("lv"), "SENT") {
			t.Errorf("%s repeats what was sent: %s", p.Key, got.Message)
		}
	}
	for box, want := range map[string]string{"C4": "C4", "C4.12": "C4.12", "X1": "X1", "X2": "[*]", "B3.2": "[*]", "": ""} {
		if got := newProblem("number", 14, Error, box, nil).Unsaid(profile).Box; got != want {
			t.Errorf("box %q is named %q; want %q", box, got, want)
		}
	}
}
