package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"

	"liaison/gateway/form"
)

// formRun runs one command line in process.
func formRun(in string, args ...string) (out, errs string, code int) {
	var o, e bytes.Buffer
	code = run(context.Background(), args, streams{strings.NewReader(in), &o, &e})
	return o.String(), e.String(), code
}

const sez = `{"A1":"SEZ","A2":"1.0","A3":"OP-7K3","A4":"LV-VID-2012-000017","A6":"LV","B1":"2012-02-09","B3":"LV","B5":"Rēzekne","C":[{"C1":"DRUG","C2":"4-MEC ((x)) [1]","C4":"548.1544","C5":"GRM","C14":"SEZ"}]}`

func TestFormGoesThroughTextAndBackInEveryLanguage(t *testing.T) {
	for _, lang := range form.Languages() {
		text, errs, code := formRun(sez, "form", "encode", "--lang", lang, "--words")
		if code != exitDone || errs != "" {
			t.Fatalf("encode --lang %s = %d, %s", lang, code, errs)
		}
		out, errs, code := formRun(text, "form", "decode")
		if code != exitDone || errs != "" {
			t.Errorf("decode of %s = %d, %s", lang, code, errs)
		}
		var f, want form.Form
		if err := json.Unmarshal([]byte(out), &f); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(sez), &want); err != nil {
			t.Fatal(err)
		}
		f.Set("A24")
		if !f.Equal(&want) {
			t.Errorf("%s comes back as %s", lang, out)
		}
		if _, _, code := formRun(text, "form", "check"); code != exitDone {
			t.Errorf("check of %s = %d", lang, code)
		}
	}
}

// TestDecodeTakesWhateverHoldsAForm: what a person finds in a mail program's
// folder or window.
func TestDecodeTakesWhateverHoldsAForm(t *testing.T) {
	text, _, _ := formRun(sez, "form", "encode", "--lang", "lv")
	baltic, err := charmap.Windows1257.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	mail := "From: jco@vid.example\r\nTo: ocu@gateway.example\r\nDate: Thu, 09 Feb 2012 10:15:00 +0200\r\nMessage-ID: <1@vid.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=windows-1257\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + baltic
	html := "<html><body><table>" + strings.NewReplacer("\n", "</td></tr>\n", "  ", "<tr><td>&nbsp;").Replace(text) + "</table></body></html>"
	for name, in := range map[string]string{"text": text, "byte order mark": "\ufeff" + text, "windows-1257": baltic, "mail": mail, "HTML": html, "quoted": "> " + strings.ReplaceAll(text, "\n", "\n> "), "form.json": sez, "form.json with a mark": "\ufeff" + sez} {
		out, errs, code := formRun(in, "form", "decode")
		if code != exitDone || !strings.Contains(out, `"B5":"Rēzekne"`) || !strings.Contains(out, `"C4":"548.1544"`) {
			t.Errorf("%s: %d, %s%s", name, code, out, errs)
		}
		if (name == "windows-1257") != strings.Contains(errs, "Windows 1257") {
			t.Errorf("%s: says %q of its charset", name, errs)
		}
	}
}

