package form

import (
	"strings"
	"testing"
)

// TestHostileJSONIsRefusedInWords: nothing of it may hang, guess or pass, and the
// refusal says what is wrong.
func TestHostileJSONIsRefusedInWords(t *testing.T) {
	rows := `{"C":[` + strings.TrimSuffix(strings.Repeat(`{"C1":"DRUG"},`, 100), ",") + `]}`
	var boxes strings.Builder
	boxes.WriteString(`{"A1":"SEZ"`)
	for i := range 60 {
		for j := range 100 {
			boxes.WriteString(`,"` + string(rune('A'+i%26)) + string(rune('H'+i/26)) + itoa(j) + `":"x"`)
		}
	}
	boxes.WriteString("}")
	for _, c := range []struct{ name, json, key string }{
		{"empty", ``, "json-cut"}, {"blank", " \n", "json-cut"}, {"cut short", `{"A1":"SEZ"`, "json-cut"}, {"cut in a string", `{"A1":"SE`, "json-cut"},
		{"an array", `[]`, "json-object"}, {"a string", `"SEZ"`, "json-object"}, {"null", `null`, "json-object"}, {"a number", `17`, "json-object"},
		{"text behind", `{"A1":"SEZ"} x`, "json-more"}, {"two forms", `{"A1":"SEZ"}{"A1":"MSG"}`, "json-more"},
		{"duplicate key", `{"A1":"SEZ","A1":"WRN"}`, "json-twice"}, {"duplicate key, escaped", `{"A1":"SEZ","\u00411":"WRN"}`, "json-twice"}, {"duplicate in a row", `{"C":[{"C1":"DRUG","C1":"TOBA"}]}`, "json-twice"}, {"duplicate group", `{"C":[],"C":[]}`, "json-twice"}, {"a row twice", `{"E":[{"#":2,"E3":"a"},{"#":2,"E3":"b"}]}`, "json-twice"},
		{"trailing comma", `{"A1":"SEZ",}`, "json-broken"}, {"single quotes", `{'A1':'SEZ'}`, "json-broken"}, {"comment", `{/*x*/"A1":"SEZ"}`, "json-broken"}, {"NaN", `{"A1":NaN}`, "json-broken"}, {"control character", "{\"A1\":\"S\nEZ\"}", "json-broken"},
		{"deep array", `{"X1":` + strings.Repeat("[", 100000), "json-strings"}, {"deep object", `{"x":` + strings.Repeat(`{"a":`, 100000), "json-deep"}, {"deep outside", strings.Repeat(`[`, 5000), "json-object"},
		{"not UTF-8", "{\"B5\":\"R\xeega\"}", "json-utf8"}, {"UTF-16", "\xff\xfe{\x00}\x00", "json-utf8"}, {"lone surrogate", `{"B5":"\ud83d"}`, "json-utf8"}, {"low surrogate first", `{"B5":"\ude42\ud83d"}`, "json-utf8"}, {"half at the end", `{"B5":"x\ud83dx"}`, "json-utf8"},
		{"group as object", `{"C":{}}`, "json-rows"}, {"too many rows", rows, "json-rows"}, {"row as string", `{"C":["x"]}`, "json-object"},
		{"row number late", `{"E":[{"E3":"a","#":2}]}`, "json-row"}, {"row number wrong", `{"E":[{"#":0}]}`, "json-row"}, {"row number huge", `{"E":[{"#":1e400}]}`, "json-row"}, {"row number a string", `{"E":[{"#":"2"}]}`, "json-row"}, {"row removed by a string", `{"E":[{"#":2,"-":"yes"}]}`, "json-row"},
		{"numbers in an array", `{"A7":["LV",1e999999]}`, "json-strings"}, {"too many boxes", boxes.String(), "json-boxes"},
		{"too large", `{"H1":"` + strings.Repeat("x", 10<<20) + `"}`, "nak-68"},
	} {
		f, problems := ParseJSON([]byte(c.json))
		if f != nil || len(problems) != 1 || problems[0].Key != c.key || problems[0].Severity != Error || problems[0].Message == "" {
			t.Errorf("%s: %v, %.200v; want %s", c.name, f != nil, problems, c.key)
		}
		for _, lang := range Languages() {
			for _, p := range problems {
				if s := p.In(lang); s == "" || strings.Contains(s, "{value}") {
					t.Errorf("%s in %s: %q", c.name, lang, s)
				}
			}
		}
	}
}

func itoa(n int) string {
	return strings.TrimPrefix(string(rune('0'+n/10))+string(rune('0'+n%10)), "0")
}

// TestMisshapenBoxesAreLeftOutAndNamed: one bad box doesn't cost the others.
func TestMisshapenBoxesAreLeftOutAndNamed(t *testing.T) {
	for _, c := range []struct{ json, box, key string }{
		{`{"A1":7}`, "A1", "json-string"}, {`{"A7":"LV"}`, "A7", "json-array"}, {`{"A1":["SEZ"]}`, "A1", "json-string"}, {`{"A1":null}`, "A1", "json-string"}, {`{"A1":true}`, "A1", "json-string"}, {`{"A1":{"b":[1]}}`, "A1", "json-string"}, {`{"C4":"1"}`, "", "json-key"}, {`{"a1":"SEZ"}`, "", "json-key"},
		{`{"A01":"x"}`, "", "json-key"}, {`{"":"x"}`, "", "json-key"}, {`{"__proto__":{"A1":"x"}}`, "", "json-key"}, {`{"C":[{"E1":"1"}]}`, "", "json-key"}, {`{"C":[{"C0":"-"}]}`, "", "json-key"}, {`{"A1":1e999999}`, "A1", "json-string"}, {`{"C":[{"C4":548.1544}]}`, "C4", "json-string"},
	} {
		f, problems := ParseJSON([]byte(strings.Replace(c.json, "{", `{"B5":"Riga",`, 1)))
		if f == nil || len(problems) != 1 || problems[0].Box != c.box || problems[0].Key != c.key || f.Get("B5") != "Riga" || len(f.Addresses()) != 1 {
			t.Errorf("%s: %v, %v; want %s at %q and the other box", c.json, f, problems, c.key, c.box)
		}
	}
}

func TestJSONWithAByteOrderMarkIsRead(t *testing.T) {
	f, problems := ParseJSON([]byte("\ufeff" + minimalSEZ))
	if f == nil || len(problems) > 0 || f.Type() != "SEZ" {
		t.Errorf("%v, %v", f, problems)
	}
	f, problems = ParseJSON([]byte(`{"B5":"\ud83d\ude42 \\ud800"}`))
	if f == nil || len(problems) > 0 || f.Get("B5") != `🙂 \ud800` {
		t.Errorf("%v, %v", f, problems)
	}
}
