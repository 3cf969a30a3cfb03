package form

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compiled is the schema as the library understands it, with formats asserted.
var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(nothing{})
	c.AssertFormat()
	if err := c.AddResource(schemaID, doc); err != nil {
		return nil, err
	}
	return c.Compile(schemaID)
})

// nothing loads no schema: the library would read files otherwise.
type nothing struct{}

func (nothing) Load(url string) (any, error) { return nil, errors.New("no schema " + url) }

// valid holds form.json against the schema.
func valid(t testing.TB, data []byte) error {
	t.Helper()
	schema, err := compiled()
	if err != nil {
		t.Fatalf("schema: %v", err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return schema.Validate(doc)
}

// beyondSchema are the errors that a schema can't say.
var beyondSchema = []string{"ambiguous", "nak-67", "shape-hours"}

// spoil changes a sound form so that it may be unsound.
func (s sampler) spoil(f *Form) {
	boxes := Boxes()
	junk := []string{"", "-", "x", "Ž", "0", "-5", "1,5", "12 XX", "2012-13-01", "03/04/2012", "LV", "EU", "XK", "XZ", "a;b", "BL:1", "NOPE:1", "Y", "Q", "TLP:PINK", "95.0/10", "45/190", "Y 2027-02-30", "O1;Z", "2027-03-01/2027-01-01", "LVRIX", "ZZRIX", "770000", strings.Repeat("x", 70), strings.Repeat("y ", 3100), "PASSPORT;1;ZZ", "9f86", "[x]", "((", "9.9", "H3"}
	for range 1 + s.IntN(3) {
		b := pick(s, boxes)
		a := address{b.Code, 1}
		if a.grouped() {
			a.row = 1 + s.IntN(2)
		}
		switch s.IntN(4) {
		case 0:
			f.Set(a.String())
		case 1:
			f.Set(a.String(), s.values(pick(s, boxes), "en")...)
		case 2:
			f.Set(a.String(), s.values(b, "en")...)
		default:
			f.Set(a.String(), pick(s, junk))
		}
	}
	if s.IntN(20) == 0 {
		many := make([]string, 120)
		for i := range many {
			many[i] = fmt.Sprintf("X%d", i)
		}
		f.Set(pick(s, []string{"E7", "D4", "A7"}), many...)
	}
	if s.IntN(10) == 0 {
		f.Set("C4", "0.00")
	}
	if s.IntN(20) == 0 {
		f.Set("A1", pick(s, append(codesOf("form-type"), "XYZ")))
	}
}

// TestSchemaAndCheckAgree holds their verdicts on generated forms against one
// another, sound ones and spoiled ones of every type.
func TestSchemaAndCheckAgree(t *testing.T) {
	s := newSampler(3)
	counts := map[bool]int{}
	for i := range 1000 {
		typ := Types()[i%len(Types())]
		f := s.form(typ.Code, pick(s, Languages()))
		if i%8 > 0 {
			s.spoil(f)
		}
		f = f.Normal()
		var errs []Problem
		for _, p := range Check(f, Context{Received: true, Legal: "NAPLES2"}) {
			if p.Severity == Error && !slices.Contains(beyondSchema, p.Key) {
				errs = append(errs, p)
			}
		}
		invalid := valid(t, f.JSON())
		counts[invalid == nil]++
		if (invalid == nil) != (len(errs) == 0) {
			where := ""
			for _, p := range errs {
				where += fmt.Sprintf(" %s %s %q", p.Box, p.Key, f.All(p.Box))
			}
			t.Errorf("form %d (%s): Check finds%s\nthe schema: %v", i, f.Type(), where, invalid)
		}
	}
	t.Logf("%d valid, %d invalid", counts[true], counts[false])
	if counts[true] < 100 || counts[false] < 100 {
		t.Errorf("%v: too one-sided to say anything", counts)
	}
}

// TestSchemaRefusesWhatIsNoForm: shapes that no form has.
func TestSchemaRefusesWhatIsNoForm(t *testing.T) {
	for _, s := range []string{`[]`, `{}`, `{"A1":7}`, `{"A1":["SEZ"]}`, `{"A1":"MSG","H1":"x","A7":"LV"}`, `{"A1":"MSG","H1":"x","a1":"x"}`, `{"A1":"MSG","H1":"x","C4":"1"}`, `{"A1":"MSG","H1":"x","C":{}}`,
		`{"A1":"MSG","H1":"x","C":[{"E1":"1"}]}`, `{"A1":"MSG","H1":"x","C":[{"C4":1}]}`, `{"A1":"MSG","H1":null}`, `{"A1":"MSG","H1":"x","B5":{}}`, `{"A1":"COR","A5":["LV-VID-2012-000017"],"E":[{"#":0}]}`, `{"A1":"MSG","H1":"x","A01":"y"}`} {
		if valid(t, []byte(s)) == nil {
			t.Errorf("the schema takes %s", s)
		}
	}
	for _, s := range []string{`{"A1":"MSG","H1":"x","X1":"y","Z9":["a","b"],"A99":"z"}`, `{"A1":"COR","A5":["LV-VID-2012-000017"],"B5":"-","E":[{"#":2,"E3":"x"},{"#":3,"-":true}]}`, `{"A1":"WRN","E":[{"E1":"3"},{},{"E1":"4"}]}`} {
		if err := valid(t, []byte(s)); err != nil {
			t.Errorf("the schema refuses %s: %v", s, err)
		}
	}
}