// TestFormCommandsAnswerWithTheirExitCode: what is said where, and the code.
func TestFormCommandsAnswerWithTheirExitCode(t *testing.T) {
	text, _, _ := formRun(sez, "form", "encode")
	for _, c := range []struct {
		name, in  string
		args      string
		code      int
		out, errs string // what must be in them
	}{
		{"blank", "", "new SEZ --lang de", exitDone, "* Menge C4: []", "Next: fill it in"},
		{"blank in small letters", "", "new sez", exitDone, "A1: [SEZ]", "Next: fill it in"},
		{"blank with rows", "", "new WRN --rows 3", exitDone, "E3.3: []", "Next: fill it in"},
		{"blank, long", "", "new MSG --long", exitDone, "A22: []", "Next: fill it in"},
		{"no such type", "", "new ABC", exitUsage, "", "the types are OPN REG"},
		{"no such language", "", "new SEZ --lang xx", exitUsage, "", "there are in en"},
		{"too many rows", "", "new SEZ --rows 100", exitUsage, "", "use 1 to 99"},
		{"no type", "", "new", exitUsage, "", "--help"},
		{"blank is not valid", "A1: [SEZ] A2: [1.0] C4: []", "check", exitNo, "Quantity (box C4) is empty. Write a number inside the brackets, e.g. C4: [120]. (error 13 C4)\n", "mend what is named above"},
		{"in the form's own language", "A1: [SEZ] A19: [de] C4: []", "check", exitNo, "Menge (Feld C4) ist leer", ""},
		{"in another language", "A1: [SEZ] A19: [de] C4: []", "check --lang bg", exitNo, "Количество (клетка C4): клетката е празна", ""},
		{"as JSON", "A1: [SEZ] C4: []", "check --json", exitNo, `"code":13,"severity":"error","box":"C4","message":"Quantity (box C4) is empty.`, ""},
		{"valid", text, "check --lang fr", exitDone, "Le formulaire est valable.\n", ""},
		{"valid as JSON", text, "check --json", exitDone, "", ""},
		{"edited", strings.Replace(text, "548", "549", 1), "check", exitDone, "(warning 14 A24)", ""},
		{"edited, decoded", strings.Replace(text, "548", "549", 1), "decode", exitDone, `"C4":"549.1544"`, "changed after sending"},
		{"two readings", "A1: [SEZ] C4: [1.234]", "decode", exitNo, `{"A1":"SEZ"}`, "Write C4: [1.2340] or C4: [1234]"},
		{"two readings, checked", "A1: [SEZ] C4: [1,234]", "check", exitNo, "Write C4: [1.2340] or C4: [1234]. (error 14 C4)", ""},
		{"a box lost", "A1: [SEZ] C2: [abc C4: [120]", "decode", exitNo, `{"A1":"SEZ","C":[{"C4":"120"}]}`, "Description (box C2) was lost"},
		{"no form", "Good morning", "decode", exitNo, "", "No form was found"},
		{"nothing", "", "check", exitNo, "No form was found", ""},
		{"broken JSON", `{"A1":`, "check", exitNo, "form.json ends too early", ""},
		{"huge", strings.Repeat("x", 12<<20), "check", exitNo, "(error 68)", ""},
		{"no file", "", "decode nowhere.txt", exitUsage, "", "nowhere.txt: no such file"},
		{"text from text", text, "decode --to text --lang el", exitDone, "Ποσότητα C4: [548.1544]", ""},
		{"schema", "", "schema", exitDone, `"https://json-schema.org/draft/2020-12/schema"`, ""},
		{"help", "", "new --help", exitDone, "SEZ  Seizure", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, code := formRun(c.in, append([]string{"form"}, strings.Fields(c.args)...)...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) || c.out == "" && out != "" {
				t.Errorf("form %s = %d\nout: %.600s\nerr: %.600s\nwant %d, %q, %q", c.args, code, out, errs, c.code, c.out, c.errs)
			}
			if code == exitDone && c.errs == "" && errs != "" {
				t.Errorf("says %q though nothing is wrong", errs)
			}
		})
	}
}

const profiled = `operation: OP-001
title: x
organiser: LV
legal_basis: NAPLES2
phases:
  preparation: {from: 2026-11-02, to: 2027-01-10}
  operation: {from: 2027-01-11, to: 2027-01-17}
  evaluation: {from: 2027-01-18, to: 2027-02-15}
forms:
  use: [SEZ]
  require: {SEZ: [E1, X1]}
  restrict: {C1: [TOBA]}
  boxes: [{code: X1, labels: {en: Seal colour}}]
  labels: {pl: {C4: Ilość}}
participants: []
`

func TestOperationsProfileIsFollowed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "operation.yaml")
	write := func(s string) {
		if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(profiled)
	out, _, code := formRun("", "form", "new", "SEZ", "--operation", file, "--lang", "pl")
	if code != exitDone || !strings.Contains(out, "A3: [OP-001]") || !strings.Contains(out, "* Seal colour X1: []") || !strings.Contains(out, "* Ilość C4: []") || !strings.Contains(out, "C1 = TOBA tobacco\n") {
		t.Errorf("new = %d\n%s", code, out)
	}
	out, _, code = formRun(sez, "form", "check", "--operation", file)
	for _, want := range []string{"(error 13 E1)", "Seal colour (box X1) is empty", "(error 12 C1)"} {
		if code != exitNo || !strings.Contains(out, want) {
			t.Errorf("check = %d\n%s\nwant %s", code, out, want)
		}
	}
	if out, _, _ = formRun(`{"A1":"WRN"}`, "form", "check", "--operation", file); !strings.Contains(out, "not used in this operation") {
		t.Errorf("check of a WRN:\n%s", out)
	}
	write(strings.Replace(profiled, "[E1, X1]", "[E1, Z9]", 1))
	if _, errs, code := formRun("", "form", "new", "SEZ", "--operation", file); code != exitUsage || !strings.Contains(errs, "there is no box Z9") {
		t.Errorf("new = %d, %s", code, errs)
	}
}
